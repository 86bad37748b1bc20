"""Where the response cache lies, and how large it may grow."""

from __future__ import annotations

import math
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ..core.errors import UsageError
from ..support.folders import cache_dir

__all__ = ["CACHE_VERSION", "FILE_VARIABLE", "CachePlace", "FileIdentity", "find_place", "identify_file", "set_aside"]

#: Of the tables, of the keys, and of what providers send for the same request: raise it when one of them changes.
CACHE_VERSION: Final = 1

FILE_VARIABLE: Final = "LLEVAL_RESPONSE_CACHE"
_LIMIT_VARIABLE: Final = "LLEVAL_RESPONSE_CACHE_MB"
_DEFAULT_MEGABYTES: Final = 1024.0

#: device and number of a file, which another file under the same name does not have
FileIdentity = tuple[int, int]


@dataclass(frozen=True, kw_only=True, slots=True)
class CachePlace:
    """Where responses are kept, and how many bytes they may take."""

    path: Path
    limit: int
    #: whether its folder is the cache's alone, so that a broken file may be moved out of the way
    own: bool

    @property
    def aside(self) -> Path:
        """Where the folder of a broken file is moved."""
        return self.path.parent.with_name(f"{self.path.parent.name}-broken")


def find_place() -> CachePlace:
    """Return where responses are kept: LLEVAL_RESPONSE_CACHE, else below the cache folder.

    :raises UsageError: LLEVAL_RESPONSE_CACHE_MB is no size
    """
    limit = _read_limit()
    if value := os.environ.get(FILE_VARIABLE):
        return CachePlace(path=Path(value).expanduser().absolute(), limit=limit, own=False)
    path = cache_dir() / "responses" / f"v{CACHE_VERSION}" / "responses.sqlite"
    return CachePlace(path=path, limit=limit, own=True)


def _read_limit() -> int:
    text = os.environ.get(_LIMIT_VARIABLE)
    try:
        size = float(text) if text else _DEFAULT_MEGABYTES
    except ValueError:
        size = math.nan
    if not 0 < size < math.inf:
        raise UsageError(
            f"{_LIMIT_VARIABLE}={text!r} is no size in MB above 0; correct or unset it, or run with --lleval-cache=off"
        )
    return int(size * (1 << 20))


def identify_file(path: Path) -> FileIdentity | None:
    """Return what tells a file from another that takes its name later; None where there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def set_aside(place: CachePlace, broken: FileIdentity) -> bool:
    """Move a broken cache out of the way, in place of one moved before.

    :param place: where it lies; nothing is moved where other files may lie beside it
    :param broken: the file that was found broken
    :returns: whether it is out of the way, no matter who has moved it
    """
    if not place.own:
        return False
    if identify_file(place.path) != broken:
        return True
    shutil.rmtree(place.aside, ignore_errors=True)
    try:
        place.path.parent.rename(place.aside)
    except OSError:
        # on Windows, while another process has it open: the last one to close it moves it
        return identify_file(place.path) != broken
    return True
