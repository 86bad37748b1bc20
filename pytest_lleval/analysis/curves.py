"""The curve of a model: log median times by log size, with errors that hold for few repeats."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, median
from typing import TYPE_CHECKING

from .cells import CellTimes, find_median_factor, measure_spread

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["LEAST_TIMES", "Curve", "combine_errors", "measure_curve", "read_cells"]

#: repeats a cell needs for its spread
LEAST_TIMES = 3
#: how many degrees of freedom the mean spread of all cells counts beside a cell's own
_PRIOR = 2.0
#: no clock and no machine gives times better than to a tenth of a thousandth
_LEAST_VARIANCE = 1e-8
_FREEDOM_PER_PAIR = 0.74


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Curve:
    """Log medians of a model's cells by size.

    The variance of a level is that of the median of normal log times whose spread is the cell's own, by the median
    absolute deviation, moderated by the mean over the model's cells (Smyth 2004, Stat. Appl. Genet. Mol. Biol. 3:3,
    eq. 4, with a prior of 2 degrees of freedom), because that of five repeats alone has but one and a half. Where noise
    differs much between sizes, the noisiest cell's error is taken to be less than it is, the others' more.
    """

    model: str
    #: in tokens, ascending
    sizes: tuple[int, ...]
    #: natural logarithms of median seconds
    levels: tuple[float, ...]
    #: of the levels
    variances: tuple[float, ...]
    #: degrees of freedom of the variances, each for itself
    freedoms: tuple[float, ...]
    #: degrees of freedom of all together, which share what the moderation has lent them
    freedom: float


def read_cells(cells: Sequence[CellTimes]) -> tuple[dict[int, CellTimes], dict[int, str]]:
    """Return a model's cells that have a median with a spread, by ascending size, and why the others have none.

    :param cells: of one model, at most one a size
    :raises ValueError: when they are of several models, a size comes twice or is below 1, or a time is not above 0
    """
    if len({cell.model for cell in cells}) > 1:
        raise ValueError(f"cells of several models: {sorted({cell.model for cell in cells})}")
    used: dict[int, CellTimes] = {}
    left: dict[int, str] = {}
    for cell in sorted(cells, key=lambda one: one.size):
        if cell.size < 1 or cell.size in used or cell.size in left:
            raise ValueError(f"size {cell.size} is below 1 or comes twice")
        if not all(0 < value < float("inf") for value in cell.seconds):
            raise ValueError(f"size {cell.size}: a time is not above 0, or has no end: {cell.seconds[:5]}")
        reason = _find_gap(cell)
        if reason:
            left[cell.size] = reason
        else:
            used[cell.size] = cell
    return used, left


def measure_curve(cells: Sequence[CellTimes]) -> Curve:
    """Return the curve of one model's cells; cells without a median and its spread are left out.

    :param cells: of one model, at most one a size; times in seconds
    :raises ValueError: as `read_cells` does, and when no cell is left
    """
    used, left = read_cells(cells)
    if not used:
        raise ValueError(f"no cell has {LEAST_TIMES} times: {left}")
    spreads = {size: max(_LEAST_VARIANCE, measure_spread(cell.ordered)) for size, cell in used.items()}
    own = {size: _FREEDOM_PER_PAIR * (len(cell.ordered) // 2) for size, cell in used.items()}
    mean, prior = fmean(spreads.values()), min(_PRIOR, sum(own.values()) - min(own.values()))
    moderated = {size: (prior * mean + own[size] * spreads[size]) / (prior + own[size]) for size in used}
    return Curve(
        model=cells[0].model,
        sizes=tuple(used),
        levels=tuple(_take_level(cell) for cell in used.values()),
        variances=tuple(moderated[size] * find_median_factor(len(cell.ordered)) for size, cell in used.items()),
        freedoms=tuple(prior + own[size] for size in used),
        freedom=sum(own.values()),
    )


def combine_errors(
    weights: Sequence[NDArray[np.float64]], curves: Sequence[Curve]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return variances of weighted sums of the levels of independent curves, and their degrees of freedom.

    The degrees of freedom are Satterthwaite's (1946, Biometrics Bulletin 2:110), of a curve at most those it has.

    :param weights: of each curve's levels, shape (sums, levels)
    :param curves: at least one
    """
    import numpy as np

    parts, unsure = [], []
    for weight, curve in zip(weights, curves, strict=True):
        part = weight**2 * np.asarray(curve.variances)
        variance = part.sum(axis=1)
        parts.append(variance)
        unsure.append(np.maximum((part**2 / np.asarray(curve.freedoms)).sum(axis=1), variance**2 / curve.freedom))
    total = np.sum(parts, axis=0)
    return total, total**2 / np.sum(unsure, axis=0)


def _find_gap(cell: CellTimes) -> str:
    """Return why a cell has no median with a spread; empty where it has."""
    if 2 * cell.timeouts >= len(cell.seconds) + cell.timeouts > 0:
        return f"{cell.timeouts} of {len(cell.ordered)} repeats timed out, so the median is not known"
    if len(cell.ordered) < LEAST_TIMES:
        return f"{len(cell.ordered)} repeats have a time, and {LEAST_TIMES} are needed"
    return ""


def _take_level(cell: CellTimes) -> float:
    return math.log(median(cell.ordered))
