"""One search for how many requests a model's server takes, for all workers of a run.

The search is made where the evidence is kept, and gives each worker a share of what may be in flight. Workers that
searched each for itself would be turned away by what the others do, and learn the wrong thing from it. Messages are
tuples of strings, numbers and None: ``("flow", model, …)`` with the fields of a `Flow` goes to the search, what has
happened at a worker since its last; ``("share", model, serial, limit, window, hold)`` comes back.

The answers of one moment are told together, so that a call costs no message. A worker tells nothing while it may send
all it ever may and no server has been overloaded, which is how most runs are.
"""

from __future__ import annotations

import itertools
import math
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from ..core.errors import ViolationError
from .limit_search import LimitSearch
from .quota import Message

__all__ = ["Flow", "SharedLimit", "SharedLimits", "divide_first", "share_out"]

#: a worker that must take turns has its turn for so long
_TURN_SECONDS = 0.5
#: more answers than any worker has in the moments between two messages
_MOST_ANSWERED = 10_000
#: a window of which nothing can be learned about the limit
_OLD = -1


class Flow(NamedTuple):
    """What has happened at a worker since it last told."""

    #: of the last share it has heard, and the window it knows of
    serial: int
    window: int
    in_flight: int
    #: whether calls wait there
    waits: bool
    #: calls that were answered, and those of the window that were while the worker's share was taken
    answered: int = 0
    reached: int = 0
    #: whether a call was turned away, and the seconds after which the server wants to be asked again
    overloaded: bool = False
    wait: float | None = None


class _Worker:
    """A worker that asks the model, as the search knows it."""

    def __init__(self, turn: int, send: Callable[[Message], None]) -> None:
        self.send = send
        self.share = 0
        self.in_flight = 0
        self.waits = False
        #: of the share it was told last, and what it may have taken of those before until it has heard of that
        self.serial = 0
        self.kept = 0
        #: the window it was told of; -1 before it was told anything
        self.window = -1
        #: who has the lowest comes first where not all can be given as much
        self.turn = turn
        #: when it was given a share after it had none
        self.since = 0.0

    @property
    def holds(self) -> int:
        """How many places nobody else can be given."""
        return max(self.share, self.in_flight, self.kept)

    @property
    def uses(self) -> int:
        """How many places it has taken: those it was given where calls wait, for what it told may be old."""
        return max(self.share, self.in_flight) if self.waits else self.in_flight


