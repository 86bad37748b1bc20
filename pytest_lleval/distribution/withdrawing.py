"""Takes reports back that are void: what was run again counts once, and by what others say of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from .workerstate import find_state

__all__ = ["WITHDRAWN", "find_sender", "is_void", "withdraw_reports"]

#: by node id, how many cases of a JUnit file pytest has made of reports that are void
WITHDRAWN: pytest.StashKey[Mapping[str, int]] = pytest.StashKey()


def find_sender(report: object) -> str:
    """Return the worker a report came from; ``main`` for this process."""
    node = getattr(report, "node", None)
    return str(node.gateway.id) if node is not None else "main"


def is_void(report: object) -> bool:
    """Tell whether a report comes from a worker that was excluded."""
    node = getattr(report, "node", None)
    return node is not None and find_state(node).excluded


def withdraw_reports(session: pytest.Session, is_case: Callable[[str], bool]) -> None:
    """Have pytest forget what excluded workers have reported of items that others were asked.

    That is, of all cases, and of tests that they had not ended. What is left decides how the session ends.

    :param session: in which all workers have ended
    :param is_case: tells whether a node id is a case
    """
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None:
        return
    stats: list[list[Any]] = list(reporter.stats.values())
    void = [report for reports in stats for report in reports if is_void(report)]
    if not void:
        return
    kept = {getattr(report, "nodeid", "") for reports in stats for report in reports if not is_void(report)}
    gone = {id(report): report for report in void if report.nodeid in kept or is_case(report.nodeid)}
    for reports in stats:
        reports[:] = [report for report in reports if id(report) not in gone]
    session.testsfailed -= sum(report.failed and not hasattr(report, "wasxfail") for report in gone.values())
    session.config.stash[WITHDRAWN] = _count_entries(list(gone.values()))


def _count_entries(reports: list[pytest.TestReport]) -> Counter[str]:
    """Count the cases of a JUnit file that pytest makes of reports: two where a test and its teardown fail."""
    named = [(find_sender(report), report.nodeid, report) for report in reports]
    made = {(worker, name) for worker, name, report in named if report.when != "setup" or not report.passed}
    failed = {(worker, name) for worker, name, report in named if report.when == "call" and report.failed}
    twice = {(worker, name) for worker, name, report in named if report.when == "teardown" and report.failed} & failed
    return Counter(name for _, name in [*made, *twice])
