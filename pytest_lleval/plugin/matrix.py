"""Cells of the size matrix as pytest items; the turn of the first one measures them all, in turn."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import pytest

from ..core.errors import LlevalError, UsageError
from ..core.matrix import MATRIX
from ..execution.matrix_cells import MatrixCell, plan_cells
from ..reports.escaping import escape_text
from .collection import UnscoredError
from .hostnames import names_hosts
from .options import runs_suites_alone
from .state import find_session

if TYPE_CHECKING:
    from ..reports.matrix import MatrixView
    from ..reports.matrix_cells import CellView
    from .session import RunSession

__all__ = ["CELL_KEY", "MatrixItem", "MatrixSession", "annotate_cell", "collect_cells", "drop_cells", "put_last"]

#: what the report of an item's turn is made of
CELL_KEY: pytest.StashKey[CellView] = pytest.StashKey()


class MatrixItem(pytest.Item):
    """One model at one prompt size."""

    def __init__(self, *, cell: MatrixCell, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.cell = cell
        if self.config.pluginmanager.hasplugin("pytest-benchmark") and not is_spread(self.config):
            # which knows its items by the fixture they ask for; beside workers it would warn that it measures nothing
            self.fixturenames = ["benchmark"]

    def runtest(self) -> None:
        """Measure all cells when this is the first one; then tell of this one.

        :raises UnscoredError: when none of its calls was answered
        """
        cell = find_session(self.config).measure_cell(self)
        self.stash[CELL_KEY] = cell
        if cell.state == "not supported":
            pytest.skip(escape_text(f"not supported: {cell.why}"))
        if cell.state != "measured":
            raise UnscoredError(f"{cell.state}: {cell.why}")
        if self.config.pluginmanager.hasplugin("pytest-benchmark"):
            from .benchmarks import feed_benchmark  # imports what is not always there

            feed_benchmark(self, cell)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """Show a cell without times in its own words and anything else with its traceback."""
        if isinstance(excinfo.value, UnscoredError):
            return escape_text(str(excinfo.value), keep="\n")
        return super().repr_failure(excinfo, style)

    @property
    def location(self) -> tuple[str, int | None, str]:
        """The matrix and the cell; there is no file and no line."""
        return MATRIX, None, self.name

    def reportinfo(self) -> tuple[str, int, str]:
        """As `location`, with the line that pytest's report of a skip insists on."""
        return MATRIX, 0, self.name


