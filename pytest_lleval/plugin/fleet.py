"""The session as its xdist workers' hooks see it."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from ..core.records import Record
from ..distribution.lines import Message
from ..execution.attaching import share_connections
from ..execution.ledger import Source
from .controller import Controller
from .protocol import make_reports
from .session import RunSession

__all__ = ["SessionFleet"]


class SessionFleet:
    """Answers what xdist's hooks and our scheduler ask of a session.

    :param session: of the controller
    """

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

    def attach(self) -> str:
        """Wait until the models have proven themselves; return what workers must know of them."""
        self._session.open()
        return self._evidence.attached.encode()

    def configure(self, number: int) -> tuple[str, int]:
        """Return the text for the input of a worker, and how many requests it may have in flight."""
        share = share_connections(self._session.settings, number, self._workers)
        return self._session.encode_context(self._workers), sum(share.values())

    def select(self, node_ids: Sequence[str]) -> None:
        """Hear which items the workers will run."""
        self._session.select(node_ids)

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
            self._evidence.note_machine(worker, json.loads(message[1]))
        else:
            self._evidence.receive_quota(worker, message, reply)

    def note_lost(self, worker: str, reason: str) -> None:
        """Hear that a worker has ended before its time."""
        if self._session.controller is not None:
            self._session.controller.note_lost(worker, reason)

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
