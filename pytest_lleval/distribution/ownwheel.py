"""A wheel of this package as it runs here, whatever it was installed from."""

from __future__ import annotations

import email
import importlib.metadata
import importlib.util
import json
import subprocess
import sys
import zipfile
from email.message import Message
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from ..core.errors import UsageError
from ..disclosure.fingerprint import digest_modules
from ..support.digest import digest_file
from .inventory import ROOT
from .rebuilding import rebuild_wheel

__all__ = ["check_wheel", "make_wheel", "read_metadata"]

_PACKAGE = "pytest_lleval/"
_BUILD_SECONDS = 300
_OTHERWISE = "name a wheel of it by --wheel FILE"


def make_wheel(folder: Path) -> Path:
    """Make a wheel of this package.

    :param folder: where to
    :raises UsageError: when it can be made neither of what is installed nor of the source tree behind it
    """
    try:
        distribution = importlib.metadata.distribution(ROOT)
    except importlib.metadata.PackageNotFoundError as error:
        raise UsageError(f"{ROOT} is not installed here, only imported: {_OTHERWISE}") from error
    origin = json.loads(distribution.read_text("direct_url.json") or "{}")
    if origin.get("dir_info", {}).get("editable"):
        return _build(Path(url2pathname(urlsplit(origin["url"]).path)), folder)
    return rebuild_wheel(distribution, folder)


def check_wheel(wheel: Path, code: object) -> str:
    """Return the sha256 of a wheel's file, when it holds the code it should.

    :param code: digest of the code, see `disclosure.fingerprint`
    :raises UsageError: when it is no wheel of this package, or one of other code
    """
    try:
        with zipfile.ZipFile(wheel) as archive:
            names = [name for name in archive.namelist() if name.startswith(_PACKAGE) and name.endswith(".py")]
            found = digest_modules((name.removeprefix(_PACKAGE), archive.read(name)) for name in names)
    except (OSError, zipfile.BadZipFile) as error:
        raise UsageError(f"{str(wheel)!r} is no wheel that can be read ({error})") from error
    if not names:
        raise UsageError(f"{str(wheel)!r} is a wheel, but not one of {ROOT}")
    if found != code:
        raise UsageError(
            f"{str(wheel)!r} holds other code (digest {found[:12]}) than runs here ({str(code)[:12]}): hosts would not "
            "run the same evaluation; build it from what is installed here, or install it here"
        )
    return digest_file(wheel)


def read_metadata(wheel: Path) -> Message:
    """Return the core metadata of a wheel."""
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        return email.message_from_string(archive.read(name).decode("utf-8"))


def _build(source: Path, folder: Path) -> Path:
    if not (source / "pyproject.toml").is_file():
        raise UsageError(f"{ROOT} is installed from {str(source)!r}, which is gone: {_OTHERWISE}")
    failures = []
    for words in _list_builders():
        reason = _run([*words, str(folder), str(source)], folder)
        built = [*folder.glob("pytest_lleval-*.whl")]
        if built and not reason:
            return built[0]
        failures.append(f"{' '.join(words[1:4])}: {reason or 'no wheel'}")
    raise UsageError(
        f"no wheel could be built from {str(source)!r} ({'; '.join(failures) or 'neither pip nor uv is here'}): "
        f"{_OTHERWISE}"
    )


def _run(command: list[str], folder: Path) -> str:
    """Run a command; return why it failed."""
    try:
        done = subprocess.run(  # noqa: S603  # fixed words and this interpreter
            command, cwd=folder, capture_output=True, text=True, errors="replace", check=False, timeout=_BUILD_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    lines = [line.strip() for line in (done.stdout + done.stderr).splitlines() if line.strip()]
    return "" if done.returncode == 0 else (lines or [f"status {done.returncode}"])[-1]


def _list_builders() -> list[list[str]]:
    """Return commands that build a wheel, to be followed by the folder for it and the source tree."""
    found = []
    if importlib.util.find_spec("pip") is not None:
        pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--disable-pip-version-check"]
        if importlib.util.find_spec("hatchling") is not None:
            found.append([*pip, "--no-build-isolation", "--wheel-dir"])
        found.append([*pip, "--wheel-dir"])
    if importlib.util.find_spec("uv") is not None:
        found.append([sys.executable, "-m", "uv", "build", "--quiet", "--wheel", "--out-dir"])
    return found
