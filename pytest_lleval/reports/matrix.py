"""The size matrix of a run, computed from its directory alone."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import chain, combinations
from pathlib import Path
from typing import Any, Literal

from ..analysis.cells import CellTimes
from ..analysis.crossover import Crossover, find_crossover
from ..analysis.curves import measure_curve, read_cells
from ..analysis.offcurve import OffCurve, flag_cells
from ..analysis.scaling import Exponent, fit_exponent, list_exponents
from ..analysis.summary import Traffic, measure_traffic
from ..core.matrix import MatrixSettings
from ..core.records import Record
from ..core.sizes import PromptSize
from ..execution.journal import read_journal
from ..execution.matrix_cells import MATRIX_JOURNAL, explain_room, is_too_long
from ..execution.rundir import read_manifest
from .matrix_cells import CellView, make_cell

__all__ = ["CurveView", "MatrixView", "encode_matrix", "load_matrix", "read_matrix", "take_times"]

Ending = Literal["complete", "budget", "incomplete"]


@dataclass(frozen=True, kw_only=True, slots=True)
class CurveView:
    """The row of one model."""

    model: str
    label: str
    #: by ascending size; one for each size of the matrix
    cells: tuple[CellView, ...]
    #: of time by size, over all sizes and from each to the next
    exponent: Exponent | None
    steps: tuple[Exponent, ...]
    off_curve: tuple[OffCurve, ...]
    #: of all calls, warm-ups included
    traffic: Traffic


@dataclass(frozen=True, kw_only=True, slots=True)
class MatrixView:
    """All that a report shows of the size matrix."""

    sizes: tuple[PromptSize, ...]
    curves: tuple[CurveView, ...]
    #: of each two models
    crossovers: tuple[Crossover, ...]
    #: whether all is measured as surely as it should be, the time has ended before, or somebody or something has
    ending: Ending
    #: sentences about the matrix as a whole
    notes: tuple[str, ...]
    settings: MatrixSettings

    @property
    def is_measured(self) -> bool:
        """Whether any cell has a time."""
        return any(cell.wall is not None for curve in self.curves for cell in curve.cells)

    def find_cell(self, model: str, tokens: int) -> CellView | None:
        """Return the cell of a model at a size; None where the matrix has none."""
        cells = (cell for curve in self.curves for cell in curve.cells)
        return next((cell for cell in cells if (cell.model, cell.tokens) == (model, tokens)), None)


def load_matrix(run: Path) -> MatrixView | None:
    """Compute the size matrix of a run; None where it has none.

    :param run: the run directory
    :raises RunDirectoryError: when its files cannot be read
    """
    manifest = read_manifest(run)
    if not manifest.get("matrix"):
        return None
    return read_matrix(manifest, read_journal(run, name=MATRIX_JOURNAL))


def read_matrix(manifest: Mapping[str, Any], records: Iterable[Record]) -> MatrixView:
    """Compute a size matrix.

    :param manifest: of a run with a matrix
    :param records: of its calls
    """
    asked, described = MatrixSettings.decode(manifest["settings"]["matrix"]), manifest["matrix"]
    deadline = float(manifest["settings"]["deadline"])
    calls: dict[tuple[str, int], list[Record]] = {}
    names: dict[int, str] = {tokens: name for _, name, tokens in described["cells"]}
    tokens_of = {name: tokens for tokens, name in names.items()}
    for record in records:
        # sizes that were added are named by their tokens
        tokens = tokens_of.setdefault(record.group, int(record.group) if record.group.isdecimal() else 0)
        names.setdefault(tokens, record.group)
        calls.setdefault((record.model, tokens), []).append(record)
    sizes = tuple(PromptSize(name=names[tokens], tokens=tokens) for tokens in sorted(names))
    wanted = {(model, tokens) for model, _, tokens in described["cells"]} | calls.keys()
    curves = []
    for model, label in described["labels"]:
        cells = [
            make_cell(
                (model, size),
                calls.get((model, size.tokens), ()),
                asked,
                deadline,
                _explain_gap(described, manifest, (model, size.tokens), calls, wanted),
            )
            for size in sizes
        ]
        asked_of_it = chain.from_iterable(found for (name, _), found in calls.items() if name == model)
        curves.append(_make_curve(label, cells, measure_traffic(asked_of_it)))
    ended = described.get("ended")
    return MatrixView(
        sizes=sizes,
        curves=tuple(curves),
        crossovers=tuple(_find_crossovers(curves)),
        ending=ended if ended in ("complete", "budget") else "incomplete",
        notes=tuple(_list_notes(described, asked)),
        settings=asked,
    )


def _explain_gap(
    described: Mapping[str, Any],
    manifest: Mapping[str, Any],
    place: tuple[str, int],
    calls: Mapping[tuple[str, int], Sequence[Record]],
    wanted: Iterable[tuple[str, int]],
) -> str:
    """Return why a cell is not supported, or that nobody asked for it; empty where it is to be measured."""
    model, tokens = place
    if place not in wanted:
        return "not selected"
    found = described.get("unsupported", {}).get(model, {}).get(str(tokens))
    if found:
        return str(found)
    refused = next((record.error for record in calls.get(place, ()) if is_too_long(record.error)), "")
    context = next((raw["context_tokens"] for raw in manifest["models"] if raw["spec"] == model), None)
    return refused or explain_room(tokens, int(manifest["settings"]["matrix"]["output"]), context)


def take_times(cells: Iterable[CellView]) -> list[CellTimes]:
    """Return the times of the cells that were measured."""
    return [
        CellTimes(model=cell.model, size=cell.tokens, seconds=cell.seconds, timeouts=cell.timeouts, errors=cell.errors)
        for cell in cells
        if cell.seconds or cell.timeouts
    ]


def _make_curve(label: str, cells: Sequence[CellView], traffic: Traffic) -> CurveView:
    times = take_times(cells)
    exponent: Exponent | None = None
    steps: tuple[Exponent, ...] = ()
    if len(read_cells(times)[0]) > 1:
        curve = measure_curve(times)
        exponent, steps = fit_exponent(curve), list_exponents(curve)
    off = flag_cells(times) if times else ()
    by_size = {one.size: one for one in off}
    flagged = [cell.with_flag("O", by_size[cell.tokens].message) if cell.tokens in by_size else cell for cell in cells]
    return CurveView(
        model=cells[0].model,
        label=label,
        cells=tuple(flagged),
        exponent=exponent,
        steps=steps,
        off_curve=off,
        traffic=traffic,
    )


def _find_crossovers(curves: Sequence[CurveView]) -> Iterable[Crossover]:
    for one, other in combinations(curves, 2):
        first, second = take_times(one.cells), take_times(other.cells)
        if first and second:
            yield find_crossover(first, second)


def _list_notes(described: Mapping[str, Any], asked: MatrixSettings) -> Iterable[str]:
    if described.get("ended") == "budget":
        yield (
            f"after {asked.budget:g} s no further call was made: some medians are less sure than "
            f"{100 * asked.target:g} % (--lleval-matrix-budget)"
        )
    elif described.get("ended") != "complete":
        yield f"incomplete: {described.get('ended') or 'ended before its time'}; what was measured is shown"
    if asked.shared_prefix:
        yield "prompts of one size begin alike, each after one more call that has filled the cache of prefixes"
    if described.get("alone"):
        yield str(described["alone"])
    unstreamed = described.get("unstreamed") or []
    if unstreamed:
        yield f"time to first token not measured, its answers do not come in pieces: {', '.join(unstreamed)}"


def encode_matrix(view: MatrixView | None) -> dict[str, Any] | None:
    """Return a matrix as JSON values, which have no number for times that are only known to be long."""
    if view is None:
        return None
    encoded: dict[str, Any] = _make_finite({**asdict(view), "settings": asdict(view.settings)})
    return encoded


def _make_finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _make_finite(part) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_make_finite(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
