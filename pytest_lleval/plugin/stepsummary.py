"""Tells GitHub Actions how a run ended, where the session runs in one of its jobs."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from ..reports.escaping import escape_text
from ..reports.github import render_commands, render_step_summary
from ..reports.view import RunView

__all__ = ["publish_verdict"]


def publish_verdict(
    view: RunView, reporter: pytest.TerminalReporter | None, environment: Mapping[str, str] | None = None
) -> None:
    """Append a run's page to the step's summary, and print the commands that mark the job; elsewhere do nothing.

    :param view: of the run
    :param reporter: prints; without one the page is written all the same
    :param environment: the process's by default
    """
    variables = os.environ if environment is None else environment
    problem = _append_page(variables.get("GITHUB_STEP_SUMMARY", ""), view)
    if reporter is None:
        return
    # GitHub reads a command only at the beginning of a line
    reporter.ensure_newline()
    if problem:
        reporter.write_line(problem, yellow=True)
    if variables.get("GITHUB_ACTIONS") == "true":
        for command in render_commands(view):
            reporter.write_line(command)


def _append_page(place: str, view: RunView) -> str:
    """Return why the page could not be written; empty when it was, or is not wanted."""
    if not place:
        return ""
    try:
        with Path(place).open("a", encoding="utf-8", newline="\n") as file:
            file.write(render_step_summary(view))
    except (OSError, ValueError) as error:
        return escape_text(f"the verdict could not be written to GITHUB_STEP_SUMMARY={place}: {error}")
    return ""
