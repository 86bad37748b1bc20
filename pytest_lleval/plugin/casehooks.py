"""The hooks of a process in which marked tests were collected."""

from __future__ import annotations

from collections.abc import Generator

import pytest

from .casebook import find_place, open_casebook
from .casereports import CaseReporter
from .caserun import find_run, forget_run
from .overlap import CaseOverlap
from .state import load_settings
from .testgates import check_typed_gates

__all__ = ["CaseHooks"]

Reporting = Generator[None, pytest.TestReport, pytest.TestReport]


class CaseHooks:
    """One instance a process; each hook delegates.

    :param config: of the session
    """

    def __init__(self, config: pytest.Config) -> None:
        self._book = open_casebook(config)
        self._reporter = CaseReporter(config, self._book)
        self._overlap = CaseOverlap(config)

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Count the cases and give them their tags, before -k looks for them."""
        self._book.note(items, selected=False)
        for item in items:
            if place := find_place(item):
                item.extra_keyword_matches.update(place.suite.mark.tags)

    @pytest.hookimpl
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Count the cases that will run, and read which of them are known to fail."""
        check_typed_gates(session.config, self._book.suites)
        self._book.note(session.items, selected=True)
        self._reporter.prepare()

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Run no case of a dry run."""
        if load_settings(item.config).dry_run and find_place(item):
            pytest.skip("--lleval-dry-run: eval cases are not run")

    @pytest.hookimpl(tryfirst=True)
    def pytest_pyfunc_call(self, pyfuncitem: pytest.Function) -> bool | None:
        """Run the bodies of async cases."""
        run = find_run(pyfuncitem)
        return self._overlap.run(run) if run is not None else None

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> Reporting:
        """Put the record of a case on the report of its turn."""
        report = yield
        run = find_run(item)
        if run is not None:
            self._reporter.complete(run, call, report)
            if call.when == "teardown":
                forget_run(item)
                self._overlap.forget(item)
        return report

    @pytest.hookimpl
    def pytest_sessionfinish(self) -> None:
        """End what still runs."""
        self._overlap.close()
        self._reporter.close()
