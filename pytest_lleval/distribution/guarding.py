"""Everything a session's workers say goes through here first, whatever channel it comes on."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import pytest

from ..core.errors import ViolationError
from ..support.lastline import describe_fault
from .auditing import AuditedScheduling, Audits
from .audits import Place, find_place
from .events import EventRules, guard_events, is_far, is_far_spec
from .exclusion import Exclusions, Jury
from .intake import accept_message
from .lines import Message
from .private import is_down, lose_worker, wake_scheduler
from .scheduler import Evidence
from .stalls import StallWatch
from .wire import guard_wire
from .workerstate import WorkerState, find_state

__all__ = ["Guard", "GuardedFleet"]

#: seconds, a year: threads wait for no infinite time
_MOST_PATIENCE = 3e7


class GuardedFleet(Evidence, Jury, Protocol):
    """What is asked of the session."""

    #: the names of what reports carry of ours
    carried: frozenset[str]

    @property
    def patience(self) -> float:
        """Seconds after which a worker that holds cases must have answered one."""

    def is_waiting(self, worker: str) -> bool:
        """Tell whether a worker waits for the run's limits. In any thread."""

    def select(self, node_ids: Sequence[str]) -> None:
        """Hear which items the workers will run."""

    def clean(self, text: str) -> str:
        """Return a text that is safe to print."""

    def check_carried(self, worker: str, node_id: str, carried: Mapping[str, Any]) -> None:
        """Refuse what a worker's report of an item carries, if it cannot be of that item.

        :raises ViolationError: naming it
        """

    def begin_audits(
        self, workers: int, *, convict: Callable[[str, str], None], wake: Callable[[], None]
    ) -> Audits | None:
        """Begin to audit answers, where that was asked for."""

    def refuse_audits(self, reason: str) -> None:
        """Hear why no answers can be audited."""

    def audit(self, place: Place, message: Message) -> None:
        """Hear what a worker says that has asked an answer again. In any thread.

        :raises ViolationError: when no honest worker says that
        """

    def note_violation(self, text: str) -> None:
        """Hear of what no honest worker sends, in a session that cannot exclude its worker."""


class Guard:
    """One a session.

    :param fleet: the session
    """

    def __init__(self, fleet: GuardedFleet) -> None:
        self._fleet = fleet
        self._exclusions: Exclusions | None = None
        #: whether this session's scheduler is ours, which takes from excluded workers what they hold
        self._schedules = False
        self._scheduler: AuditedScheduling | None = None
        self._restore: Callable[[], None] | None = None
        self._stalls: StallWatch | None = None
        self._nodes: list[Any] = []
        self._rules = EventRules(
            refuse=self.refuse, clean=fleet.clean, check=fleet.check_carried, carried=fleet.carried
        )

    def begin(self, config: pytest.Config, specs: Sequence[Any], *, schedules: bool) -> None:
        """Before any worker starts.

        :param schedules: whether the scheduler will be ours
        """
        self._schedules = schedules
        self._exclusions = Exclusions(config, self._fleet)
        if any(map(is_far_spec, specs)):
            self._restore = guard_wire(self._fleet.clean)

    def watch(self, node: Any) -> None:
        """Before one worker starts."""
        self._nodes.append(node)
        if self._exclusions is not None:
            self._exclusions.watch(node)
        guard_events(node, self._rules)
        self._watch_stalls()

    def _watch_stalls(self) -> None:
        """Begin to look for stalled workers, once there is a host and work is given out."""
        if self._stalls is None and self._scheduler is not None and any(map(is_far, self._nodes)):
            self._stalls = StallWatch(self._list_holding, lose_worker, min(self._fleet.patience, _MOST_PATIENCE))

    def _list_holding(self) -> list[Any]:
        holding = self._scheduler.list_holding() if self._scheduler is not None else []
        return [node for node in holding if is_far(node) and not self._fleet.is_waiting(node.gateway.id)]

    def make_scheduler(self, config: pytest.Config, workers: int) -> AuditedScheduling | None:
        """Return the session's scheduler."""
        if self._exclusions is None:
            return None
        audits = self._fleet.begin_audits(
            workers, convict=self._exclusions.convict, wake=lambda: wake_scheduler(config)
        )
        self._scheduler = AuditedScheduling(
            config, workers, self._fleet, select=self._fleet.select, exclusions=self._exclusions, audits=audits
        )
        self._watch_stalls()
        return self._scheduler

    def leave_scheduling(self) -> None:
        """Hear that somebody else schedules the session."""
        self._fleet.refuse_audits("a scheduler of xdist's gives no case to a second worker: leave --dist out")

    def listen(self, receive: Callable[[Any, Message], None]) -> Callable[[Any, object], None]:
        """Return what hears a worker's line in place of somebody who believes it.

        :param receive: gets messages that an honest worker may send; raises `ViolationError` for others
        """

        def hear(node: Any, message: object) -> None:
            state = find_state(node)
            if state.refused:
                return
            try:
                known = accept_message(message)
                if known[0] in ("records", "audited"):
                    state.answered = time.monotonic()
                if known[0] == "ready":
                    _note_ready(state)
                receive(node, known)
            except ViolationError as error:
                self.refuse(node, str(error))
            except Exception as error:
                if not is_far(node):
                    raise
                self.refuse(node, f"a message that cannot be used ({describe_fault(error)})")

        return hear

    def hear_audit(self, node: Any, message: Message) -> None:
        """Hear what a worker says that has asked an answer again."""
        self._fleet.audit(find_place(node), message)

    def refuse(self, node: Any, text: str) -> None:
        """Hear what a worker has sent that no honest one sends; in the thread of its gateway."""
        state = find_state(node)
        if state.refused or is_down(node):
            # it is gone, and nothing of it was taken
            return
        state.refused = True
        place = find_place(node)
        where = f" on host {place.machine}" if place.machine else ""
        reason = f"worker {place.worker}{where} has sent {text}"
        if self._exclusions is not None and self._schedules:
            # where the scheduler is not there yet, it hears of this first
            self._exclusions.convict(place.worker, reason)
            return
        self._fleet.note_violation(reason)
        lose_worker(node, reason)

    def close(self) -> None:
        """At the end."""
        if self._stalls is not None:
            self._stalls.close()
        if self._restore is not None:
            self._restore()


def _note_ready(state: WorkerState) -> None:
    if state.ready:
        raise ViolationError("word that it is ready a second time")
    state.ready = True
