"""Spreads a session over xdist's workers: cases directly, everything else as xdist does.

xdist asks for it through its official hook, ``pytest_xdist_make_scheduler``; the protocol is
``xdist.scheduler.protocol.Scheduling``. Cases are given out by node id on a line of their own and are done when their
records have come back, so a worker that ends takes nothing with it: what it held goes to the others. Other tests, and
cases that must wait for their turn as pytest items, travel as indices on xdist's own queue.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from sys import intern
from typing import Any, Protocol

import pytest

from .failures import report_crash, report_difference
from .lines import Message
from .pace import Pace, choose_depth
from .workerstate import find_state

__all__ = ["CaseScheduling", "Evidence"]

#: items of xdist's own queue a worker holds: the one that runs, the next, which xdist insists on, and two more
_HELD_TURNS = 4


class Evidence(Protocol):
    """What the scheduler asks of the process's evidence."""

    def is_case(self, node_id: str) -> bool:
        """Tell whether a node id is a case of the run."""

    def is_complete(self, node_id: str) -> bool:
        """Tell whether a case has all its records."""

    def report_complete(self, node_id: str) -> None:
        """Report a case that was complete before the session began."""

    def set_aside(self, node_id: str, worker: str) -> None:
        """Record and report a case that took down every worker it was given to."""


@dataclass(kw_only=True, eq=False)
class _Held:
    """What one worker holds."""

    send: Callable[[Message], None]
    pace: Pace
    #: cases asked directly, in the order they were given
    cases: dict[str, None] = field(default_factory=dict)
    turns: list[int] = field(default_factory=list)
    #: cases that were about to be asked of a model inside the worker
    marked: set[str] = field(default_factory=set)
    ready: bool = False
    #: the one case it has been given alone, since it may have taken down a worker before
    alone: str | None = None


