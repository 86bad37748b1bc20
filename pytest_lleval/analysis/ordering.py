"""Which of two curves is lower, size by size: the test that a crossover is read from."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import TYPE_CHECKING

from .curves import Curve, combine_errors

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Ordering", "Run", "order_curves"]

#: places between two measured sizes that are looked at; limits are exact to that
_STEPS = 256
#: how far beyond the line curves may be, in distances of the spline from it: at the crossings of 1,300 pairs of curves
#: a + b n + c n² with sizes 4 apart, the difference's error beyond that is above 1 % in 2 % of them (of the line alone
#: in 64 %)
_REACH = 1.5
#: sizes of which the spline's curvature is taken; with three, a third of the crossings are beyond `_REACH`
_LEAST = 4
#: logarithm of how far apart neighbours may be for `_REACH` to hold: at 6 it does not
_WIDEST = math.log(5)
#: logarithm of how far apart sizes are that give curvature beside wider gaps; of nearer ones it would be noise
_APART = math.log(3)
#: sizes are whole tokens, so that equal ratios are not equal to the last digit
_SLACK = 0.9


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """Neighbouring places of one order."""

    #: 1 where the first curve is shown to be above the second, -1 where it is below, 0 where neither is shown
    order: int
    #: of the first and the last place
    start: int
    stop: int


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Ordering:
    """What is known of two curves at places between their smallest and their greatest size."""

    #: natural logarithms of sizes, shape (places,)
    places: NDArray[np.float64]
    #: difference of the log medians, first - second, on straight lines between sizes, shape (places,)
    difference: NDArray[np.float64]
    #: of all places, in order
    runs: tuple[Run, ...]
    #: places without an order that have one on straight lines: too few sizes tell how the curves bend, shape (places,)
    vague: NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class _Shape:
    """What one curve may be at all places."""

    #: of log medians, shape (places,)
    values: NDArray[np.float64]
    #: derivatives of the values by the levels at the sizes, shape (places, sizes)
    weights: NDArray[np.float64]


def order_curves(first: Curve, second: Curve, confidence: float) -> Ordering:
    """Test at each place between the sizes of two curves which of them is lower.

    Between sizes the difference of log medians is taken to be anywhere from the straight line to half as far again as
    the cubic spline. Where sizes are too few or too far apart for that, each curve is taken to be anywhere from the
    straight line to a + b n + c n² through its three nearest sizes; of two sizes, to a + c n², the lowest of these
    without a negative part. An order is shown where t-tests at the level reject the other at all ends of that, and
    somewhere in the same run at the level divided by the number of sizes as well, so that one chance finding among
    many sizes shows nothing.

    :param first: at least two sizes
    :param second: the same sizes
    :param confidence: of the two-sided test at a place, above 0, below 1
    """
    import numpy as np

    sizes = np.log(np.asarray(first.sizes, dtype=float))
    between = [np.linspace(low, high, _STEPS, endpoint=False) for low, high in pairwise(sizes)]
    places = np.concatenate([*between, sizes[-1:]])
    line = _draw_lines(sizes, places)
    lines = [_Shape(values=line @ np.asarray(curve.levels), weights=line) for curve in (first, second)]
    ends, unknown = _list_ends((first, second), places, lines)
    levels = [(1 - confidence), (1 - confidence) / len(sizes)]
    orders, strict = (_show_orders((first, second), ends, level) for level in levels)
    straight = _show_orders((first, second), [lines], levels[0])
    for run in _find_runs(orders):
        if run.order and not strict[run.start : run.stop + 1].any():
            orders[run.start : run.stop + 1] = 0
    return Ordering(
        places=places,
        difference=lines[0].values - lines[1].values,
        runs=tuple(_find_runs(orders)),
        vague=unknown & (orders == 0) & (straight != 0),
    )


def _draw_lines(sizes: NDArray[np.float64], places: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how straight lines weigh the values at the sizes, shape (places, sizes)."""
    import numpy as np

    return np.stack([np.interp(places, sizes, row) for row in np.eye(len(sizes))], axis=1)


def _list_ends(
    curves: Sequence[Curve], places: NDArray[np.float64], lines: Sequence[_Shape]
) -> tuple[list[Sequence[_Shape]], NDArray[np.bool_]]:
    """Return pairs of shapes between which the difference lies, and where no spline tells of curvature."""
    import numpy as np

    sizes = np.log(np.asarray(curves[0].sizes, dtype=float))
    knots, step = _thin(sizes), _find_steps(sizes, places)
    unknown = (np.diff(sizes) > _WIDEST)[step] if len(knots) >= _LEAST else np.ones(len(places), dtype=bool)
    bent = list(lines)
    if not unknown.all():
        weights = _bend(sizes, places, knots, lines[0].weights)
        bent = [_Shape(values=weights @ np.asarray(curve.levels), weights=weights) for curve in curves]
    if not unknown.any():
        return [lines, bent], unknown
    low = [_sag(curve, places, line) for curve, line in zip(curves, lines, strict=True)]
    first, second = (_choose(unknown, one, line) for one, line in zip(low, lines, strict=True))
    both = [_choose(unknown, one, other) for one, other in zip(low, bent, strict=True)]
    return [lines, both, (lines[0], second), (first, lines[1])], unknown


