"""Answers that wait to be asked again on another worker, and who may do it."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from .events import is_far_spec

__all__ = ["AuditQueue", "AuditTask", "Place", "find_place", "rank_auditor"]


class Place(NamedTuple):
    """A worker and the machine it is on; this one's name is empty."""

    worker: str
    machine: str


def find_place(node: Any) -> Place:
    """Return where a worker is.

    :param node: xdist's controller of the worker
    """
    spec = node.gateway.spec
    return Place(node.gateway.id, spec.lleval_host or (str(spec) if is_far_spec(spec) else ""))


@dataclass(frozen=True, kw_only=True)
class AuditTask:
    """An answer that is to be asked again."""

    #: names it among all
    ticket: str
    #: what the worker is told, as JSON
    text: str
    #: who has answered already, the one that is audited first
    known: tuple[Place, ...]


def rank_auditor(place: Place, known: Sequence[Place]) -> int | None:
    """Return how good a worker is to ask an answer again that others have given; the least is best, None must not.

    Another machine is best. Whoever rules a machine rules all its workers, so two of one machine say nothing against
    or for another one; where all are on one machine, faults are found and lies of its owner are not. This machine may
    speak twice against a host: it is believed, and a second time shows whether an answer is the same each time.

    :param known: at least one
    """
    machines = {other.machine for other in known}
    workers = {other.worker for other in known}
    if place.machine not in machines:
        return 0
    if place.worker not in workers and (not place.machine or machines == {place.machine}):
        return 1
    return 2 if not place.machine and len(machines) > 1 else None


class AuditQueue:
    """Filled by the threads of the workers' lines, emptied by the main thread."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._waiting: list[AuditTask] = []
        self._held: dict[str, dict[str, AuditTask]] = {}

    def __bool__(self) -> bool:
        return bool(self._waiting) or any(self._held.values())

    def add(self, tasks: Iterable[AuditTask]) -> None:
        """Add answers to be asked again."""
        with self._guard:
            self._waiting += tasks

    def take(self, place: Place, ready: Sequence[Place], most: int) -> list[AuditTask]:
        """Return what a worker is to ask again now, which it then holds.

        :param ready: all workers that can be asked; what another one is better for is left to that one
        :param most: how many it may hold
        """
        if not self._waiting:
            return []
        with self._guard:
            held = self._held.setdefault(place.worker, {})
            taken: list[AuditTask] = []
            for task in self._waiting:
                if len(held) >= most:
                    break
                rank = rank_auditor(place, task.known)
                if rank is not None and rank == _find_best(ready, task):
                    held[task.ticket] = task
                    taken.append(task)
            self._waiting = [task for task in self._waiting if task.ticket not in held]
            return taken

    def find(self, worker: str, ticket: str) -> AuditTask | None:
        """Return what a worker holds; None when it was not given that."""
        return self._held.get(worker, {}).get(ticket)

    def holds(self, worker: str) -> bool:
        """Tell whether a worker is asking any answer again now."""
        return bool(self._held.get(worker))

    def is_held(self, ticket: str) -> bool:
        """Tell whether somebody is asking an answer again now."""
        with self._guard:
            return any(ticket in held for held in self._held.values())

    def finish(self, worker: str, ticket: str) -> None:
        """Hear that an answer was asked again, and that whatever follows of it is in the queue."""
        with self._guard:
            self._held.get(worker, {}).pop(ticket, None)

    def give_back(self, worker: str) -> None:
        """Hear that a worker is gone: another one will do it."""
        with self._guard:
            self._waiting += self._held.pop(worker, {}).values()

    def drop(self, tickets: Iterable[str]) -> None:
        """Forget answers that need not be asked again any more; one that somebody holds will be asked all the same."""
        gone = set(tickets)
        with self._guard:
            self._waiting = [task for task in self._waiting if task.ticket not in gone]

    def drop_unfit(self, ready: Sequence[Place]) -> list[AuditTask]:
        """Forget and return what nobody can ask again.

        :param ready: all workers that can be asked
        """
        with self._guard:
            unfit = [task for task in self._waiting if _find_best(ready, task) is None]
            self._waiting = [task for task in self._waiting if task not in unfit]
            return unfit


def _find_best(ready: Sequence[Place], task: AuditTask) -> int | None:
    ranks = [rank for place in ready if (rank := rank_auditor(place, task.known)) is not None]
    return min(ranks, default=None)
