"""What a session shows: letters, the live line, the summary."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import pytest

from ..distribution.withdrawing import find_sender, is_void
from ..reports.escaping import escape_text
from ..reports.holding import find_doubted
from ..reports.progress import LiveProgress
from ..reports.terminal import render_run
from .controller import Controller
from .protocol import VALUE, find_value, is_case_report
from .session import RunSession

__all__ = ["Display", "print_run"]

_SHOWN_MISSING = 10
#: shared by all reports that are kept
_NOTHING: list[Any] = []
_NO_WORDS: Mapping[str, Any] = {}


class Display:
    """Listens to reports in the process the user looks at."""

    def __init__(self, session: RunSession) -> None:
        self._run = session
        self._live: LiveProgress | None = None

    def receive(self, report: pytest.TestReport) -> None:
        """Take note of a case's report and redraw the live line."""
        controller = self._run.controller
        if controller is None:
            return
        controller.check()
        if is_void(report):
            return
        if not is_case_report(report):
            if report.skipped:
                controller.ledger.excuse(report.nodeid, find_sender(report))
            return
        ledger = controller.ledger
        ledger.note_reported(report.nodeid)
        # of all its epochs, those included that a resumed run had before
        values = [entry.value for entry in ledger.find(report.nodeid) if entry.value is not None]
        value = sum(values) / len(values) if values else None
        setattr(report, VALUE, value)
        if report.nodeid in ledger.renewed:
            # the live line has it already
            ledger.renewed.discard(report.nodeid)
        elif self._live is not None:
            self._live.add(value, ledger.count_fresh(report.nodeid))
        if self._live is not None:
            self._live.show(len(ledger.selected))

    def release(self, report: pytest.TestReport) -> None:
        """Let go of what nobody reads any more: pytest keeps every report until the session ends."""
        if self._run.controller is None or self._run.controller.find_case(report.nodeid) is None:
            return
        report.user_properties = _NOTHING
        report.sections = _NOTHING
        report.keywords = _NO_WORDS
        if report.passed:
            # it is where a failure is headed by, and what the node id says
            report.location = _share_location(report.location[0])
        reporter = self._run.config.pluginmanager.get_plugin("terminalreporter")
        unshown = reporter.stats.get("", []) if reporter is not None else []
        if report.when == "teardown" and unshown and unshown[-1] is report:
            unshown.pop()

    def start_clock(self) -> None:
        """Open the live line where there is a terminal to draw it on and nothing but cases to run."""
        reporter = self._run.config.pluginmanager.get_plugin("terminalreporter")
        if self._run.controller is None or reporter is None or not reporter.isatty:
            return
        if self._run.config.get_verbosity() == 0 and self._run.runs_only_cases():
            reporter.showfspath = False
            flag = "MOCK · " if self._run.controller.asks_mock else ""
            self._live = LiveProgress(lambda text: reporter.rewrite(flag + text, erase=True))

    def name_status(self, report: pytest.TestReport) -> tuple[str, str, Any] | None:
        """Return category, letter and word of a case's report.

        A wrong answer is a test that passed and a measurement that says so; only an unscored case is an error.
        """
        if not is_case_report(report):
            return None
        if is_void(report):
            return "", "", ""
        category, letter, word, markup = _name_case(report.outcome, find_value(report))
        # where the live line is drawn, letters would break it
        return (category, letter, (word, markup)) if self._live is None else (category, "", "")

    def print_summary(self, reporter: pytest.TerminalReporter) -> None:
        """Print the run's numbers, and what was selected and never run."""
        controller = self._run.controller
        if controller is None:
            return
        print_run(controller, reporter)
        missing = self._run.matrix.missing if self._run.matrix is not None else 0
        if missing:
            reporter.write_line(f"not run: the matrix, {missing} of whose cells were selected", red=True)


def print_run(controller: Controller, reporter: pytest.TerminalReporter) -> None:
    """Print a run's numbers, its gates, and what keeps it from ending well."""
    if controller.run is None:
        return
    reporter.ensure_newline()
    reporter.section("lleval")
    width = reporter.config.get_terminal_writer().fullwidth
    for line in render_run(controller.view, width) if controller.view else ():
        reporter.write_line(line.text, **line.markup)
    for text in _render_engine(controller):
        reporter.write_line(text, yellow=True)
    unmeasured = controller.rules.find_unmeasured(controller.view) if controller.view else ""
    for text in (*_render_strict(controller), unmeasured, controller.rules.unsaved):
        if text:
            reporter.write_line(text, red=True)
    if controller.rules.saved:
        reporter.write_line(f"baseline saved: {controller.rules.saved}")
    if controller.missing:
        reporter.write_line(_name_missing(controller.missing), red=True)
    for violation in controller.ledger.violations[:_SHOWN_MISSING]:
        reporter.write_line(f"not counted: {violation}", red=True)
    for text in (controller.inspection.failure, controller.problem):
        if text:
            reporter.write_line(text, red=True)
    if controller.view is not None and (os.environ.get("GITHUB_STEP_SUMMARY") or os.environ.get("GITHUB_ACTIONS")):
        from .stepsummary import publish_verdict  # only in a job of GitHub's

        publish_verdict(controller.view, reporter)


@cache
def _share_location(suite: str) -> tuple[str, int | None, str]:
    return suite, None, ""


def _render_engine(controller: Controller) -> Iterator[str]:
    """Say what happened to the workers."""
    told = {event.get("worker") for event in controller.hosts.events} if controller.hosts is not None else set()
    for worker, reason in controller.lost:
        if worker not in told:
            yield escape_text(f"worker {worker} ended before its time ({reason}); what it held was given to others")
    if controller.ledger.repeated:
        yield f"answered twice and counted once: {controller.ledger.repeated:,} (by workers that had been given up)"


def _render_strict(controller: Controller) -> Iterator[str]:
    """Say what a strict session fails on."""
    if controller.view and controller.strict:
        yield find_doubted(controller.view)


def _name_missing(missing: list[str]) -> str:
    more = f" and {len(missing) - _SHOWN_MISSING} more" if len(missing) > _SHOWN_MISSING else ""
    return f"not run: {len(missing)} of the selected cases: {', '.join(missing[:_SHOWN_MISSING])}{more}"


def _name_case(outcome: str, value: float | None) -> tuple[str, str, str, dict[str, bool]]:
    if outcome == "failed":
        return "error", "E", "UNSCORED", {"red": True}
    if outcome == "skipped":
        return "skipped", "s", "NOT SCORED", {"yellow": True}
    if value == 1.0:
        return "passed", ".", "RIGHT", {"green": True}
    if value == 0.0:
        return "passed", "w", "WRONG", {"yellow": True}
    return "passed", "p", "PARTLY RIGHT", {"yellow": True}
