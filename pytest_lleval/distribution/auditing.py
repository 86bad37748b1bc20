"""The scheduler of a session whose workers may lie: audits are given to others, and what a liar has answered too."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from sys import intern
from typing import Any, Protocol

import pytest

from .audits import AuditQueue, AuditTask, Place, find_place
from .events import is_far
from .exclusion import Exclusions
from .failures import make_failure
from .private import count_collected
from .scheduler import CaseScheduling, Evidence
from .workerstate import find_state

__all__ = ["AuditedScheduling", "Audits", "choose_collection"]


class Audits(Protocol):
    """What is asked of the session where answers are audited."""

    @property
    def queue(self) -> AuditQueue:
        """What waits to be asked again."""

    def give_up(self, tasks: Sequence[AuditTask]) -> None:
        """Hear of audits that nobody can do."""


class AuditedScheduling(CaseScheduling):
    """Gives out audits beside the cases, and ends no session before they are done.

    :param config: the controller's
    :param workers: how many workers the session starts with
    :param evidence: the process's evidence
    :param select: hears which items will run
    :param exclusions: of workers that are not believed any more
    :param audits: what waits to be asked again; None where nothing is audited
    """

    def __init__(
        self,
        config: pytest.Config,
        workers: int,
        evidence: Evidence,
        *,
        select: Callable[[Sequence[str]], None],
        exclusions: Exclusions,
        audits: Audits | None = None,
    ) -> None:
        super().__init__(config, workers, evidence)
        self._select = select
        self._exclusions = exclusions
        self._audits = audits.queue if audits is not None else None
        self._give_up = audits.give_up if audits is not None else None
        exclusions.renew = self.renew

    @property
    def has_pending(self) -> bool:
        """Whether anything is still to be done."""
        return super().has_pending or bool(self._audits) or bool(self._exclusions)

    def mark_test_complete(self, node: Any, item_index: int, duration: float = 0) -> None:
        """Hear that a worker is through with an item of xdist's queue; of no worker, that there is news."""
        if node is None:
            self._exclusions.settle()
            self._feed_all()
        elif not find_state(node).excluded:
            # what an excluded one is through with is given to others
            held = self._held.get(node)
            if held is not None and self._ids is not None and item_index in held.turns:
                find_state(node).tests += not self._evidence.is_case(self._ids[item_index])
            super().mark_test_complete(node, item_index, duration)

    def remove_node(self, node: Any) -> str | None:
        """Hear that a worker has ended, and give what it held to the others."""
        if self._audits is not None:
            self._audits.give_back(node.gateway.id)
        crashed = super().remove_node(node)
        # what was found out by the last it has said
        self._exclusions.settle()
        starting = not self._started and self._expected > 0
        if self._exclusions.reason and not starting and all(other.shutting_down for other in self._held):
            self._abandon(self._exclusions.reason)
        return crashed

    def _abandon(self, reason: str) -> None:
        """Leave out what excluded workers held: there are no others, or they were told that nothing will follow.

        Cases are missed at the end; a test that nobody can be asked to run fails.
        """
        if not self._started and not self._held:
            pytest.exit(f"no worker is left that can be believed: {reason}", returncode=pytest.ExitCode.TESTS_FAILED)
        ids = self._ids or ()
        tests = [ids[turn] for turn in self._turns if not self._evidence.is_case(ids[turn])]
        for waiting in (self._turns, self._cases, self._suspects):
            waiting.clear()
        for name in tests:
            report = make_failure(name, f"no worker is left that can be believed to run this: {reason}")
            self._config.hook.pytest_runtest_logreport(report=report)

    def renew(self, names: Sequence[str]) -> None:
        """Ask cases again whose records do not count any more."""
        indices = {name: index for index, name in enumerate(self._ids or ())}
        # what a worker holds that is about to be removed comes back with it
        held = {name for each in self._held.values() for name in each.cases}
        turns = {index for each in self._held.values() for index in each.turns}
        for name in names:
            if self.has_turn(name) and indices[name] not in turns:
                self._turns.append(indices[name])
            elif not self.has_turn(name) and name not in held:
                self._cases.append(name)
        self._feed_all()

    def note_ready(self, direct: bool, turns: Iterable[str]) -> None:
        """Hear which cases a worker cannot be asked directly; what others were given is not changed by a late one."""
        if not self._started:
            super().note_ready(direct, turns)

    def note_reported(self, node: Any, name: str) -> None:
        """Hear that a case is complete; one that is void since it was reported is not."""
        if not self._evidence.is_case(name) or self._evidence.is_complete(name):
            super().note_reported(node, name)

    def note_marked(self, node: Any, name: str) -> None:
        """Hear that a case is about to be asked of a model inside a worker, if the worker holds it."""
        held = self._held.get(node)
        if held is not None and name in held.cases:
            super().note_marked(node, name)

    def list_holding(self) -> list[Any]:
        """Return the workers that hold cases or audits; from any thread."""
        return [node for node, held in list(self._held.items()) if self._holds(node, held.cases)]

    def _holds(self, node: Any, cases: Mapping[str, None]) -> bool:
        return bool(cases) or (self._audits is not None and self._audits.holds(node.gateway.id))

    # giving out

    def _give(self, node: Any, held: Any, names: Sequence[str]) -> None:
        self._start_clock(node, held)
        super()._give(node, held, names)

    def _start_clock(self, node: Any, held: Any) -> None:
        if not self._holds(node, held.cases):
            find_state(node).answered = time.monotonic()

    def _feed(self, node: Any) -> None:
        super()._feed(node)
        held = self._held.get(node)
        if self._audits is not None and held is not None and held.ready and not node.shutting_down:
            self._start_clock(node, held)
            for task in self._audits.take(find_place(node), self._list_ready(), held.pace.connections):
                held.send(("audit", task.text))

    def _list_ready(self) -> list[Place]:
        return [find_place(node) for node, held in self._held.items() if held.ready and not node.shutting_down]

    def _release_turns(self) -> None:
        if self._audits and not super().has_pending:
            unfit = self._audits.drop_unfit(self._list_ready())
            if unfit and self._give_up is not None:
                self._give_up(unfit)
        if not self._audits and not self._exclusions:
            super()._release_turns()

    # what workers have collected

    def add_node_collection(self, node: Any, collection: Sequence[str]) -> None:
        """Hear what a worker has collected; a host that joins late with anything else is left out."""
        if self._started and is_far(node) and self._ids != collection:
            self._dismiss(node, collection)
        else:
            super().add_node_collection(node, collection)
        if self._started and self._ids is not None:
            count_collected(self._config, len(self._ids))

    def _compare(self, ids: Sequence[str]) -> None:
        """Go by what most have collected; hosts with anything else are left out, a worker here ends the session."""
        collections = {node: self._different.get(node, ids) for node in self._held}
        chosen = choose_collection(collections)
        self._different.clear()
        if chosen is None:
            node = next(node for node, found in collections.items() if list(found) != list(ids))
            self._refuse(node, collections[node], ids)
            return
        self._ids = [intern(name) for name in chosen]
        for node in [node for node, found in collections.items() if list(found) != self._ids]:
            if is_far(node):
                self._dismiss(node, collections[node])
            else:
                self._refuse(node, collections[node], self._ids)

    def _dismiss(self, node: Any, collection: Sequence[str]) -> None:
        """Leave a host out that would run something else."""
        self._held[node].ready = False
        names = set(self._ids or ())
        odd = [name for name in collection if name not in names] or sorted(names - set(collection))
        told = f", e.g. {odd[0]!r:.200}" if odd else " in another order"
        reason = f"it has collected other items than the other workers{told}"
        self._exclusions.dismiss(node, reason)

    def _deal(self, ids: Iterable[str]) -> None:
        known = list(ids)
        count_collected(self._config, len(known))
        self._select(known)
        super()._deal(known)


def choose_collection(collections: Mapping[Any, Sequence[str]]) -> Sequence[str] | None:
    """Return what workers have collected: those of this machine where there are any, else what most of them have.

    :param collections: by worker
    :returns: None where as many have one thing as another
    """
    near = [ids for node, ids in collections.items() if not is_far(node)]
    votes = Counter(map(tuple, near or collections.values())).most_common(2)
    if not near and len(votes) > 1 and votes[0][1] == votes[1][1]:
        return None
    return list(votes[0][0])
