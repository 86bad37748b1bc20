"""What the controller does with xdist's workers: configures them, hears them, gives them work, and notices their end.

What is used of xdist's private parts is in `private.py`; ``notify_inproc`` of a worker's controller, used here too, is
guarded by the same test.
"""

from __future__ import annotations

import shlex
import threading
from collections.abc import Callable, Generator, Sequence
from os import environ
from typing import Any, Protocol

import pytest

from ..execution.ledger import Source
from .auditing import AuditedScheduling
from .audits import find_place
from .guarding import Guard, GuardedFleet
from .lines import Message, open_line
from .private import lose_worker
from .watch import WorkerWatch
from .withdrawing import withdraw_reports
from .workerstate import find_state

__all__ = ["Fleet", "NodeHooks"]


class Fleet(GuardedFleet, Protocol):
    """What xdist's hooks ask of the session."""

    def prepare(self, workers: int) -> None:
        """Get ready for that many workers, before the first one starts."""

    def attach(self) -> str:
        """Wait until the models have proven themselves; return what workers must know of them, as text."""

    def configure(self, number: int, host: str) -> tuple[str, int]:
        """Return the text for a worker's input and its requests in flight.

        :param number: of the worker, from 0
        :param host: its host; empty for this machine
        """

    def enter(self, lines: str, source: Source | None) -> list[str] | None:
        """Enter journal lines; return the cases they complete, None when they cannot be kept. Called in any thread."""

    def check(self) -> None:
        """End the session when its evidence cannot be kept; called in the main thread."""

    def listen(self, hear: Callable[[str, str], None]) -> None:
        """Tell of every suite and model whose gates are decided, those included that are so already."""

    def make_reports(self, node_id: str) -> list[pytest.TestReport]:
        """Return pytest's reports of a complete case."""

    def receive(self, worker: str, message: Message, reply: Any) -> None:
        """Hear of a worker's limits and machine: words ``need``, ``spent``, ``limit``, ``machine``. In any thread."""

    def note_lost(self, worker: str, reason: str) -> None:
        """Hear that a worker has ended before its time."""

    def note_late(self, message: Message) -> None:
        """Hear what a worker says that was given up already. In any thread."""


