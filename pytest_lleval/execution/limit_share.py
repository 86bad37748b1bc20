"""A worker's share of how many requests may be in flight to a model, which `shared_limit` gives it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from .quota import Message
from .shared_limit import Flow

__all__ = ["LimitShare"]

#: what happens within such a time is told together
_TELL_SECONDS = 0.02


class LimitShare:
    """What a gate may let through, and what is told of it; used on one event loop.

    :param model: the model's name
    :param first: how many may be in flight until more is known
    :param most: how many may ever be; None where workers take turns, for there are more than that many
    :param send: sends a message to where the limit is searched for
    """

    def __init__(self, model: str, first: int, most: int | None, send: Callable[[Message], None]) -> None:
        self._model = model
        self._most = most
        self._send = send
        self.limit = self._given = first
        self.window = 0
        self._serial = 0
        self._in_flight = 0
        self._waits = False
        self._answered = 0
        self._reached = 0
        #: what was last told of the state; None before anything was
        self._told: tuple[int, bool] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._changed: Callable[[float], None] = _ignore

    def listen(self, changed: Callable[[float], None]) -> None:
        """Have somebody hear of every change, with the seconds for which nobody is to be sent."""
        self._changed = changed

    def receive(self, serial: int, limit: int, window: int, hold: float) -> None:
        """Take the rest of a ``share`` message; what is told too late is no news but for the wait."""
        given = self._given
        if serial > self._serial:
            self._reached *= window == self.window
            self._serial, self._given, self.window = serial, limit, window
            self.limit = limit if self._most is None else min(limit, self._most)
        self._changed(hold)
        if self._given < given:
            # nobody else is given what was taken back before that
            self._tell(self.window)

    @property
    def _is_calm(self) -> bool:
        """Whether nothing is to be told: no server was overloaded, and no worker may ever send more."""
        return self.window == 0 and self._most is not None and self.limit >= self._most

    def note_state(self, in_flight: int, waiting: int) -> None:
        """Hear how many are in flight and how many wait."""
        self._in_flight, self._waits = in_flight, waiting > 0
        if self._told is None:
            # who is not known is told nothing
            self._tell_soon()
        elif not self._is_calm:
            told_in_flight, told_waits = self._told
            if in_flight <= self.limit < told_in_flight:
                # others wait for what was given back
                self._tell(self.window)
            elif self._waits != told_waits:
                self._tell_soon()

    def note_success(self, window: int, in_flight: int) -> None:
        """Hear that a call of a window was answered."""
        if self._is_calm:
            return
        self._in_flight = in_flight
        self._answered += 1
        self._reached += window == self.window and in_flight >= self.limit
        self._tell_soon()

    def note_overload(self, window: int, in_flight: int, wait: float | None, *, held: bool) -> float:  # noqa: ARG002  # as a search's
        """Hear that a call was turned away, and tell it at once; whether to wait will be said by the search.

        Nobody is sent in its place before there is an answer.
        """
        self._in_flight = in_flight
        self.limit = max(0, min(self.limit, in_flight - 1))
        self._tell(window, wait, overloaded=True)
        return 0.0

    def _tell_soon(self) -> None:
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_TELL_SECONDS, self._tell_now)

    def _tell_now(self) -> None:
        self._timer = None
        self._tell(self.window)

    def _tell(self, window: int, wait: float | None = None, *, overloaded: bool = False) -> None:
        answered, reached = self._answered, self._reached
        # what is counted is of the window that is known now; the overload may be of an earlier one
        if window != self.window:
            reached = 0
        self._answered = self._reached = 0
        self._told = self._in_flight, self._waits
        flow = Flow(self._serial, window, self._in_flight, self._waits, answered, reached, overloaded, wait)
        self._send(("flow", self._model, *flow))


def _ignore(hold: float) -> None:
    """Nobody listens yet."""
