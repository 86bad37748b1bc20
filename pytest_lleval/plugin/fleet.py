"""The session as its xdist workers' hooks see it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest

from ..core.errors import ViolationError
from ..core.records import Record
from ..distribution.auditing import Audits
from ..distribution.audits import Place
from ..distribution.intake import accept_machine
from ..distribution.lines import Message
from ..execution.attaching import share_connections
from ..execution.ledger import Source
from ..reports.escaping import escape_text
from .carried import CARRIED, check_carried
from .controller import Controller
from .protocol import make_reports
from .session import RunSession

__all__ = ["SessionFleet"]

#: what a worker may need beside its calls
_SPARE_SECONDS = 60.0


class SessionFleet:
    """Answers what xdist's hooks and our scheduler ask of a session.

    :param session: of the controller
    """

    carried = CARRIED

    def __init__(self, session: RunSession) -> None:
        self._session = session
        self._workers = 1

    @property
    def _evidence(self) -> Controller:
        if self._session.controller is None:
            raise RuntimeError("workers are configured before the session has started")
        return self._session.controller

    def prepare(self, workers: int) -> None:
        """Get ready for that many workers, before the first one starts."""
        self._workers = workers
        self._session.has_workers = True
        self._session.start()
        if self._session.settings.resume is not None:
            # workers must know what the run has already
            self._session.open()
        self._evidence.share_limits(workers)

    def attach(self) -> str:
        """Wait until the models have proven themselves; return what workers must know of them."""
        self._session.open()
        return self._evidence.attached.encode()

    def configure(self, number: int, host: str) -> tuple[str, int]:
        """Return the text for the input of a worker, and how many requests it may have in flight.

        :param host: the worker's; empty for this machine
        """
        hosts = self._evidence.hosts
        beside = hosts.count_workers(host, self._workers) if hosts is not None else self._workers
        share = share_connections(self._session.settings, number, self._workers, beside=beside)
        context = self._evidence.make_context(self._workers, share)
        if hosts is not None and host:
            context = hosts.adapt_context(context, host)
            self._evidence.note_host(f"gw{number}", host)
        return context.encode(), sum(share.values())

    def select(self, node_ids: Sequence[str]) -> None:
        """Hear which items the workers will run."""
        self._session.select(node_ids)
        self._evidence.inspection.choose(self._evidence.ledger, self._session.settings.epochs)

    @property
    def patience(self) -> float:
        """Seconds after which a worker that holds cases must have answered one: some call of it ends by then."""
        return 2 * self._session.settings.deadline + _SPARE_SECONDS

    def is_waiting(self, worker: str) -> bool:
        """Tell whether a worker waits for the run's limits."""
        return self._evidence.limits.is_waiting(worker)

    def clean(self, text: str) -> str:
        """Return a text that is safe to print."""
        return escape_text(text, keep="\n\t")

    def check_carried(self, worker: str, node_id: str, carried: Mapping[str, Any]) -> None:
        """Refuse what a worker's report of an item carries, if it cannot be of that item."""
        check_carried(worker, node_id, carried)

    def begin_audits(
        self, workers: int, *, convict: Callable[[str, str], None], wake: Callable[[], None]
    ) -> Audits | None:
        """Begin to audit answers, where that was asked for."""
        evidence = self._evidence
        mocks = [identity["spec"] for identity in evidence.attached.identities if identity["kind"] == "mock"]
        evidence.inspection.begin(workers, mocks, convict=convict, wake=wake)
        return evidence.inspection.auditor

    def refuse_audits(self, reason: str) -> None:
        """Hear why no answers can be audited."""
        self._evidence.inspection.refuse(reason)

    def audit(self, place: Place, message: Message) -> None:
        """Hear what a worker says that has asked an answer again."""
        auditor = self._evidence.inspection.auditor
        if auditor is None:
            raise ViolationError("an audit where nothing is audited")
        auditor.hear(place, *message[1:])

    def void(self, workers: Sequence[Place], reason: str) -> list[str]:
        """Void all records of workers; return the cases that have none now."""
        return self._evidence.void(workers, reason)

    def note_violation(self, text: str) -> None:
        """Hear of what no honest worker sends, in a session that cannot exclude its worker."""
        self._evidence.ledger.violations.append(text)

    def note_tests(self, worker: str, tests: int) -> None:
        """Hear how many ordinary tests an excluded worker has reported."""
        self._evidence.inspection.note_tests(worker, tests)

    def enter(self, lines: str, source: Source | None) -> list[str] | None:
        """Enter journal lines; return the cases they complete, None when they cannot be kept."""
        completed = self._evidence.enter_lines(lines.split("\n"), source)
        return None if self._evidence.problem else completed

    def listen(self, hear: Callable[[str, str], None]) -> None:
        """Tell of every suite and model whose gates are decided."""
        if self._evidence.stopper is not None:
            self._evidence.stopper.listen(hear)

    def check(self) -> None:
        """End the session when its evidence cannot be kept."""
        self._evidence.check()

    def make_reports(self, node_id: str) -> list[pytest.TestReport]:
        """Return pytest's reports of a complete case."""
        ledger = self._evidence.ledger
        case = ledger.find_case(node_id)
        if case is None:
            return []
        allowed = self._session.settings.unscored_allowed.value > 0
        return make_reports(case, ledger.find(node_id), allowed=allowed)

    def receive(self, worker: str, message: Message, reply: Any) -> None:
        """Hear of a worker's limits."""
        if message[0] == "limit":
            self._evidence.note_limit(worker, *message[1:])
        elif message[0] == "machine":
            self._evidence.note_machine(worker, accept_machine(message[1]))
        else:
            self._evidence.limits.receive(worker, message, reply)

    def note_lost(self, worker: str, reason: str) -> None:
        """Hear that a worker has ended before its time."""
        if self._session.controller is not None:
            self._session.controller.note_lost(worker, reason)

    def note_late(self, message: Message) -> None:
        """Hear what a worker says that was given up already: its records are counted and ignored."""
        if message[0] == "records":
            self._evidence.late += message[1].count("\n") + 1

    def is_case(self, node_id: str) -> bool:
        """Tell whether a node id is a case of the run."""
        return self._evidence.ledger.find_case(node_id) is not None

    def is_complete(self, node_id: str) -> bool:
        """Tell whether a case has all its records."""
        return self._evidence.ledger.is_complete(node_id)

    def report_complete(self, node_id: str) -> None:
        """Report a case that was complete before the session began."""
        for report in self.make_reports(node_id):
            self._session.config.hook.pytest_runtest_logreport(report=report)

    def set_aside(self, node_id: str, worker: str) -> None:
        """Record and report a case that took down every worker it was given to."""
        case = self._evidence.ledger.find_case(node_id)
        if case is None:
            return
        done = {entry.epoch for entry in self._evidence.ledger.find(node_id)}
        for epoch in range(1, self._session.settings.epochs + 1):
            if epoch in done:
                continue
            record = Record(
                case=case.id,
                suite=case.suite,
                sample=case.sample.id,
                group=case.sample.group,
                cluster=case.sample.cluster,
                model=case.model,
                epoch=epoch,
                outcome="unscored",
                cause="error",
                error=f"set aside: {worker} ended while asking it, as a worker had before",
                target=case.sample.targets,
            )
            self._evidence.enter_record(record)
        self.report_complete(node_id)
