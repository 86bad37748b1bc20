"""Evidence of eval cases, in the process the user started: opened when the first record of a test arrives."""

from __future__ import annotations

import json
from collections.abc import Generator
from contextlib import ExitStack
from typing import Any

import pytest

from ..core.errors import LlevalError, ViolationError
from ..distribution.withdrawing import is_void
from ..execution.planning import RunPlan
from ..reports.escaping import escape_text
from .carried import check_carried
from .casereports import LINE, NEWS, VALUE
from .controller import Controller
from .ending import finish_run
from .reporting import print_run
from .state import SESSION_KEY, load_settings

__all__ = ["find_controller", "keep_case"]

_NAME = "lleval-keeping"


def keep_case(config: pytest.Config, report: pytest.TestReport) -> None:
    """Enter the record that a report of an eval case carries.

    :param config: of the session
    :param report: of a case
    """
    if is_void(report):
        return
    keeper: CaseKeeper | None = config.pluginmanager.get_plugin(_NAME)
    if keeper is None:
        keeper = _open_keeper(config)
    keeper.receive(report)


def find_controller(config: pytest.Config) -> Controller | None:
    """Return what keeps the records of eval cases; None while there are none."""
    keeper: CaseKeeper | None = config.pluginmanager.get_plugin(_NAME)
    return keeper.controller if keeper is not None else None


def _open_keeper(config: pytest.Config) -> CaseKeeper:
    session = config.stash.get(SESSION_KEY, None)
    try:
        if session is not None and session.controller is not None:
            # suites are asked in the same session: one run
            keeper = CaseKeeper(session.controller)
        else:
            keeper = OwnKeeper(config, _open_controller(config))
    except LlevalError as error:
        pytest.exit(escape_text(str(error), keep="\n"), returncode=pytest.ExitCode.USAGE_ERROR)
    config.pluginmanager.register(keeper, _NAME)
    return keeper


def _open_controller(config: pytest.Config) -> Controller:
    stack = ExitStack()
    config.add_cleanup(stack.close)
    controller = Controller(config, load_settings(config), RunPlan(plans={}, cases=()), stack)
    controller.prepare_tests()
    controller.open()
    stack.callback(controller.close)
    return controller


class CaseKeeper:
    """Keeps the records of eval cases beside those of suites; each hook delegates.

    :param controller: keeps the evidence
    """

    def __init__(self, controller: Controller) -> None:
        self.controller = controller

    def receive(self, report: pytest.TestReport) -> None:
        """Take the record off a report, which pytest keeps until the session ends."""
        line: str = report.__dict__.pop(LINE)
        worker = _name_sender(report)
        try:
            check_carried(worker, report.nodeid, {LINE: line})
        except ViolationError as error:
            self.controller.ledger.violations.append(f"worker {worker!r} has sent {error}")
            return
        self._hear(json.loads(report.__dict__.pop(NEWS, "{}")), worker)
        self.controller.adopt_record(line)
        self.controller.check()

    def _hear(self, news: dict[str, Any], worker: str) -> None:
        if "suite" in news:
            self.controller.adopt("suites", news["suite"])
        if "identity" in news:
            self.controller.adopt("models", news["identity"])
        for found in news.get("machine", ()):
            self.controller.note_machine(worker, found)

    @pytest.hookimpl(tryfirst=True)
    def pytest_report_teststatus(self, report: pytest.TestReport) -> Any:
        """Give cases that are wrong or unscored letters and words of their own."""
        if not hasattr(report, VALUE) or report.skipped:
            return None
        value: float | None = getattr(report, VALUE)
        if value is None:
            return "error", "E", ("UNSCORED", {"red": True})
        return ("passed", "w", ("WRONG", {"yellow": True})) if report.passed and value == 0.0 else None


class OwnKeeper(CaseKeeper):
    """Keeps the records of a session that asks no suite: it has a run of its own, which begins and ends here.

    :param config: of the session
    :param controller: keeps the evidence
    """

    def __init__(self, config: pytest.Config, controller: Controller) -> None:
        super().__init__(controller)
        self._config = config

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> Generator[None]:
        """Let everybody end, then decide: inside the hook of pytest's terminal, which shows it."""
        yield
        self.controller.stop()
        session.exitstatus = finish_run(self._config, self.controller, exitstatus)

    @pytest.hookimpl
    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print the numbers with their disclosures."""
        print_run(self.controller, terminalreporter)


def _name_sender(report: pytest.TestReport) -> str:
    """Return the worker a report came from."""
    node: Any = getattr(report, "node", None)
    return str(node.gateway.id) if node is not None else "main"
