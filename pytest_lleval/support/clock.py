"""When this process began."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path

__all__ = ["find_start"]


def find_start() -> float:
    """Return when this process began, in seconds since 1970.

    Linux counts from boot and tells the time of boot in whole seconds, so the age is taken from the clock that counts
    from boot too (proc_pid_stat(5), field 22); elsewhere psutil's word is exact enough.
    """
    with suppress(OSError, AttributeError, ValueError, IndexError):
        fields = Path("/proc/self/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
        began = int(fields[19]) / os.sysconf("SC_CLK_TCK")
        return time.time() - (time.clock_gettime(time.CLOCK_BOOTTIME) - began)
    import psutil

    started: float = psutil.Process().create_time()
    return started
