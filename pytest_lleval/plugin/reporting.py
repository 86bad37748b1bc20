"""What a session shows: letters, the live line, the summary."""

from __future__ import annotations

from typing import Any

import pytest

from ..reports.progress import LiveProgress
from ..reports.terminal import render_run
from .protocol import VALUE, read_lines
from .session import RunSession

__all__ = ["Display"]

_SHOWN_MISSING = 10


class Display:
    """Listens to reports in the process the user looks at."""

    def __init__(self, session: RunSession) -> None:
        self._run = session
        self._live: LiveProgress | None = None

    def receive(self, report: pytest.TestReport) -> None:
        """Journal a case's records and redraw the live line."""
        lines = read_lines(report)
        controller = self._run.controller
        if controller is None:
            return
        if lines is None:
            if report.skipped:
                controller.note_skipped(report.nodeid)
            return
        records = controller.record_lines(report.nodeid, lines)
        values = [record.primary.value for record in records if record.primary]
        value = sum(values) / len(values) if values else None
        setattr(report, VALUE, value)
        if self._live is not None:
            self._live.add(value, len(lines))
            self._live.show(len(controller.selected))

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
        if read_lines(report) is None:
            return None
        category, letter, word, markup = _name_case(report.failed, getattr(report, VALUE))
        # where the live line is drawn, letters would break it
        return (category, letter, (word, markup)) if self._live is None else (category, "", "")

    def print_summary(self, reporter: pytest.TerminalReporter) -> None:
        """Print the run's numbers, and what was selected and never run."""
        controller = self._run.controller
        if controller is None or controller.run is None:
            return
        reporter.ensure_newline()
        reporter.section("lleval")
        for line in render_run(controller.view) if controller.view else ():
            reporter.write_line(line.text, **line.markup)
        if controller.missing:
            reporter.write_line(_name_missing(controller.missing), red=True)
        if controller.problem:
            reporter.write_line(controller.problem, red=True)


def _name_missing(missing: list[str]) -> str:
    more = f" and {len(missing) - _SHOWN_MISSING} more" if len(missing) > _SHOWN_MISSING else ""
    return f"not run: {len(missing)} of the selected cases: {', '.join(missing[:_SHOWN_MISSING])}{more}"


def _name_case(failed: bool, value: float | None) -> tuple[str, str, str, dict[str, bool]]:
    if failed:
        return "error", "E", "UNSCORED", {"red": True}
    if value == 1.0:
        return "passed", ".", "RIGHT", {"green": True}
    if value == 0.0:
        return "passed", "w", "WRONG", {"yellow": True}
    return "passed", "p", "PARTLY RIGHT", {"yellow": True}