class SharedLimit:
    """The limit of one model; safe to use from many threads.

    :param model: its name
    :param most: requests that all workers together may have in flight
    :param workers: how many will ask
    :param note: hears of every new limit and its cause
    :param clock: seconds, never going back
    """

    def __init__(
        self,
        model: str,
        most: int,
        workers: int,
        note: Callable[[int, str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._model = model
        self._clock = clock
        self._search = LimitSearch(most, note)
        self._each = max(1, math.ceil(most / workers))
        self._first = self._search.limit if most >= workers else 0
        #: of how many workers, those that have not told anything yet
        self._expected, self._silent = workers, workers
        self._workers: dict[str, _Worker] = {}
        self._dropped: set[str] = set()
        self._turns = itertools.count()
        #: messages to workers overtake each other on their way through threads
        self._serial = 0
        self._held_until = -math.inf
        self._lock = threading.Lock()

    def hear(self, owner: str, flow: Flow, send: Callable[[Message], None]) -> None:
        """Hear what has happened at a worker, and tell workers whose share is another now.

        :param owner: its name
        :param send: sends a message back to it, from any thread
        """
        with self._lock:
            if owner in self._dropped:
                return
            worker = self._workers.get(owner) or self._join(owner, send)
            # whoever says more takes nothing away from others by that
            worker.in_flight, worker.waits = min(flow.in_flight, self._each), flow.waits
            if flow.serial >= worker.serial:
                worker.kept = 0
            if flow.overloaded:
                # it waits for an answer
                worker.window = -1
            told = self._share(self._learn(flow))
        _send(told)

    def drop(self, owner: str) -> None:
        """Hear that a worker has ended; what it had goes to the others."""
        with self._lock:
            if owner in self._dropped:
                return
            self._dropped.add(owner)
            if self._workers.pop(owner, None) is None:
                self._silent = max(0, self._silent - 1)
            told = self._share(0.0)
        _send(told)

    def _join(self, owner: str, send: Callable[[Message], None]) -> _Worker:
        self._silent = max(0, self._silent - 1)
        worker = self._workers[owner] = _Worker(next(self._turns), send)
        return worker

    def _learn(self, flow: Flow) -> float:
        """Hand what has happened to the search; return the seconds for which nobody should be sent."""
        for _ in range(flow.answered - flow.reached):
            self._search.note_success(_OLD, 0)
        for _ in range(flow.reached):
            self._search.note_success(flow.window, self._search.limit)
        if not flow.overloaded:
            return 0.0
        now = self._clock()
        in_flight = sum(worker.uses for worker in self._workers.values()) + self._reserve()
        # others have not given back yet what they must since the last overload: this one says no more than that
        is_old = in_flight > self._search.limit and flow.window == self._search.window > 0
        window = _OLD if is_old else flow.window
        hold = self._search.note_overload(window, in_flight, flow.wait, held=now < self._held_until)
        self._held_until = max(self._held_until, now + hold)
        return hold

    def _reserve(self) -> int:
        """Return what is kept for workers that have not told anything yet: their share of what all began with."""
        return min(self._first, self._search.limit) * self._silent // self._expected

    def _share(self, hold: float) -> list[tuple[_Worker, Message]]:
        """Divide the limit; return what must be told to whom."""
        self._take_turns()
        workers = sorted(self._workers.values(), key=lambda worker: worker.turn)
        before = [worker.share for worker in workers]
        self._divide(workers)
        told = []
        for worker, share in zip(workers, before, strict=True):
            if worker.share and not share:
                worker.since = self._clock()
            if worker.share != share or worker.window != self._search.window or hold:
                self._serial += 1
                worker.serial, worker.window = self._serial, self._search.window
                told.append((worker, ("share", self._model, worker.serial, worker.share, worker.window, hold)))
        return told

    def _divide(self, workers: Sequence[_Worker]) -> None:
        limit = self._search.limit - self._reserve()
        starved = any(worker.waits for worker in workers)
        # what a worker has no use for is handed on where there is somebody who has
        wanted = [
            self._each if worker.waits or not starved else min(self._each, worker.in_flight) for worker in workers
        ]
        shares = share_out(limit, wanted)
        for worker, share in zip(workers, shares, strict=True):
            if share < worker.share:
                worker.share, worker.kept = share, max(worker.kept, worker.share)
        # what others were told to give back and may still have cannot be given to anybody
        room = max(0, limit - sum(worker.holds for worker in workers))
        for worker, share in zip(workers, shares, strict=True):
            own = worker.holds - worker.share
            more = min(share - worker.share, own + room)
            room -= max(0, more - own)
            worker.share += more

    def _take_turns(self) -> None:
        """Send workers to the back of the queue that have had their turn while others have nothing."""
        starving = any(worker.waits and not worker.share for worker in self._workers.values())
        for worker in self._workers.values() if starving else ():
            if worker.share and self._clock() - worker.since >= _TURN_SECONDS:
                worker.turn = next(self._turns)


def divide_first(most: int, workers: int, number: int) -> int:
    """Return how many requests a worker may have in flight before it is told.

    :param most: that all may have together
    :param workers: how many there are at first
    :param number: the worker's, from 0
    :returns: none for one that replaces another, and where they must take turns: they have to ask
    """
    if number >= workers or most < workers:
        return 0
    first = LimitSearch(most).limit
    return share_out(first, [first] * workers)[number]


def share_out(limit: int, wanted: Sequence[int]) -> list[int]:
    """Divide places so that nobody has less than another who does not want less (max-min fairness).

    :param limit: how many there are
    :param wanted: by each, the first of whom get what cannot be divided evenly
    """
    shares = [0] * len(wanted)
    left = limit
    # who wants least is served first; of those that want alike, who comes last, for what is over goes to the first
    order = sorted(range(len(wanted)), key=lambda at: (wanted[at], -at))
    for served, at in enumerate(order):
        shares[at] = min(wanted[at], left // (len(order) - served))
        left -= shares[at]
    return shares


def _send(told: list[tuple[_Worker, Message]]) -> None:
    for worker, message in told:
        worker.send(message)


class SharedLimits:
    """The limits of all models of a run; safe to use from many threads.

    :param most: requests that may be in flight, by model name
    :param workers: how many will ask
    :param note: hears of every new limit: of which model, what it is, and its cause
    """

    def __init__(self, most: Mapping[str, int], workers: int, note: Callable[[str, int, str], None]) -> None:
        def make(model: str, limit: int) -> SharedLimit:
            return SharedLimit(model, limit, workers, lambda found, cause: note(model, found, cause))

        self._limits = {model: make(model, limit) for model, limit in most.items()}

    def receive(self, owner: str, message: Message, send: Callable[[Message], None]) -> None:
        """Take a ``flow`` message of a worker.

        :param owner: the worker it comes from
        :param send: sends a message back, from any thread
        :raises ViolationError: when no honest worker sends such a message
        """
        limit, flow = self._limits.get(message[1]), Flow(*message[2:])
        if limit is None:
            raise ViolationError(f"a flow of {message[1]!r:.80}, whose limit is not shared")
        if not flow.reached <= flow.answered <= _MOST_ANSWERED:
            raise ViolationError(f"a flow of {flow.answered:,} answers at once, {flow.reached:,} of them counted")
        limit.hear(owner, flow, send)

    def drop(self, owner: str) -> None:
        """Hear that a worker has ended."""
        for limit in self._limits.values():
            limit.drop(owner)