class NodeHooks:
    """xdist's hooks on the controller; registered only when xdist is there.

    :param fleet: the session
    :param key: under which a worker finds its text
    """

    def __init__(self, fleet: Fleet, key: str) -> None:
        self._fleet = fleet
        self._key = key
        self._workers = 0
        self._scheduler: AuditedScheduling | None = None
        self._guard = Guard(fleet)
        self._ready: dict[Any, tuple[bool, list[str]]] = {}
        self._greeting = threading.Lock()
        #: what every worker must hear before it is given work; None until it is known
        self._attached: str | None = None
        self._watch = WorkerWatch(lose_worker)

    @pytest.hookimpl
    def pytest_xdist_setupnodes(self, config: pytest.Config, specs: Sequence[Any]) -> None:
        """Before any worker starts."""
        self._workers = len(specs)
        self._guard.begin(config, specs, schedules=not names_scheduler(config))
        self._fleet.prepare(len(specs))

    @pytest.hookimpl
    def pytest_configure_node(self, node: Any) -> None:
        """Before one worker starts: https://pytest-xdist.readthedocs.io/en/stable/how-to.html."""
        name = node.gateway.id
        number = int(name.removeprefix("gw")) if name.removeprefix("gw").isdigit() else 0
        state = find_state(node)
        node.workerinput[self._key], state.connections = self._fleet.configure(number, state.host)
        state.send = open_line(node, self._guard.listen(self._receive))
        self._guard.watch(node)

    @pytest.hookimpl
    def pytest_xdist_make_scheduler(self, config: pytest.Config) -> Any:
        """Schedule ourselves, unless the user has named one of xdist's schedulers; before any work is given out."""
        attached = self._fleet.attach()
        with self._greeting:
            self._attached = attached
            for node in self._ready:
                self._tell_attached(node, attached)
        if not names_scheduler(config):
            self._scheduler = self._guard.make_scheduler(config, self._workers)
        else:
            self._guard.leave_scheduling()
        return self._scheduler

    @pytest.hookimpl
    def pytest_xdist_node_collection_finished(self, node: Any, ids: Sequence[str]) -> None:
        """After a worker has collected."""
        if self._scheduler is not None:
            self._scheduler.note_ready(*self._ready.pop(node, (False, [])))
        else:
            self._fleet.select(ids)

    @pytest.hookimpl
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """After a report has reached the main thread."""
        if self._scheduler is not None and report.when != "teardown":
            self._scheduler.note_reported(getattr(report, "node", None), report.nodeid)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, object, object]:
        """Take back what does not count, before pytest looks at what has failed."""
        try:
            return (yield)
        finally:
            withdraw_reports(session, self._fleet.is_case)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logfinish(self) -> None:
        """After a worker has finished an item, or has sent what could not be kept."""
        self._fleet.check()

    @pytest.hookimpl
    def pytest_testnodedown(self, node: Any, error: object | None) -> None:
        """After a worker has ended."""
        self._watch.forget(node)
        state = find_state(node)
        if state.gone:
            if not state.excluded:
                self._fleet.note_lost(node.gateway.id, state.reason)
            if self._scheduler is not None:
                self._scheduler.note_gone(node)
        elif error:
            self._fleet.note_lost(node.gateway.id, str(error))

    @pytest.hookimpl
    def pytest_unconfigure(self) -> None:
        """At the end."""
        self._watch.close()
        self._guard.close()

    def listen(self, receive: Callable[[Any, Message], None]) -> Callable[[Any, object], None]:
        """Return what hears a further line of a worker in place of somebody who believes it."""
        return self._guard.listen(receive)

    def _receive(self, node: Any, message: Message) -> None:
        """Hear a worker, in the thread of its gateway."""
        state = find_state(node)
        if state.gone:
            # what it held is being asked of others
            self._fleet.note_late(message)
            return
        self._watch.note(node)
        match message:
            case ("records", str(lines)):
                self._enter(node, lines)
                state.send(("kept",))
            case ("audited", *_):
                self._guard.hear_audit(node, message)
            case ("ready", int(pid), bool(direct), str(turns)):
                self._greet(node, direct, turns.splitlines())
                if not state.host:
                    self._watch.begin(node, pid, local=bool(node.gateway.spec.popen))
            case ("mark", str(name)):
                if self._scheduler is not None:
                    self._scheduler.note_marked(node, name)
            case ("beat",):
                pass
            case _:
                self._fleet.receive(node.gateway.id, message, state.send)

    def _greet(self, node: Any, direct: bool, turns: list[str]) -> None:
        with self._greeting:
            self._ready[node] = (direct, turns)
            if self._attached is not None:
                self._tell_attached(node, self._attached)

    def _tell_attached(self, node: Any, attached: str) -> None:
        send = find_state(node).send
        send(("attached", attached))
        self._fleet.listen(lambda suite, model: send(("decided", suite, model)))

    def _enter(self, node: Any, lines: str) -> None:
        source = None
        if self._scheduler is not None:
            source = Source(node.gateway.id, self._scheduler.list_assigned(node), find_place(node).machine)
        completed = self._fleet.enter(lines, source)
        if completed is None:
            # wakes the main thread, which alone can end the session
            node.notify_inproc("logfinish", node=node, nodeid="", location=("", None, ""))
            return
        for name in completed:
            if self._scheduler is None or self._scheduler.has_turn(name):
                continue
            for report in self._fleet.make_reports(name):
                node.notify_inproc("testreport", node=node, rep=report)


def names_scheduler(config: pytest.Config) -> bool:
    """Tell whether the user has named a scheduler of xdist's: ``-n`` alone sets the same option."""
    words = [*config.invocation_params.args, *shlex.split(environ.get("PYTEST_ADDOPTS", "")), *config.getini("addopts")]
    return any(str(word).startswith("--dist") for word in words)
