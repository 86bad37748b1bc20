"""How many requests may be in flight to one model: as many as its server takes, found out by asking.

Additive increase and multiplicative decrease after a slow start, as TCP does it (RFC 5681,
https://www.rfc-editor.org/rfc/rfc5681), with three differences. The first overload takes as much from the limit as is
turned away of what was in flight, for that tells what the server takes (TCP for data centers, RFC 8257, goes by the
extent of an overload too). What was once too much is asked for again only rarely, because a rejected request costs a
retry where a lost packet costs little (so does TCP CUBIC, RFC 9438). And servers also turn requests away at random:
where asking for less does not help, less is not asked for.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import NamedTuple

__all__ = ["AdaptiveLimiter", "LimitChange", "Slot"]

_FIRST_LEAST = 8
_FIRST_SHARE = 4
_FIRST_STEPS = 3
#: what is left of the limit after an overload that is not the first
_EASED = 0.85
#: successes that allow to ask again for what was too much, the number after more than one overload
_EDGE_SUCCESSES = 100
_EDGE_ROUNDS = 2
#: the share of rejections is a mean over about so many of the latest answers
_MEMORY = 32
#: the share from which on the server is overloaded as a whole
_HEAVY = 0.25
#: so many overloads, of about so many answers, below what was too much say that asking for less does not help
_FRUITLESS = 1.5
_FRUITLESS_MEMORY = 60
#: random rejections may be so many times their mean share, and so much more
_RANDOM_TIMES = 2.0
_RANDOM_MARGIN = 0.08
#: nobody is sent for so long when the server is overloaded and does not say how long it wants to be left alone; each
#: time longer until it answers
_PAUSE_SECONDS = 0.25
_MOST_PAUSE_SECONDS = 4.0
_MOST_HOLD_SECONDS = 60.0
_MOST_CHANGES = 1000


class LimitChange(NamedTuple):
    """The limit from a moment on (seconds since 1970), and what changed it."""

    moment: float
    limit: int
    cause: str


class _Search:
    """Searches for the limit; knows nothing of waiting.

    Its constants were set by simulation: servers that take 1 to 50 requests at once or turn away up to a tenth at
    random, one to eight processes that share them.
    """

    def __init__(self, most: int, processes: int, note: Callable[[int, str], None]) -> None:
        self._most = most
        self._note = note
        # all processes together begin with as many as one alone would
        first = max(_FIRST_LEAST, most * processes // _FIRST_SHARE)
        self.limit = min(most, math.ceil(first / processes))
        #: counts the overloads that count: one of a call sent before the last of them is no news
        self.window = 0
        self._slow_start = True
        #: at how many in flight the server was overloaded last; 0 before that
        self._edge = 0
        self._successes = 0
        self._rejected = 0.0
        self._fruitless = 0.0

    def note_success(self, window: int, in_flight: int) -> None:
        self._rejected -= self._rejected / _MEMORY
        if window != self.window:
            return
        if self.limit < self._edge:
            self._fruitless -= self._fruitless / _FRUITLESS_MEMORY
        # a limit nobody reaches says nothing about the server
        if self.limit >= self._most or in_flight < self.limit:
            return
        self._successes += 1
        if self._successes >= self._count_needed():
            if self._slow_start:
                self._change(min(self._most, self.limit + self._first_steps()), "slow start")
            else:
                self._change(self.limit + 1, "increase")
                # one overload alone was chance when what was too much is not any more
                self._slow_start = self.window == 1 and self.limit > self._edge

    def _first_steps(self) -> int:
        """Until anything is known of the server every success allows three more; after that one, as in TCP."""
        return 1 if self._edge else _FIRST_STEPS

    def _count_needed(self) -> int:
        if self._slow_start:
            return 1
        if self.limit + 1 == self._edge:
            rounds = _EDGE_ROUNDS * self.limit
            return max(_EDGE_SUCCESSES, rounds) if self.window > 1 else rounds
        return self.limit

    def note_overload(self, window: int, in_flight: int) -> bool:
        """Return whether the server is overloaded as a whole."""
        self._rejected += (1.0 - self._rejected) / _MEMORY
        heavy = self._rejected >= _HEAVY
        if heavy:
            self._fruitless = 0.0
        if window == self.window:
            if self.limit < self._edge and not heavy:
                self._fruitless += 1.0 - self._fruitless / _FRUITLESS_MEMORY
            if self._looks_random():
                self._slow_start = True
            else:
                self._decrease(in_flight)
        elif window == 0 and self.window == 1:
            # half is kept of what was in flight: a server that turns everybody away does not say how many it takes
            self._change(max(self._edge // 2, self.limit - 1), "overload")
        return heavy

    def _looks_random(self) -> bool:
        share = self._fruitless / _FRUITLESS_MEMORY
        return self._fruitless >= _FRUITLESS and self._rejected < _RANDOM_TIMES * share + _RANDOM_MARGIN

    def _decrease(self, in_flight: int) -> None:
        # where less was in flight than allowed, the limit allowed too much by more
        reached = min(self.limit, in_flight)
        # at the first overload each call that is turned away takes its own place along
        left = int(reached * _EASED) if self.window else reached - 1
        self.window += 1
        self._slow_start = False
        self._edge = max(2, reached)
        self._change(max(1, left), "overload")

    def _change(self, limit: int, cause: str) -> None:
        self._successes = 0
        if limit != self.limit:
            self.limit = limit
            self._note(limit, cause)


class AdaptiveLimiter:
    """A gate in front of one model for the calls of one process; used on one event loop.

    :param most: this process's share of what the run may have in flight; at least one is
    :param processes: how many processes ask the same model
    :param on_change: hears of every new limit and its cause
    :param clock: seconds since 1970, for the history; waiting goes by the loop's own clock
    """

    def __init__(
        self,
        most: int,
        *,
        processes: int = 1,
        on_change: Callable[[int, str], None] | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._search = _Search(max(1, most), max(1, processes), self._note)
        self._on_change = on_change
        self._clock = clock
        self._in_flight = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        #: those that failed before
        self._returning: deque[asyncio.Future[None]] = deque()
        self._hold: asyncio.TimerHandle | None = None
        self._pause = _PAUSE_SECONDS
        self._history = [LimitChange(clock(), self._search.limit, "start")]

    @property
    def in_flight(self) -> int:
        """How many places are taken."""
        return self._in_flight

    @property
    def limit(self) -> int:
        """How many may be taken."""
        return self._search.limit

    @property
    def history(self) -> list[LimitChange]:
        """How the limit changed; whenever it gets long, every second entry is left out."""
        return list(self._history)

    def slot(self, *, again: bool = False) -> Slot:
        """Return a context that waits for a place, first come, first served, and gives it back.

        :param again: for a call that has failed before, which goes before those that were never made
        """
        return Slot(self, again=again)

    def hold(self, seconds: float) -> None:
        """Give no place to anybody for a time; never shortens another hold.

        :param seconds: how long; more than a minute counts as one
        """
        if not seconds > 0:
            return
        loop = asyncio.get_running_loop()
        until = loop.time() + min(seconds, _MOST_HOLD_SECONDS)
        if self._hold is not None:
            if self._hold.when() >= until:
                return
            self._hold.cancel()
        self._hold = loop.call_at(until, self._release)

    def _release(self) -> None:
        self._hold = None
        self._admit()

    async def enter(self, *, again: bool = False) -> tuple[int, int]:
        """Take a place, waiting for it; return what `note_success` and `note_overload` want to know of it.

        :param again: whether to wait before those that were never in
        """
        if self._hold is None and self._in_flight < self._search.limit:
            self._in_flight += 1
        else:
            await self._wait(again=again)
        return self._search.window, self._in_flight

    async def _wait(self, *, again: bool) -> None:
        place = asyncio.get_running_loop().create_future()
        (self._returning if again else self._waiting).append(place)
        try:
            await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled():
                # it was given in the very moment its taker was cancelled
                self.leave()
            raise

    def leave(self) -> None:
        """Give a place back."""
        self._in_flight -= 1
        self._admit()

    def _admit(self) -> None:
        while self._hold is None and self._in_flight < self._search.limit:
            queue = self._returning or self._waiting
            if not queue:
                return
            place = queue.popleft()
            if not place.done():
                self._in_flight += 1
                place.set_result(None)

    def note_success(self, window: int) -> None:
        """Hear that a call was answered, before its place is given back.

        :param window: as `enter` returned it
        """
        self._pause = _PAUSE_SECONDS
        self._search.note_success(window, self._in_flight)
        self._admit()

    def note_overload(self, window: int, in_flight: int, wait: float | None) -> None:
        """Hear that a call was turned away because the server is asked too much at once.

        :param window: as `enter` returned it
        :param in_flight: as `enter` returned it
        :param wait: seconds after which the server wants to be asked again
        """
        # of a server that answers the others meanwhile, the wait is this call's own
        if not self._search.note_overload(window, max(in_flight, self._in_flight)):
            return
        if wait is not None:
            self.hold(wait)
        elif self._hold is None:
            self.hold(self._pause)
            self._pause = min(2 * self._pause, _MOST_PAUSE_SECONDS)

    def _note(self, limit: int, cause: str) -> None:
        if len(self._history) >= _MOST_CHANGES:
            del self._history[1:-1:2]
        self._history.append(LimitChange(self._clock(), limit, cause))
        if self._on_change is not None:
            self._on_change(limit, cause)


class Slot:
    """One place; says what became of the call that had it, where that tells something about the server."""

    __slots__ = ("_again", "_in_flight", "_limiter", "_window")

    def __init__(self, limiter: AdaptiveLimiter, *, again: bool) -> None:
        self._limiter = limiter
        self._again = again
        self._window = 0
        self._in_flight = 0

    async def __aenter__(self) -> Slot:
        self._window, self._in_flight = await self._limiter.enter(again=self._again)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._limiter.leave()

    def succeeded(self) -> None:
        """Say that the call was answered."""
        self._limiter.note_success(self._window)

    def overloaded(self, wait: float | None = None) -> None:
        """Say that the server turned the call away because it is asked too much at once.

        :param wait: seconds after which it wants to be asked again
        """
        self._limiter.note_overload(self._window, self._in_flight, wait)
