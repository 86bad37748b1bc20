"""A reference loop: how long a fixed amount of arithmetic takes on this machine right now."""

from __future__ import annotations

import functools
import hashlib
import sys
import time
from dataclasses import dataclass

__all__ = ["Reference", "measure_reference"]

# hashlib lets go of the interpreter lock from 2,048 bytes on and then waits for it, up to 5 ms and longer, behind
# busy threads of this process, before the clock can be read. Smaller pieces keep the lock, which no other thread can
# take for 5 ms after it changed hands; a repeat is shorter than that.
_PIECE = bytes(2047)
_MEGABYTE = 1_000_000
_TRIAL_PIECES = 32
_REPEAT_SECONDS = 0.0005
_REPEATS = 5
# Windows counts a thread's CPU time in ticks of 15.6 ms and says nothing of it.
_CPU_CLOCK_IS_FINE = sys.platform != "win32"


@dataclass(frozen=True, kw_only=True, slots=True)
class Reference:
    """The best of several repeats of the loop, in milliseconds per megabyte hashed.

    `cpu_ms` grows when the processor is slower: a lower clock, heat, a neighbour on the same core or cache; `wall_ms`
    grows as well when the loop had to wait for a processor. `cpu_ms` is None where the clock is too coarse.
    """

    wall_ms: float
    cpu_ms: float | None


def measure_reference(repeats: int = _REPEATS) -> Reference:
    """Run the loop several times for about half a millisecond each and return its best times.

    The work of a repeat is chosen once a process, so that slow machines do not pay more; the result is for a fixed
    amount, and comparable between processes and machines.

    :param repeats: how often the loop is run
    """
    pieces = _count_pieces()
    walls, cpus = zip(*(_time_loop(pieces) for _ in range(repeats)), strict=True)
    scale = 1000 * _MEGABYTE / (pieces * len(_PIECE))
    return Reference(wall_ms=min(walls) * scale, cpu_ms=min(cpus) * scale if _CPU_CLOCK_IS_FINE else None)


@functools.cache
def _count_pieces() -> int:
    """Return how many pieces take about as long as a repeat shall."""
    seconds = min(_time_loop(_TRIAL_PIECES)[0] for _ in range(_REPEATS))
    return max(_TRIAL_PIECES, round(_TRIAL_PIECES * _REPEAT_SECONDS / seconds)) if seconds else _TRIAL_PIECES


def _time_loop(pieces: int) -> tuple[float, float]:
    """Return wall and CPU seconds of one repeat."""
    time.sleep(0)  # other threads of this process get the lock here instead of in between
    update = hashlib.sha256().update
    wall, cpu = time.perf_counter(), time.thread_time()
    for _ in range(pieces):
        update(_PIECE)
    return time.perf_counter() - wall, time.thread_time() - cpu
