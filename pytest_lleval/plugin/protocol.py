"""Run one case item with two slim reports instead of pytest's three phases.

A case has no fixtures, so there is nothing to set up or tear down; -x, --lf, --junitxml, --durations and plugins that
read reports see what they expect.
"""

from __future__ import annotations

import pytest

from ..core.encoding import dump_record
from ..core.records import Record
from .collection import CaseItem, UnscoredError

__all__ = ["RECORDS_KEY", "carry_records", "read_lines", "run_item"]

#: what a case's turn left on its item; nothing when a resumed run had its records already
RECORDS_KEY: pytest.StashKey[tuple[Record, ...]] = pytest.StashKey()

#: attributes carried by reports from workers to the controller; builtin types only
LINES, VALUE = "lleval_lines", "lleval_value"


def run_item(item: CaseItem) -> bool | None:
    """Run a case and report it; None leaves a case with markers, e.g. a skip, to pytest's own protocol."""
    if item.own_markers:
        return None
    hook = item.ihook
    hook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    call = pytest.CallInfo.from_call(item.runtest, when="call", reraise=_find_reraised(item.config))
    report: pytest.TestReport = hook.pytest_runtest_makereport(item=item, call=call)
    hook.pytest_runtest_logreport(report=report)
    if call.excinfo and not isinstance(call.excinfo.value, UnscoredError):
        hook.pytest_exception_interact(node=item, call=call, report=report)
    hook.pytest_runtest_logreport(report=_make_teardown(item, report))
    hook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True


def carry_records(item: pytest.Item, report: pytest.TestReport) -> pytest.TestReport:
    """Move a case's records from its item to its report, for the journey to the controller."""
    if RECORDS_KEY in item.stash:
        _put_records(report, item.stash[RECORDS_KEY])
        del item.stash[RECORDS_KEY]
    return report


def _put_records(report: pytest.TestReport, records: tuple[Record, ...]) -> None:
    report.__dict__[LINES] = "\n".join(dump_record(record) for record in records)
    values = [record.primary.value for record in records if record.primary]
    report.__dict__[VALUE] = sum(values) / len(values) if values else None
    if any(record.outcome == "unscored" for record in records):
        # an error of the infrastructure, not a failed test: pytest's word for that is an error at setup
        report.when = "setup"
    report.duration = sum(record.completion.timing.total for record in records if record.completion)
    report.user_properties += [
        (f"lleval_{score.name}", score.value) for record in records for score in record.scores if record.epoch == 1
    ]


def read_lines(report: pytest.TestReport) -> list[str] | None:
    """Return the journal lines a report carries; None when it is not a case's report."""
    lines = getattr(report, LINES, None)
    return None if lines is None else [line for line in lines.split("\n") if line]


def _make_teardown(item: CaseItem, report: pytest.TestReport) -> pytest.TestReport:
    """Tell listeners such as JUnit's that the item is complete."""
    return pytest.TestReport(
        nodeid=item.nodeid,
        location=item.location,
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
