"""The folders assets live in: the user's data folder and the cache."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath

from .failure import AssetError

__all__ = ["cache_dir", "data_path", "find_data_dir", "guard_writes", "open_scratch", "require_space", "sweep_stale"]

_STALE_SECONDS = 24 * 3600


def cache_dir() -> Path:
    """Return the folder of fetched assets: LLEVAL_CACHE_DIR, else this platform's cache folder of the user."""
    if value := os.environ.get("LLEVAL_CACHE_DIR"):
        return Path(value).expanduser().absolute()
    from platformdirs import user_cache_path

    return user_cache_path("pytest-lleval", appauthor=False)


def find_data_dir() -> Path | None:
    """Return the folder named by LLEVAL_DATA_DIR, or None when it is not set.

    :raises AssetError: it is set and names no folder
    """
    value = os.environ.get("LLEVAL_DATA_DIR")
    if not value:
        return None
    folder = Path(value).expanduser().absolute()
    if not folder.is_dir():
        raise AssetError(f"LLEVAL_DATA_DIR={value!r} names no folder ({str(folder)!r}); correct or unset it")
    return folder


def data_path(relative: str) -> Path | None:
    """Return a file or folder below LLEVAL_DATA_DIR, or None when that is not set or has no such entry.

    :param relative: with forward slashes, inside the folder
    :raises AssetError: LLEVAL_DATA_DIR names no folder, or `relative` leads out of it
    """
    folder = find_data_dir()
    if folder is None:
        return None
    if PurePosixPath(relative).is_absolute() or ".." in PurePosixPath(relative).parts or ":" in relative:
        raise AssetError(f"{relative!r} leads out of LLEVAL_DATA_DIR; write a path relative to that folder")
    path = folder / relative
    return path if path.exists() else None


@contextmanager
def guard_writes() -> Iterator[None]:
    """Turn what the operating system says about writing to the cache into one error.

    :raises AssetError: naming the cache folder and LLEVAL_CACHE_DIR
    """
    try:
        yield
    except OSError as error:
        raise AssetError(
            f"cannot write to the cache folder {str(cache_dir())!r} ({error.strerror or error}); "
            "make room there or set LLEVAL_CACHE_DIR to a writable folder"
        ) from error


def require_space(size: int) -> None:
    """Check that the cache's file system has room.

    :param size: in bytes
    :raises AssetError: it has not, or the cache folder cannot be made
    """
    folder = cache_dir()
    with guard_writes():
        folder.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(folder).free
    if free < size:
        raise AssetError(
            f"the cache folder {str(folder)!r} has {free / 1e6:.1f} MB free but {size / 1e6:.1f} MB are needed; "
            "make room there or set LLEVAL_CACHE_DIR to a folder with more"
        )


@contextmanager
def open_scratch() -> Iterator[Path]:
    """Give a private empty folder on the cache's file system that is gone afterwards."""
    base = cache_dir()
    with guard_writes():
        base.mkdir(parents=True, exist_ok=True)
        sweep_stale(base, "tmp-*")
        # On Windows a file just let go by a killed process may not be removable yet; the next sweep takes it.
        scratch = tempfile.TemporaryDirectory(prefix="tmp-", dir=base, ignore_cleanup_errors=True)
    with scratch as name:
        yield Path(name)


def sweep_stale(folder: Path, pattern: str) -> None:
    """Remove what sessions killed more than a day ago left in `folder`."""
    for path in folder.glob(pattern):
        with suppress(OSError):
            if time.time() - path.stat().st_mtime > _STALE_SECONDS:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