def _find_steps(sizes: NDArray[np.float64], places: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return between which size and the next each place is."""
    import numpy as np

    return np.clip(np.searchsorted(sizes, places, "right") - 1, 0, len(sizes) - 2)


def _choose(which: NDArray[np.bool_], one: _Shape, other: _Shape) -> _Shape:
    """Return a shape that is one at some places, and the other elsewhere."""
    import numpy as np

    return _Shape(
        values=np.where(which, one.values, other.values),
        weights=np.where(which[:, np.newaxis], one.weights, other.weights),
    )


def _bend(
    sizes: NDArray[np.float64], places: NDArray[np.float64], knots: Sequence[int], line: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return how the far end of what a spline allows weighs the values at the sizes, shape (places, sizes)."""
    import numpy as np
    from scipy.interpolate import CubicSpline

    bends = np.asarray(CubicSpline(sizes[knots], np.eye(len(sizes))[knots])(sizes, 2))
    step = _find_steps(sizes, places)
    width, after = sizes[step + 1] - sizes[step], places - sizes[step]
    # a cubic from its line, by its second derivatives at both ends
    share = (after / width)[:, np.newaxis]
    curve = (2 - share) * bends[step] + (1 + share) * bends[step + 1]
    return np.asarray(line - _REACH * (after * (width - after) / 6)[:, np.newaxis] * curve)


def _sag(curve: Curve, places: NDArray[np.float64], line: _Shape) -> _Shape:
    """Return the end of a + b n + c n² that is far from the line.

    Of all sums of powers from n⁰ to n² with no negative part through two points, which are convex on log-log axes,
    a + c n² is the lowest between them, and the line the highest: two such curves meet in at most two points
    (Karlin and Studden 1966, Tchebycheff Systems). A third size makes out one of them; lower than the lowest is noise.
    """
    import numpy as np

    tokens, at = np.asarray(curve.sizes, dtype=float), np.exp(places)
    sizes = np.log(tokens)
    step = _find_steps(sizes, places)
    lowest, through = np.zeros_like(line.weights), np.zeros_like(line.weights)
    for gap in range(len(sizes) - 1):
        here, ends = np.nonzero(step == gap)[0], [gap, gap + 1]
        lowest[here] = _interpolate(tokens**2, ends, at[here] ** 2)
        third = _find_third(sizes, gap)
        through[here] = lowest[here] if third is None else _interpolate(tokens, [*ends, third], at[here])
    floor = _mix(curve, lowest)
    floor = _choose(floor.values < line.values, floor, line)
    found = _mix(curve, through)
    return _choose(found.values > floor.values, found, floor) if len(sizes) > 2 else floor


def _find_third(sizes: NDArray[np.float64], gap: int) -> int | None:
    """Return the nearest size outside a gap that is far enough from it to tell curvature from noise."""
    apart = _SLACK * min(_APART, sizes[gap + 1] - sizes[gap])
    away = {place: max(sizes[gap] - size, size - sizes[gap + 1]) for place, size in enumerate(sizes)}
    return min((place for place in away if away[place] >= apart), key=away.__getitem__, default=None)


def _interpolate(sizes: NDArray[np.float64], knots: Sequence[int], at: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how Lagrange's polynomial through some sizes weighs the values at all sizes, shape (places, sizes)."""
    import numpy as np

    weights = np.zeros((len(at), len(sizes)))
    for knot in knots:
        others = [sizes[other] for other in knots if other != knot]
        weights[:, knot] = np.prod([(at - other) / (sizes[knot] - other) for other in others], axis=0)
    return weights


def _mix(curve: Curve, shares: NDArray[np.float64]) -> _Shape:
    """Return weighted sums of median times as log medians; a sum that is not above 0 as minus infinity."""
    import numpy as np

    levels = np.asarray(curve.levels)
    parts = shares * np.exp(levels - levels.max())
    total = parts.sum(axis=1)
    usable = total > 0
    safe = np.where(usable, total, 1.0)
    values = np.where(usable, np.log(safe) + levels.max(), -np.inf)
    return _Shape(values=values, weights=parts / safe[:, np.newaxis])


def _thin(sizes: NDArray[np.float64]) -> list[int]:
    """Return places of sizes that are far enough apart to tell curvature from noise, the ends among them.

    They are as far apart as the widest gap, so that none of evenly spaced sizes is dropped, or `_APART`.
    """
    import numpy as np

    apart = _SLACK * min(_APART, float(np.diff(sizes).max()))
    found = [0]
    for place in range(1, len(sizes)):
        if sizes[place] - sizes[found[-1]] >= apart:
            found.append(place)
    if found[-1] != len(sizes) - 1:
        found[-1 if len(found) > 1 else len(found) :] = [len(sizes) - 1]
    return found


def _show_orders(curves: Sequence[Curve], ends: Sequence[Sequence[_Shape]], level: float) -> NDArray[np.int8]:
    import numpy as np
    from scipy.special import stdtrit

    lows, highs = [], []
    for first, second in ends:
        variance, freedom = combine_errors([first.weights, second.weights], curves)
        centre, half = first.values - second.values, stdtrit(freedom, 1 - level / 2) * np.sqrt(variance)
        lows.append(centre - half)
        highs.append(centre + half)
    low, high = np.min(lows, axis=0), np.max(highs, axis=0)
    return np.where(low > 0, 1, np.where(high < 0, -1, 0)).astype(np.int8)


def _find_runs(orders: NDArray[np.int8]) -> Iterator[Run]:
    start = 0
    for order, group in groupby(orders.tolist()):
        length = len(list(group))
        yield Run(order=order, start=start, stop=start + length - 1)
        start += length
