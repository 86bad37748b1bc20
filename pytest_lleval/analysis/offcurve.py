"""Cells that are off their own model's curve: plateaus, cliffs, spikes, dips and time-outs."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from .cells import CellTimes
from .curves import Curve, combine_errors, measure_curve, read_cells
from .statistics import CONFIDENCE
from .tails import find_quantile

__all__ = ["OffCurve", "OffCurveKind", "flag_cells"]

OffCurveKind = Literal["plateau", "cliff", "spike", "dip", "timeout"]

#: attention is at most quadratic, and a little is left for what else grows with the size
_STEEPEST = 2.2
#: a plateau is at least so wide, has at most this exponent, and comes after at least that one
_WIDE, _FLAT, _GROWING = 4.0, 0.25, 0.5
_SINGLE = ("spike", "dip")


@dataclass(frozen=True, kw_only=True, slots=True)
class OffCurve:
    """One finding about a cell."""

    model: str
    #: in tokens
    size: int
    kind: OffCurveKind
    #: how many times more the cell takes than its neighbours allow, or less where it is below 1; 1 for time-outs
    factor: float
    #: one plain sentence
    message: str


def flag_cells(
    cells: Sequence[CellTimes], *, factor: float = 1.5, confidence: float = CONFIDENCE
) -> tuple[OffCurve, ...]:
    """Return the cells of a model that its other cells contradict, by ascending size.

    Times that are sums of powers of the size (a fixed part, one a token, one a pair of tokens) do not fall, and on
    log-log axes they become steeper and steeper, up to the square. A cell is flagged where that is contradicted beyond
    a factor and beyond the interval of the contradiction, at the level divided by the number of steps. A flat start is
    none: small prompts take the fixed time.

    :param cells: of one model, at most one a size; times in seconds
    :param factor: how many times off is worth a word, above 1
    :param confidence: that no step is flagged by chance, above 0, below 1
    :raises ValueError: as `read_cells` does, or for another factor
    """
    if not factor > 1:
        raise ValueError(f"a factor of {factor} is not above 1")
    used, _ = read_cells(cells)
    found = {cell.size: _flag_timeouts(cell) for cell in cells if cell.timeouts}
    for finder in (_find_falls, _find_plateaus, _find_cliffs):
        # what a single cell does to the steps beside it is not said of its neighbours
        left = [cell for size, cell in used.items() if size not in found or found[size].kind not in _SINGLE]
        if len(left) > 1:
            sight = _Sight(measure_curve(left), math.log(factor), confidence)
            found |= {one.size: one for one in finder(sight) if one.size not in found}
    return tuple(found[size] for size in sorted(found))


def _flag_timeouts(cell: CellTimes) -> OffCurve:
    message = f"{cell.timeouts} of {len(cell.ordered)} repeats at {cell.size:,} tokens timed out"
    return OffCurve(model=cell.model, size=cell.size, kind="timeout", factor=1.0, message=message)


class _Sight:
    """Measures contrasts of one curve's levels."""

    def __init__(self, curve: Curve, off: float, confidence: float) -> None:
        self.curve, self.off = curve, off
        self.logs = [math.log(size) for size in curve.sizes]
        self._quantile = 1 - (1 - confidence) / (len(curve.sizes) - 1) / 2

    def contrast(self, weights: Mapping[int, float]) -> tuple[float, float, float]:
        """Return a weighted sum of levels with its limits.

        :param weights: by the place of the size
        """
        import numpy as np

        row = np.array([weights.get(index, 0.0) for index in range(len(self.logs))])
        variance, freedom = combine_errors([row[np.newaxis]], [self.curve])
        value = float(row @ self.curve.levels)
        half = find_quantile(self._quantile, float(freedom[0])) * math.sqrt(variance[0])
        return value, value - half, value + half

    def measure_exponent(self, start: int, stop: int) -> tuple[float, float, float]:
        """Return the exponent from one place to another, with its limits."""
        width = self.logs[stop] - self.logs[start]
        return self.contrast({start: -1 / width, stop: 1 / width})

    def flag(self, index: int, kind: OffCurveKind, off: float, message: str) -> OffCurve:
        """Return the finding about the cell at a place.

        :param off: logarithm of how many times too long it takes
        :param message: with ``{size}`` and ``{factor}`` to fill in
        """
        size, factor = self.curve.sizes[index], math.exp(off)
        filled = message.format(size=f"{size:,}", factor=f"{max(factor, 1 / factor):.1f}")
        return OffCurve(model=self.curve.model, size=size, kind=kind, factor=factor, message=filled)


def _find_falls(sight: _Sight) -> Iterator[OffCurve]:
    sizes = sight.curve.sizes
    for index in range(len(sizes) - 1):
        fall, _, high = sight.contrast({index: -1.0, index + 1: 1.0})
        if fall >= -sight.off or high >= 0:
            continue
        if _bend(sight, index) < _bend(sight, index + 1):
            message = f"{{size}} tokens take {{factor}} times as long as {sizes[index + 1]:,}"
            yield sight.flag(index, "spike", -fall, message)
        else:
            message = f"{sizes[index]:,} tokens take {{factor}} times as long as {{size}}"
            yield sight.flag(index + 1, "dip", fall, message)


def _bend(sight: _Sight, without: int) -> float:
    """Return by how much the exponent falls most from one step to the next, or below 0, without a cell."""
    points = [point for index, point in enumerate(zip(sight.logs, sight.curve.levels, strict=True)) if index != without]
    steps = [0.0, *((level - below) / (log - start) for (start, below), (log, level) in pairwise(points))]
    return max((one - other for one, other in pairwise(steps)), default=0.0)


def _find_plateaus(sight: _Sight) -> Iterator[OffCurve]:
    sizes, levels = sight.curve.sizes, sight.curve.levels
    last = 0
    for start in range(1, len(sizes) - 1):
        before, low, _ = sight.measure_exponent(start - 1, start)
        wide = [stop for stop in range(start + 1, len(sizes)) if sizes[stop] >= _WIDE * sizes[start]]
        flat = [stop for stop in wide if sight.measure_exponent(start, stop)[2] < _FLAT]
        if low <= _GROWING or not flat or start < last:
            continue
        last = flat[-1]
        for index in range(start + 1, last + 1):
            off = levels[index] - levels[start] - before * (sight.logs[index] - sight.logs[start])
            message = (
                f"{{size}} tokens take hardly longer than {sizes[start]:,}, {{factor}} times less than the growth "
                "before says; is the prompt cut, or cached?"
            )
            yield sight.flag(index, "plateau", off, message)


def _find_cliffs(sight: _Sight) -> Iterator[OffCurve]:
    sizes, logs = sight.curve.sizes, sight.logs
    for index in range(len(sizes) - 1):
        width = logs[index + 1] - logs[index]
        growth, low, _ = sight.contrast({index: -1.0, index + 1: 1.0})
        excess, surely = growth - _STEEPEST * width, low - _STEEPEST * width
        if index + 2 < len(sizes) and sight.measure_exponent(index + 1, index + 2)[0] > _FLAT:
            share = width / (logs[index + 2] - logs[index + 1])
            beyond, least, _ = sight.contrast({index: -1.0, index + 1: 1 + share, index + 2: -share})
            excess, surely = max((excess, surely), (beyond, least))
        if excess > sight.off and surely > 0:
            message = f"from {sizes[index]:,} to {{size}} tokens time grows {{factor}} times more than around that"
            yield sight.flag(index + 1, "cliff", excess, message)
