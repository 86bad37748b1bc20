"""Report one case item with two slim reports instead of pytest's three phases.

A case has no fixtures, so there is nothing to set up or tear down; -x, --lf, --junitxml, --durations and plugins that
read reports see what they expect. The records themselves have reached the controller before, as they arrived.
"""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from ..core.records import Case
from ..execution.ledger import Entry
from ..reports.escaping import escape_text
from .collection import UnscoredError, explain_unscored

__all__ = ["ENTRIES_KEY", "annotate_report", "find_value", "is_case_report", "make_reports", "run_item"]

#: what a case's turn left on its item; nothing when a resumed run had its records already
ENTRIES_KEY: pytest.StashKey[Sequence[Entry]] = pytest.StashKey()

#: carried by reports of cases from workers to the controller: the case's value
VALUE = "lleval_value"


def run_item(item: pytest.Item) -> bool | None:
    """Run a case and report it; None leaves a case with markers, e.g. a skip, to pytest's own protocol."""
    if item.own_markers:
        return None
    hook = item.ihook
    hook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    call = pytest.CallInfo.from_call(item.runtest, when="call", reraise=_find_reraised(item.config))
    report: pytest.TestReport = hook.pytest_runtest_makereport(item=item, call=call)
    # made before the other is shown: what only listeners need is then let go
    teardown = _make_teardown(item.nodeid, item.location, report)
    hook.pytest_runtest_logreport(report=report)
    if call.excinfo and not isinstance(call.excinfo.value, UnscoredError):
        hook.pytest_exception_interact(node=item, call=call, report=report)
    hook.pytest_runtest_logreport(report=teardown)
    hook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True


def make_reports(case: Case, entries: Sequence[Entry], *, allowed: bool = False) -> list[pytest.TestReport]:
    """Return the reports of a case that was asked elsewhere, as `run_item` would have made them."""
    location = (case.suite, None, case.id.partition("::")[2])
    failed = [entry for entry in entries if not entry.scored]
    report = pytest.TestReport(
        nodeid=case.id,
        location=location,
        keywords={},
        outcome="failed" if failed else "passed",
        longrepr=escape_text(explain_unscored(failed, len(entries)), keep="\n") if failed else None,
        when="call",
    )
    annotate_report(report, entries, allowed=allowed)
    return [report, _make_teardown(case.id, location, report)]


def annotate_report(report: pytest.TestReport, entries: Sequence[Entry], *, allowed: bool = False) -> None:
    """Put what became of a case on its report.

    :param report: of its turn
    :param entries: its epochs
    :param allowed: whether a number of unscored cases does not fail the session: then each is a skip
    """
    values = [entry.value for entry in entries if entry.value is not None]
    report.__dict__[VALUE] = sum(values) / len(values) if values else None
    unscored = [entry for entry in entries if not entry.scored]
    if unscored and (allowed or all(entry.cause == "decided" for entry in unscored)):
        report.outcome = "skipped"
        report.longrepr = (report.location[0], 0, escape_text(explain_unscored(unscored, len(entries)), keep="\n"))
    elif unscored:
        # an error of the infrastructure, not a failed test: pytest's word for that is an error at setup
        report.when = "setup"
    report.duration = sum(entry.seconds for entry in entries)
    report.user_properties += [
        (f"lleval_{name}", value) for entry in entries for name, value in entry.scores if entry.epoch == 1
    ]
    if flags := sorted({flag for entry in entries for flag in entry.flags}):
        report.user_properties.append(("lleval_flags", " ".join(flags)))


def is_case_report(report: pytest.TestReport) -> bool:
    """Tell whether a report is of a case's turn: not of an ordinary test, nor a teardown."""
    return hasattr(report, VALUE)


def find_value(report: pytest.TestReport) -> float | None:
    """Return the value of a case in 0..1; None when it could not be scored."""
    value: float | None = getattr(report, VALUE)
    return value


def _make_teardown(node_id: str, location: tuple[str, int | None, str], report: pytest.TestReport) -> pytest.TestReport:
    """Tell listeners such as JUnit's that the item is complete."""
    return pytest.TestReport(
        nodeid=node_id,
        location=location,
        keywords={},
        outcome="passed",
        longrepr=None,
        when="teardown",
        user_properties=report.user_properties,
    )


def _find_reraised(config: pytest.Config) -> tuple[type[BaseException], ...]:
    if config.getoption("usepdb", False):
        return (pytest.exit.Exception,)
    return (pytest.exit.Exception, KeyboardInterrupt)