class CaseScheduling:
    """One a session, in the controller's main thread.

    :param config: the controller's
    :param workers: how many workers the session starts with
    :param evidence: the process's evidence
    :param clock: seconds, monotonic
    """

    def __init__(
        self,
        config: pytest.Config,
        workers: int,
        evidence: Evidence,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._clock = clock
        self._config = config
        self._expected = workers
        self._evidence = evidence
        self._held: dict[Any, _Held] = {}
        #: what each worker was ever given, directly or not, also when it is gone
        self._assigned: dict[Any, set[str]] = {}
        self._ids: list[str] | None = None
        #: before the beginning, workers that have collected anything else
        self._different: dict[Any, list[str]] = {}
        self._differs = False
        self._started = False
        self._cases: deque[str] = deque()
        self._turns: deque[int] = deque()
        self._suspects: deque[str] = deque()
        self._strikes: Counter[str] = Counter()
        self._draining: Any = None
        #: cases that cannot be asked directly
        self._own_turn: set[str] | None = set()
        #: cases asked again because their worker had ended
        self.repeated = 0

    # what xdist reads

    @property
    def nodes(self) -> list[Any]:
        """All workers that are up."""
        return list(self._held)

    @property
    def collection_is_completed(self) -> bool:
        """Whether every worker has collected."""
        return self._started or sum(held.ready for held in self._held.values()) >= self._expected

    @property
    def has_pending(self) -> bool:
        """Whether anything is still to be done."""
        holding = any(held.cases or held.turns for held in self._held.values())
        return holding or bool(self._cases or self._turns or self._suspects)

    @property
    def tests_finished(self) -> bool:
        """Whether everything is reported; xdist then shuts the workers down."""
        return self._differs or (self._started and not self.has_pending)

    # what xdist tells

    def add_node(self, node: Any) -> None:
        """Hear of a worker that is up."""
        state = find_state(node)
        self._held[node] = _Held(send=state.send, pace=Pace(connections=state.connections, clock=self._clock))
        self._assigned[node] = set()

    def add_node_collection(self, node: Any, collection: Sequence[str]) -> None:
        """Hear what a worker has collected; one that has collected anything else than the others is not used."""
        if self._ids is None:
            self._ids = [intern(str(name)) for name in collection]
        if self._ids == collection:
            self._held[node].ready = True
        elif self._started:
            # a worker that replaces another must have what the other had
            self._refuse(node, collection, self._ids)
        else:
            # it may be about to say that its collection has failed
            self._held[node].ready = True
            self._different[node] = list(collection)

    def _refuse(self, node: Any, collection: Sequence[str], expected: Sequence[str]) -> None:
        report_difference(self._config, node, expected, collection)
        if self._started:
            node.shutdown()
        else:
            self._differs = True

    def schedule(self) -> None:
        """Begin, once every worker has collected; later, give a new worker its share."""
        if not self._started and self._ids is not None:
            self._compare(self._ids)
        if not self._started and self._ids is not None and not self._differs:
            self._started = True
            self._deal(self._ids)
        self._feed_all()

    def _compare(self, ids: Sequence[str]) -> None:
        """Refuse to begin when workers that are still there have collected different items."""
        if len(self._different) == len(self._held):
            # whoever came first is gone
            self._ids = ids = [intern(name) for name in self._different.pop(next(iter(self._different)))]
        for node, collection in self._different.items():
            if collection != ids:
                self._refuse(node, collection, ids)

    def _deal(self, ids: Iterable[str]) -> None:
        for index, name in enumerate(ids):
            if not self._evidence.is_case(name) or self._own_turn is None or name in self._own_turn:
                self._turns.append(index)
            elif self._evidence.is_complete(name):
                self._evidence.report_complete(name)
            else:
                self._cases.append(name)

    def mark_test_complete(self, node: Any, item_index: int, duration: float = 0) -> None:  # noqa: ARG002  # xdist's
        """Hear that a worker is through with an item of xdist's queue."""
        held = self._held.get(node)
        if held is not None and item_index in held.turns:
            held.turns.remove(item_index)
            self._feed_all()

    def mark_test_pending(self, item: str) -> None:
        """Run an item again, as plugins for crashed items ask for."""
        self._turns.append((self._ids or []).index(item))
        self._feed_all()

    def remove_pending_tests_from_node(self, node: Any, indices: Sequence[int]) -> None:
        """Take items back from a worker, which this scheduler never asks for.

        :raises NotImplementedError: always
        """
        raise NotImplementedError

    def remove_node(self, node: Any) -> str | None:
        """Hear that a worker has ended, and give what it held to the others.

        :returns: the ordinary test it was running, for xdist to report as crashed
        """
        held = self._held.pop(node)
        self._different.pop(node, None)
        if self._draining is node:
            self._draining = None
        state = find_state(node)
        if state.host_is_gone:
            self._return_all(held)
            crashed = None
        else:
            crashed = self._return_turns(held)
            self._return_cases(held, node)
        self._begin()
        self._feed_all()
        if crashed and state.gone:
            # xdist believes that the worker has finished
            report_crash(self._config, self, node, crashed)
            return None
        return crashed

    def note_gone(self, node: Any) -> None:
        """Hear, before xdist's word, of a worker that has ended and that nobody replaces now."""
        if not self._started:
            self._expected -= 1
            if node not in self._held:
                self._begin()

    def _begin(self) -> None:
        """Begin when all have collected that are still there."""
        if not self._started and self._held and self.collection_is_completed:
            self.schedule()

    def _return_all(self, held: _Held) -> None:
        """Take everything back from a worker whose host is gone: nothing that it held is to blame."""
        ids = self._ids or []
        turns = [turn for turn in held.turns if not self._evidence.is_complete(ids[turn])]
        lost = [name for name in held.cases if not self._evidence.is_complete(name)]
        self.repeated += len(lost)
        if held.alone in lost:
            lost.remove(held.alone)
            self._suspects.append(held.alone)
        self._turns.extendleft(reversed(turns))
        self._cases.extendleft(reversed(lost))

    def _return_turns(self, held: _Held) -> str | None:
        crashed = None
        turns = list(held.turns)
        if turns and self._ids is not None and not self._evidence.is_case(self._ids[turns[0]]):
            crashed = self._ids[turns.pop(0)]
        elif turns and self._ids is not None:
            turns = self._keep_harmless(turns, self._ids)
        self._turns.extendleft(reversed(turns))
        return crashed

    def _keep_harmless(self, turns: list[int], ids: Sequence[str]) -> list[int]:
        """Set a case aside whose turn it was when two workers ended."""
        first = ids[turns[0]]
        self._strikes[first] += 1
        if self._strikes[first] < 2 or self._evidence.is_complete(first):
            return [turn for turn in turns if not self._evidence.is_complete(ids[turn])]
        self._evidence.set_aside(first, "two workers")
        return turns[1:]

    def _return_cases(self, held: _Held, node: Any) -> None:
        """Take back the cases of a worker that has ended; what may have ended it is asked again alone."""
        lost = [name for name in held.cases if not self._evidence.is_complete(name)]
        self.repeated += len(lost)
        if held.alone in lost:
            lost.remove(held.alone)
            self._evidence.set_aside(held.alone, node.gateway.id)
        if held.marked:
            suspects = [name for name in lost if name in held.marked]
        else:
            # whatever was in flight may have done it; once is an accident, twice is not
            flying = lost[: held.pace.connections]
            self._strikes.update(flying)
            suspects = [name for name in flying if self._strikes[name] > 1]
        self._suspects.extend(suspects)
        taken = set(suspects)
        self._cases.extendleft(name for name in reversed(lost) if name not in taken)

    # what the lines tell, passed on in the main thread

    def note_ready(self, direct: bool, turns: Iterable[str]) -> None:
        """Hear which cases a worker cannot be asked directly; called before its collection arrives.

        :param direct: whether it can be asked any directly
        """
        if not direct:
            self._own_turn = None
        elif self._own_turn is not None:
            self._own_turn.update(turns)

    def note_marked(self, node: Any, name: str) -> None:
        """Hear that a case is about to be asked of a model inside a worker."""
        if node in self._held:
            self._held[node].marked.add(name)

    def note_reported(self, node: Any, name: str) -> None:
        """Hear that a case is complete."""
        # a worker that was given up may still answer what another has been given since
        for holder, held in [(node, self._held.get(node)), *self._held.items()]:
            if held is not None and name in held.cases:
                self._note_done(held, name)
                self._feed(holder)
                self._release_turns()
                return

    def _note_done(self, held: _Held, name: str) -> None:
        del held.cases[name]
        held.marked.discard(name)
        held.pace.note_done()
        if held.alone == name:
            held.alone = None

    def has_turn(self, name: str) -> bool:
        """Tell whether a case waits for its turn as a pytest item, which makes its own report."""
        return self._own_turn is None or name in self._own_turn

    def list_assigned(self, node: Any) -> set[str]:
        """Return the cases a worker was ever given."""
        return self._assigned.get(node, set())

    # giving out

    def _feed_all(self) -> None:
        if not self._started:
            return
        for node in list(self._held):
            self._feed(node)
        self._release_turns()

    def _feed(self, node: Any) -> None:
        held = self._held[node]
        if not held.ready or node.shutting_down:
            return
        self._feed_turns(node, held)
        if self._suspects and self._feed_suspect(node, held):
            return
        if held.alone is None:
            self._feed_cases(node, held)

    def _feed_suspect(self, node: Any, held: _Held) -> bool:
        """Give a suspect to a worker that holds nothing else; let one worker run dry for it."""
        if self._draining is None:
            self._draining = node
        if self._draining is not node:
            return False
        while self._suspects and not held.cases:
            name = self._suspects.popleft()
            if not self._evidence.is_complete(name):
                held.alone = name
                self._give(node, held, [name])
        if not self._suspects:
            self._draining = None
        return bool(held.cases)

    def _feed_cases(self, node: Any, held: _Held) -> None:
        if not self._cases:
            return
        ready = [other for other in self._held.values() if other.ready]
        given = sum(len(other.cases) for other in ready)
        depth = choose_depth(held.pace, [other.pace for other in ready], len(self._cases), given)
        room = depth - len(held.cases)
        # a message for every case would cost more than the case; near the end every moment counts
        if room < min(held.pace.connections // 4, depth - held.pace.connections):
            return
        names: list[str] = []
        while self._cases and len(names) < room:
            name = self._cases.popleft()
            # its worker was given up, and answered after all
            if not self._evidence.is_complete(name):
                names.append(name)
        if names:
            self._give(node, held, names)

    def _give(self, node: Any, held: _Held, names: Sequence[str]) -> None:
        held.cases.update(dict.fromkeys(names))
        self._assigned[node].update(names)
        held.pace.note_given()
        held.send(("ask", "\n".join(names)))

    def _feed_turns(self, node: Any, held: _Held) -> None:
        room = _HELD_TURNS - len(held.turns)
        if not self._turns or room < _HELD_TURNS // 2 or self._ids is None:
            return
        indices = [self._turns.popleft() for _ in range(min(room, len(self._turns)))]
        held.turns += indices
        self._assigned[node].update(self._ids[index] for index in indices)
        node.send_runtest_some(indices)

    def _release_turns(self) -> None:
        """Let xdist's workers go on to the last item of their queue, which they do when told that none will follow."""
        if self._turns or self._cases or self._suspects or any(held.cases for held in self._held.values()):
            return
        for node, held in self._held.items():
            if held.turns and not node.shutting_down:
                node.shutdown()
