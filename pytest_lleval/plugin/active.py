"""The hooks of a session that evaluates; registered only then."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import pytest

from . import reporting
from .collection import CaseItem, collect_suites
from .dryrun import report_dry_run
from .protocol import carry_records, run_item
from .session import RunSession

__all__ = ["ActiveHooks"]

Reporting = Generator[None, pytest.TestReport, pytest.TestReport]


class ActiveHooks:
    """One instance a session; each hook delegates."""

    def __init__(self, session: RunSession) -> None:
        self._run = session
        self._display = reporting.Display(session)

    @pytest.hookimpl(wrapper=True)
    def pytest_sessionstart(self) -> Generator[None]:
        """Attach below pytest's header and before anything is collected; on a controller before its workers start."""
        yield
        self._run.start()

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self) -> None:
        """Take our node ids out of pytest's arguments."""
        self._run.prepare_arguments()

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, session: pytest.Session, items: list[pytest.Item]) -> None:
        """Add the cases before other plugins sort and deselect."""
        items += collect_suites(session)

    @pytest.hookimpl
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Remember what will run."""
        self._run.select(item.nodeid for item in session.items)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool | None:
        """Report instead of running on a dry run; else start the clock of the live line."""
        if self._run.settings.dry_run:
            return report_dry_run(self._run, session)
        self._display.start_clock()
        return None

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> bool | None:
        """Run cases by their own protocol."""
        return run_item(item) if isinstance(item, CaseItem) else None

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item) -> Reporting:
        """Put a case's records on its report."""
        report = yield
        return carry_records(item, report)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Journal a case's records before anybody shows them."""
        self._display.receive(report)

    @pytest.hookimpl(tryfirst=True)
    def pytest_report_teststatus(self, report: pytest.TestReport) -> Any:
        """Give scored and unscored cases letters and words of their own."""
        return self._display.name_status(report)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Stop asking and decide."""
        session.exitstatus = self._run.finish(exitstatus)

    @pytest.hookimpl
    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print the numbers with their disclosures."""
        self._display.print_summary(terminalreporter)
