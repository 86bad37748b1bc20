"""Runs the cells of the size matrix after xdist's workers have ended: nothing else takes of their machine then.

Workers collect the cells too, so that they are chosen like everything else and pytest counts them. No scheduler hears
of them, no worker keeps them, and the process the user started runs them when the workers' loop is over.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from ..distribution.counts import WITHHELD
from ..execution.matrix_cells import plan_cells
from .matrix import collect_cells

if TYPE_CHECKING:
    from .active import ActiveHooks
    from .session import RunSession

__all__ = ["CellsApart"]


class CellsApart:
    """The hooks that do it; registered in a process that has workers, and a matrix.

    :param run: of this process
    :param adding: the hooks that add our items to those that are collected
    """

    def __init__(self, run: RunSession, adding: ActiveHooks) -> None:
        self._run = run
        self._adding = adding
        self._planned = frozenset(cell.id for cell in plan_cells(run.settings))
        #: cells that the workers have selected
        self._chosen: frozenset[str] = frozenset()

    @pytest.hookimpl(wrapper=True)
    def pytest_xdist_make_scheduler(self) -> Generator[None, Any, Any]:
        """Let no scheduler hear of cells, be it ours or one the user has named."""
        scheduler = yield
        hear = scheduler.add_node_collection

        def hear_others(node: Any, collection: Sequence[str]) -> None:
            # cells come last, so that the places of all others stay what they are
            self._choose(self._planned.intersection(collection))
            hear(node, [name for name in collection if name not in self._planned])

        scheduler.add_node_collection = hear_others
        return scheduler

    def _choose(self, cells: frozenset[str]) -> None:
        self._chosen = cells
        self._run.config.stash[WITHHELD] = len(cells)
        if self._run.matrix is not None:
            self._run.matrix.select(cells)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, object, object]:
        """Run the cells when the workers have ended, unless the session is to stop."""
        done = yield
        if self._chosen:
            _heed(session)
            session.items = self._collect(session)
            for item, following in pairwise([*session.items, None]):
                session.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
                _heed(session)
        return done

    def _collect(self, session: pytest.Session) -> list[pytest.Item]:
        """Return the cells that the workers have chosen, with the markers that plugins give them."""
        cells = [item for item in collect_cells(session, self._run) if item.nodeid in self._chosen]
        manager = session.config.pluginmanager
        hook = manager.subset_hook_caller("pytest_collection_modifyitems", remove_plugins=[self._adding])
        # which they are, and in what order, is decided
        hook(session=session, config=session.config, items=list(cells))
        return cells


def _heed(session: pytest.Session) -> None:
    """End the loop where pytest's own would."""
    if session.shouldfail:
        raise session.Failed(session.shouldfail)
    if session.shouldstop:
        raise session.Interrupted(session.shouldstop)