class MatrixCollector(pytest.Collector):
    """All cells of the matrix."""

    def __init__(self, *, cells: Sequence[MatrixCell], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._cells = cells

    def collect(self) -> Iterator[MatrixItem]:
        """Yield the cells by size, then by model."""
        for cell in self._cells:
            yield MatrixItem.from_parent(self, name=cell.name, nodeid=cell.id, cell=cell)


def collect_cells(session: pytest.Session, run: RunSession) -> list[pytest.Item]:
    """Return the items of the matrix, reduced to the node ids given on the command line, if any were.

    :raises UsageError: for a node id that names no cell
    """
    try:
        cells = plan_cells(run.settings)
        if run.chosen_node_ids:
            cells = tuple(_pick_cells(cells, run.chosen_node_ids))
    except LlevalError as error:
        raise pytest.UsageError(escape_text(str(error), keep="\n")) from error
    collector = MatrixCollector.from_parent(session, name=MATRIX, nodeid=MATRIX, cells=cells)
    if any(map(session.config.pluginmanager.hasplugin, ("timeout", "pytest_timeout"))):
        # the turn of the first cell is that of all; each call has its deadline
        collector.add_marker(pytest.mark.timeout(0))
    return list(session.genitems(collector))


def _pick_cells(cells: Sequence[MatrixCell], chosen: Sequence[str]) -> Iterator[MatrixCell]:
    """Keep the cells a node id names: whole, without its model, or all."""
    left = {name for name in chosen if name.startswith(f"{MATRIX}::")}
    asked = frozenset(left)
    for cell in cells:
        hits = asked.intersection((cell.id, cell.id.partition("[")[0], f"{MATRIX}::"))
        left -= hits
        if hits:
            yield cell
    for name in sorted(left):
        raise UsageError(f"not found: {name!r} names no cell of the matrix; `--collect-only -q` lists them")


def is_spread(config: pytest.Config) -> bool:
    """Tell whether a process is a worker of xdist's, or has some."""
    return hasattr(config, "workerinput") or getattr(config.option, "dist", "no") != "no"


def put_last(items: list[pytest.Item]) -> None:
    """Put the cells behind everything else, which is over then and takes nothing of their machine."""
    items.sort(key=lambda item: isinstance(item, MatrixItem))


class MatrixSession:
    """The matrix of one process.

    :param run: of this process
    """

    def __init__(self, run: RunSession) -> None:
        self._run = run
        self._alone = ""
        self._selected = 0
        self._view: MatrixView | None = None

    def select(self, node_ids: Iterable[str]) -> None:
        """Hear which items will run."""
        self._selected = sum(node_id.startswith(f"{MATRIX}::") for node_id in node_ids)

    @property
    def is_measured(self) -> bool:
        """Whether any cell has a time, unless none was selected."""
        return self._view.is_measured if self._view is not None else not self._selected

    @property
    def missing(self) -> int:
        """How many cells were selected of a matrix that was not begun."""
        return self._selected if self._view is None else 0

    def keep_alone(self) -> bool:
        """Hear that xdist is there, before it starts workers; return whether these would have nothing to do."""
        config = self._run.config
        if self._run.is_worker or not (config.option.tx or config.option.numprocesses or names_hosts(config)):
            return False
        typed = config.args if config.args_source is pytest.Config.ArgsSource.ARGS else []
        others = any(not argument.startswith(f"{MATRIX}::") for argument in typed)
        alone = not (self._run.settings.suites or others) and runs_suites_alone(config)
        when = "" if alone else "after everything else, "
        self._alone = f"the cells ran {when}in one process and one at a time: workers would take the machine from them"
        return alone

    def measure_cell(self, item: MatrixItem) -> CellView:
        """Return what was measured of a cell, measuring all selected ones the first time."""
        if self._view is None:
            self._view = self._measure(item.session)
        found = self._view.find_cell(item.cell.model, item.cell.size.tokens)
        if found is None:
            raise RuntimeError(f"{item.nodeid}: was not selected when the matrix was measured")
        return found

    def _measure(self, session: pytest.Session) -> MatrixView:
        from .measuring import measure_matrix  # no collection needs it

        controller = self._run.controller
        if controller is None:
            raise RuntimeError("a cell was run before its session had started")
        items = (item for item in session.items if isinstance(item, MatrixItem))
        cells = [item.cell for item in items if item.get_closest_marker("skip") is None]
        view = measure_matrix(controller, self._run.settings, cells, self._show, self._alone)
        self._show("")
        return view

    def _show(self, text: str) -> None:
        reporter = self._run.config.pluginmanager.get_plugin("terminalreporter")
        if reporter is not None and reporter.isatty:
            reporter.rewrite(f"{MATRIX} {escape_text(text)}" if text else "", erase=True)


def annotate_cell(report: pytest.TestReport, cell: CellView) -> None:
    """Put what became of a cell on the report of its turn, whose own time is that of all cells."""
    report.duration = cell.wall.value if cell.wall is not None else 0.0
    if report.failed:
        # an error of the infrastructure, not a failed test: pytest's word for that is an error at setup
        report.when = "setup"
    names = ("p95", "prompt_rate", "output_rate", "accuracy", "errors", "timeouts")
    values = {name: getattr(cell, name) for name in names}
    report.user_properties += [(f"lleval_{name}", value) for name, value in values.items() if value is not None]
    if cell.wall is not None:
        report.user_properties += [("lleval_low", cell.wall.low), ("lleval_high", cell.wall.high)]
    if codes := " ".join(flag.code for flag in cell.flags):
        report.user_properties.append(("lleval_flags", codes))


def drop_cells(session: pytest.Session) -> None:
    """Forget the cells in a worker, after xdist has told its controller of them: ``--dist=each`` would run them."""
    session.items = [item for item in session.items if not isinstance(item, MatrixItem)]
