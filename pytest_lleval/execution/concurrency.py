"""The gate in front of a model: as many calls go through at once as its server takes."""

from __future__ import annotations

import asyncio
from collections import deque
from types import TracebackType
from typing import Protocol

__all__ = ["AdaptiveLimiter", "Limit", "Slot"]

_MOST_HOLD_SECONDS = 60.0


class Limit(Protocol):
    """How many may be in flight, which changes with what is heard of the calls."""

    @property
    def limit(self) -> int:
        """How many may be in flight."""

    @property
    def window(self) -> int:
        """Counts the overloads after which the limit was lowered."""

    def note_state(self, in_flight: int, waiting: int) -> None:
        """Hear how many are in flight and how many wait."""

    def note_success(self, window: int, in_flight: int) -> None:
        """Hear that a call of a window was answered."""

    def note_overload(self, window: int, in_flight: int, wait: float | None, *, held: bool) -> float:
        """Hear that a call was turned away; return the seconds for which nobody should be sent."""


class AdaptiveLimiter:
    """A gate in front of one model for the calls of one process; used on one event loop.

    :param limit: how many may be in flight
    """

    def __init__(self, limit: Limit) -> None:
        self._limit = limit
        self._in_flight = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        #: those that failed before
        self._returning: deque[asyncio.Future[None]] = deque()
        self._hold: asyncio.TimerHandle | None = None

    @property
    def in_flight(self) -> int:
        """How many places are taken."""
        return self._in_flight

    @property
    def limit(self) -> int:
        """How many may be taken."""
        return self._limit.limit

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

    def follow(self, hold: float) -> None:
        """Hear that the limit is another, and of the seconds for which nobody is to be sent."""
        self.hold(hold)
        self.admit()
        self._tell()

    def _release(self) -> None:
        self._hold = None
        self.admit()

    async def enter(self, *, again: bool = False) -> tuple[int, int]:
        """Take a place, waiting for it; return what `note_success` and `note_overload` want to know of it.

        :param again: whether to wait before those that were never in
        """
        if self._hold is None and self._in_flight < self._limit.limit:
            self._in_flight += 1
        else:
            await self._wait(again=again)
        return self._limit.window, self._in_flight

    async def _wait(self, *, again: bool) -> None:
        place = asyncio.get_running_loop().create_future()
        (self._returning if again else self._waiting).append(place)
        self._tell()
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
        self.admit()
        self._tell()

    def _tell(self) -> None:
        self._limit.note_state(self._in_flight, len(self._waiting) + len(self._returning))

    def admit(self) -> None:
        """Let in who waits, while there are places."""
        while self._hold is None and self._in_flight < self._limit.limit:
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
        self._limit.note_success(window, self._in_flight)
        self.admit()

    def note_overload(self, window: int, in_flight: int, wait: float | None) -> None:
        """Hear that a call was turned away because the server is asked too much at once.

        :param window: as `enter` returned it
        :param in_flight: as `enter` returned it
        :param wait: seconds after which the server wants to be asked again
        """
        reached = max(in_flight, self._in_flight)
        self.hold(self._limit.note_overload(window, reached, wait, held=self._hold is not None))


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
