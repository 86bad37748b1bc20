"""The hooks of every process of a session that evaluates; registered only then."""

from __future__ import annotations

from collections.abc import Generator

import pytest

from .collection import CaseItem, collect_suites
from .matrix import CELL_KEY, MatrixItem, annotate_cell, collect_cells, drop_cells, put_last
from .protocol import ENTRIES_KEY, annotate_report, run_item
from .session import RunSession

__all__ = ["ActiveHooks"]

Reporting = Generator[None, pytest.TestReport, pytest.TestReport]


class ActiveHooks:
    """One instance a session; each hook delegates."""

    def __init__(self, session: RunSession) -> None:
        self._run = session

    @pytest.hookimpl(wrapper=True)
    def pytest_sessionstart(self) -> Generator[None]:
        """Begin to attach below pytest's header; models prove themselves while items are collected."""
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
        items += collect_cells(session, self._run)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_collection_finish(self, session: pytest.Session) -> Generator[None, object, object]:
        """Wait for the models, remember what will run, and let the controller of a worker know."""
        if not self._run.has_workers:
            self._run.open()
        put_last(session.items)
        self._run.select(item.nodeid for item in session.items)
        if self._run.matrix is not None:
            self._run.matrix.select(item.nodeid for item in session.items)
        self._run.open_line(session.items)
        told = yield
        if self._run.is_worker:
            drop_cells(session)
        return told

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> bool | None:
        """Run cases by their own protocol."""
        return run_item(item) if isinstance(item, (CaseItem, MatrixItem)) else None

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item) -> Reporting:
        """Put what became of a case on its report."""
        report = yield
        if ENTRIES_KEY in item.stash:
            annotate_report(report, item.stash[ENTRIES_KEY], allowed=self._run.settings.unscored_allowed.value > 0)
            del item.stash[ENTRIES_KEY]
        if CELL_KEY in item.stash and report.when == "call":
            annotate_cell(report, item.stash[CELL_KEY])
        return report

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> Generator[None]:
        """Stop asking, let xdist end its workers, then decide: inside the hook of pytest's terminal, which shows it."""
        self._run.stop()
        yield
        session.exitstatus = self._run.finish(exitstatus)
