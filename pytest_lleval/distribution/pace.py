"""How many cases a worker is given ahead of time."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

__all__ = ["Pace", "choose_depth"]

#: cases given per request a worker may have in flight: a busy controller must not let the worker run dry
DEPTH = 4
#: seconds a measured speed is remembered
_MEMORY_SECONDS = 5.0


@dataclass(kw_only=True)
class Pace:
    """How fast one worker works.

    :param connections: requests it may have in flight
    :param clock: seconds, monotonic
    """

    connections: int
    clock: Callable[[], float] = time.perf_counter
    _since: float = field(default=-1.0)
    _count: float = field(default=0.0)

    def note_given(self) -> None:
        """Start the clock when the first case is given."""
        if self._since < 0:
            self._since = self.clock()

    def note_done(self) -> None:
        """Count a case; what is older than the memory counts half."""
        self._count += 1
        if self.clock() - self._since > 2 * _MEMORY_SECONDS:
            self._since += _MEMORY_SECONDS
            self._count /= 2

    @property
    def speed(self) -> float:
        """Cases a second; 0.0 while nothing is known."""
        elapsed = self.clock() - self._since
        return self._count / elapsed if self._since >= 0 and elapsed > 0 else 0.0


def choose_depth(pace: Pace, others: list[Pace], waiting: int, given: int) -> int:
    """Return how many cases a worker should hold: four times what it can have in flight, and less towards the end.

    What it holds must not take it longer than what is left takes all workers together; what it can have in flight it
    may always hold, for more than that nobody could do sooner.

    :param pace: of the worker
    :param others: of all workers, this one included
    :param waiting: cases nobody holds yet
    :param given: cases held by workers
    """
    deep = DEPTH * pace.connections
    total = sum(known.speed for known in others)
    if total > 0 and pace.speed > 0:
        share = pace.speed / total
    else:
        share = pace.connections / max(1, sum(known.connections for known in others))
    fair = int(share * (waiting + given))
    return max(pace.connections, min(deep, fair))
