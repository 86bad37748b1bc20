"""A lock between processes, let go by the operating system when its holder dies."""

from __future__ import annotations

import errno
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .folders import guard_writes

__all__ = ["hold_lock", "take_lock"]

_POLL_SECONDS = 0.1
_BUSY = {errno.EACCES, errno.EAGAIN, errno.EDEADLK}

if sys.platform == "win32":
    import msvcrt

    def _lock_file(handle: int) -> None:
        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _lock_file(handle: int) -> None:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)


@contextmanager
def hold_lock(path: Path) -> Iterator[None]:
    """Hold the lock file at `path`, waiting for whoever has it.

    On a file system without locks nobody waits: a lock saves work here, and correctness must not hang on it.

    :param path: made when absent and left in place, since removing it would let two holders in
    :raises AssetError: the lock file cannot be made
    """
    with guard_writes():
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        while not _try_lock(handle):
            time.sleep(_POLL_SECONDS)
        yield
    finally:
        os.close(handle)


def take_lock(path: Path) -> int | None:
    """Take the lock file at `path` without waiting; return the handle that keeps it while it is open.

    :param path: made when absent
    :returns: None when another process has the lock
    :raises OSError: the lock file cannot be made
    """
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    if _try_lock(handle):
        return handle
    os.close(handle)
    return None


def _try_lock(handle: int) -> bool:
    try:
        _lock_file(handle)
    except OSError as error:
        return error.errno not in _BUSY
    return True
