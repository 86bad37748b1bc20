"""When this process began, and what time it is where the evidence is kept."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path

__all__ = ["find_start", "read_time", "shift_clock"]

_offset = 0.0


def shift_clock(seconds: float) -> None:
    """Correct the clock of this machine from now on, as `read_time` tells it.

    :param seconds: to be added
    """
    global _offset
    _offset = seconds


def read_time() -> float:
    """Return the seconds since 1970 by the clock of the controller's machine, as exactly as it is known."""
    return time.time() + _offset


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
