"""Makes a wheel again of a distribution that is installed here, from its RECORD.

A wheel is a zip file of what is installed, with scripts and data files under other names
(https://packaging.python.org/en/latest/specifications/binary-distribution-format/). Every file must still have the
digest that was recorded when it was installed.
"""

from __future__ import annotations

import base64
import configparser
import csv
import hashlib
import importlib.metadata
import io
import json
import re
import sysconfig
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from ..core.errors import HostError

__all__ = ["name_wheel", "rebuild_wheel"]

#: what the installer adds, beside scripts and bytecode
_INSTALLED = frozenset({"RECORD", "INSTALLER", "REQUESTED", "direct_url.json", "uv_cache.json"})
_SHEBANG = re.compile(rb"\A#!.*python[^\n]*")
_DATE = (1980, 1, 1, 0, 0, 0)
#: a network is slower than this, and the files are used once
_LEVEL = 1


def name_wheel(distribution: importlib.metadata.Distribution) -> str:
    """Return the file name of the wheel that a distribution was installed from.

    :raises HostError: when it was not installed from one
    """
    text = distribution.read_text("WHEEL")
    if text is None or _is_editable(distribution):
        raise HostError(f"{distribution.name} {distribution.version} was not installed from a wheel here")
    tags = [line.partition(":")[2].strip().split("-") for line in text.splitlines() if line.startswith("Tag:")]
    parts = [".".join(dict.fromkeys(tag[place] for tag in tags)) for place in range(3)]
    folder = _find_info(distribution)
    return "-".join([folder.removesuffix(".dist-info"), *parts]) + ".whl"


def rebuild_wheel(distribution: importlib.metadata.Distribution, folder: Path) -> Path:
    """Write the wheel that a distribution was installed from; the same one each time.

    :param folder: where to
    :raises HostError: when a file of it is gone, is another one now, or is in a place that wheels have no name for
    """
    target = folder / name_wheel(distribution)
    info = _find_info(distribution)
    rows = []
    try:
        with zipfile.ZipFile(target, "w") as archive:
            for name, path, content in sorted(_read_files(distribution, info)):
                _write(archive, name, content, executable=bool(path.stat().st_mode & 0o111))
                rows.append((name, f"sha256={_encode(hashlib.sha256(content).digest())}", len(content)))
            record = io.StringIO(newline="")
            csv.writer(record, lineterminator="\n").writerows([*rows, (f"{info}/RECORD", "", "")])
            _write(archive, f"{info}/RECORD", record.getvalue().encode(), executable=False)
    except BaseException:
        target.unlink(missing_ok=True)
        raise
    return target


def _read_files(distribution: importlib.metadata.Distribution, info: str) -> Iterator[tuple[str, Path, bytes]]:
    """Yield name inside the wheel, place here and content of what a distribution installed."""
    root = Path(str(distribution.locate_file("")))
    generated = _list_commands(distribution)
    scripts = f"{_stem(info)}.data/scripts/"
    for file in distribution.files or []:
        inside = PurePosixPath(file)
        if file.suffix == ".pyc" or (inside.parent.name == info and inside.name in _INSTALLED):
            continue
        path = Path(str(distribution.locate_file(file)))
        name = inside.as_posix() if ".." not in inside.parts else _name_outside(path, root, info)
        if name.startswith(scripts) and path.name.removesuffix(".exe") in generated:
            continue
        content = _read_checked(distribution, file, path)
        # the installer writes its interpreter into scripts; this marker has the next one do so too
        yield name, path, _SHEBANG.sub(b"#!python", content, count=1) if name.startswith(scripts) else content


def _read_checked(
    distribution: importlib.metadata.Distribution, file: importlib.metadata.PackagePath, path: Path
) -> bytes:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise HostError(f"{distribution.name}: its file {file} cannot be read ({error.strerror})") from error
    recorded = file.hash
    if recorded is None:
        raise HostError(f"{distribution.name}: no digest of its file {file} was recorded")
    if recorded.value != _encode(hashlib.new(recorded.mode, content).digest()):
        raise HostError(f"{distribution.name}: its file {file} is not the one that was installed")
    return content


def _name_outside(path: Path, root: Path, info: str) -> str:
    """Return the name inside a wheel of what is installed beside the modules."""
    resolved = path.resolve()
    places = {"scripts": sysconfig.get_path("scripts"), "data": sysconfig.get_path("data")}
    for kind, place in places.items():
        if resolved.is_relative_to(Path(place).resolve()):
            return f"{_stem(info)}.data/{kind}/{resolved.relative_to(Path(place).resolve()).as_posix()}"
    raise HostError(f"{_stem(info)}: its file {path} is outside of {root} and of the environment")


def _list_commands(distribution: importlib.metadata.Distribution) -> frozenset[str]:
    """Return the scripts that every installer makes anew."""
    parser = configparser.ConfigParser(delimiters=("=",), strict=False)
    parser.optionxform = str  # type: ignore[method-assign,assignment]
    parser.read_string(distribution.read_text("entry_points.txt") or "")
    groups = ("console_scripts", "gui_scripts")
    return frozenset(name for group in groups if parser.has_section(group) for name in parser[group])


def _is_editable(distribution: importlib.metadata.Distribution) -> bool:
    origin = json.loads(distribution.read_text("direct_url.json") or "{}")
    return bool(origin.get("dir_info", {}).get("editable"))


def _find_info(distribution: importlib.metadata.Distribution) -> str:
    for file in distribution.files or []:
        parent = PurePosixPath(file).parent.name
        if PurePosixPath(file).name == "WHEEL" and parent.endswith(".dist-info"):
            return parent
    raise HostError(f"{distribution.name} {distribution.version} has no record of its files here")


def _write(archive: zipfile.ZipFile, name: str, content: bytes, *, executable: bool) -> None:
    entry = zipfile.ZipInfo(name, _DATE)
    entry.external_attr = (0o100755 if executable else 0o100644) << 16
    entry.compress_type = zipfile.ZIP_DEFLATED
    archive.writestr(entry, content, compresslevel=_LEVEL)


def _stem(info: str) -> str:
    return info.removesuffix(".dist-info")


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")
