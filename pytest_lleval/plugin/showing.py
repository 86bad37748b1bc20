"""The hooks of the process the user looks at."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import pytest

from .session import RunSession
from .state import find_hosts

if TYPE_CHECKING:
    from .reporting import Display

__all__ = ["ShowingHooks"]


class ShowingHooks:
    """One instance a session, in the process the user started; each hook delegates."""

    def __init__(self, session: RunSession) -> None:
        self._run = session
        self._display: Display | None = None

    @pytest.hookimpl
    def pytest_report_header(self) -> list[str]:
        """Name the shard, and the hosts that take part."""
        hosts, shard = find_hosts(self._run.config), self._run.settings.shard
        return [*([f"lleval: shard {shard}"] if shard else []), *(hosts.list_lines() if hosts is not None else [])]

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self) -> None:
        """Import what shows the session; models prove themselves meanwhile, and wait for nothing."""
        from .reporting import Display  # takes a while

        self._display = Display(self._run)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool | None:
        """Report instead of running on a dry run; else start the clock of the live line."""
        if self._run.settings.dry_run:
            from .dryrun import report_dry_run  # only there

            return report_dry_run(self._run, session)
        if self._display is not None:
            self._display.start_clock()
        return None

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> Generator[None]:
        """Take note of a case before anybody shows it, and keep no more of it than is needed."""
        if self._display is not None:
            self._display.receive(report)
        yield
        if self._display is not None:
            self._display.release(report)

    @pytest.hookimpl(tryfirst=True)
    def pytest_report_teststatus(self, report: pytest.TestReport) -> Any:
        """Give scored and unscored cases letters and words of their own."""
        return self._display.name_status(report) if self._display is not None else None

    @pytest.hookimpl
    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print the numbers with their disclosures."""
        if self._display is not None:
            self._display.print_summary(terminalreporter)
