"""The search for how many requests a model's server takes at once.

Additive increase and multiplicative decrease after a slow start, as TCP does it (RFC 5681,
https://www.rfc-editor.org/rfc/rfc5681), with three differences. The first overload takes as much from the limit as is
turned away of what was in flight, for that tells what the server takes (TCP for data centers, RFC 8257, goes by the
extent of an overload too). What was once too much is asked for again only rarely, because a rejected request costs a
retry where a lost packet costs little (so does TCP CUBIC, RFC 9438). And servers also turn requests away at random:
where asking for less does not help, less is not asked for.
"""

from __future__ import annotations

import math
from collections.abc import Callable

__all__ = ["LimitSearch"]

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


class LimitSearch:
    """Searches for the limit; knows nothing of waiting.

    Its constants were set by simulation: servers that take 1 to 50 requests at once or turn away up to a tenth at
    random, one to eight processes that share them.

    :param most: how many may be in flight; at least one is
    :param note: hears of every new limit and its cause
    :param processes: how many processes search for themselves, of which this is one
    """

    def __init__(self, most: int, note: Callable[[int, str], None] | None = None, processes: int = 1) -> None:
        self._most = most = max(1, most)
        self._note = note
        processes = max(1, processes)
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
        self._pause = _PAUSE_SECONDS

    def note_state(self, in_flight: int, waiting: int) -> None:
        """Do nothing: how many are in flight counts when a call has ended."""

    def note_success(self, window: int, in_flight: int) -> None:
        """Hear that a call was answered.

        :param window: the window in which it was sent
        :param in_flight: how many are, this one included
        """
        self._pause = _PAUSE_SECONDS
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

    def note_overload(self, window: int, in_flight: int, wait: float | None, *, held: bool) -> float:
        """Hear that a call was turned away because the server is asked too much at once.

        :param window: the window in which it was sent
        :param in_flight: how many are, or were when it was sent
        :param wait: seconds after which the server wants to be asked again; None where it does not say
        :param held: whether nobody is sent just now
        :returns: seconds for which nobody should be sent
        """
        if not self._learn_overload(window, in_flight):
            # of a server that answers the others meanwhile, the wait is this call's own
            return 0.0
        if wait is not None or held:
            return wait or 0.0
        pause, self._pause = self._pause, min(2 * self._pause, _MOST_PAUSE_SECONDS)
        return pause

    def _learn_overload(self, window: int, in_flight: int) -> bool:
        """Learn from an overload; return whether the server is overloaded as a whole."""
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
            if self._note is not None:
                self._note(limit, cause)
