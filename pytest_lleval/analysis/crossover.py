"""From which prompt size on one model is faster than another, with an interval, or that it cannot be told."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from .cells import CellTimes
from .curves import measure_curve, read_cells
from .ordering import Ordering, Run, order_curves
from .statistics import CONFIDENCE

__all__ = ["Crossing", "Crossover", "CrossoverStatus", "Span", "find_crossover"]

CrossoverStatus = Literal["crosses", "none", "undecided"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Span:
    """A range of sizes, in tokens, both ends included."""

    low: int
    high: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Crossing:
    """A size at which the faster of two models becomes the slower, with its interval; in tokens."""

    size: int
    low: int
    high: int
    #: the models that are faster at smaller and at greater sizes
    faster_below: str
    faster_above: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Crossover:
    """Where the curves of two models cross, within the sizes both were measured at."""

    models: tuple[str, str]
    status: CrossoverStatus
    #: one plain sentence
    why: str
    #: in ascending order of sizes; the first one is the primary
    crossings: tuple[Crossing, ...] = ()
    #: for `none`, the model that is faster at all sizes
    faster: str | None = None
    #: where the models cannot be told apart, and no crossing is shown
    unsettled: tuple[Span, ...] = ()
    #: the sizes both were measured at: of sizes outside nothing is said
    sizes: tuple[int, ...] = ()
    #: cells that were not used, with the reason
    left_out: tuple[str, ...] = ()
    confidence: float = CONFIDENCE
    method: str = "piecewise log-log interpolation, inverted t-tests of medians with moderated spread"


def find_crossover(
    first: Sequence[CellTimes],
    second: Sequence[CellTimes],
    *,
    confidence: float = CONFIDENCE,
    refined: bool = False,
) -> Crossover:
    """Find the sizes at which the median times of two models cross.

    The interval of a crossing holds all sizes at which `order_curves` cannot tell the medians apart (the idea of
    Fieller 1954, J. R. Statist. Soc. B 16:175), so that it covers the truth as often as a t-test does, however flat
    the crossing and however many there are. Where sizes are too few to tell how the curves bend between them, it holds
    all that may be, and `why` says between which sizes to measure. A crossing is claimed where both orders are shown on
    its sides, `none` where one order is shown at all sizes; all else is `undecided`.

    :param first: cells of one model, at most one a size; times in seconds
    :param second: cells of the other
    :param confidence: of each interval, above 0, below 1
    :param refined: whether sizes or repeats were added until the interval was narrow: tests are at half the error level
        then, without which up to four more intervals in a hundred would miss
    :raises ValueError: when there are no two models, a size comes twice, or a time is not above 0
    """
    one, left = read_cells(first)
    other, right = read_cells(second)
    models = first[0].model if first else "", second[0].model if second else ""
    if models[0] == models[1]:
        raise ValueError(f"two models are needed, and both are {models[0]!r}")
    sizes = tuple(size for size in one if size in other)
    lonely = {size: "measured of one model only" for size in {*one} ^ {*other} if size not in {*left, *right}}
    reasons = [(models[0], left), (models[1], right), ("", lonely)]
    left_out = tuple(f"{name} {size}: {gap[size]}".strip() for name, gap in reasons for size in sorted(gap))
    if len(sizes) < 2:
        said = f": {left_out[0]}" if left_out else ""
        why = f"too few sizes have times enough of both models: {len(sizes)}, and two are needed{said}"
        return Crossover(models=models, status="undecided", why=why, sizes=sizes, left_out=left_out)
    curves = [measure_curve([cells[size] for size in sizes]) for cells in (one, other)]
    ordering = order_curves(curves[0], curves[1], 1 - (1 - confidence) / (2 if refined else 1))
    crossings, unsettled = tuple(_find_crossings(ordering, models)), tuple(_find_unsettled(ordering))
    shown = {run.order for run in ordering.runs}
    status: CrossoverStatus = "crosses" if crossings else "undecided" if 0 in shown else "none"
    return Crossover(
        models=models,
        status=status,
        why=_explain(status, crossings, unsettled, _name_faster(shown - {0}, models), sizes) + _advise(ordering, sizes),
        crossings=crossings,
        faster=_name_faster(shown, models) if status == "none" else None,
        unsettled=unsettled,
        sizes=sizes,
        left_out=left_out,
        confidence=confidence,
    )


def _find_crossings(ordering: Ordering, models: tuple[str, str]) -> Iterator[Crossing]:
    for before, after in _pair_shown(ordering.runs):
        if before.order != after.order:
            low, size, high = _locate(ordering, before.stop, after.start)
            below, above = (models[0 if run.order < 0 else 1] for run in (before, after))
            yield Crossing(size=size, low=low, high=high, faster_below=below, faster_above=above)


def _find_unsettled(ordering: Ordering) -> Iterator[Span]:
    """Yield runs without an order that have not two different orders on their sides."""
    runs = ordering.runs
    for index, run in enumerate(runs):
        sides = {runs[beside].order for beside in (index - 1, index + 1) if 0 <= beside < len(runs)}
        if run.order == 0 and sides != {-1, 1}:
            ends = (math.exp(ordering.places[place]) for place in (run.start, run.stop))
            low, high = (round(end) for end in ends)
            yield Span(low=low, high=high)


def _pair_shown(runs: Sequence[Run]) -> Iterator[tuple[Run, Run]]:
    shown = [run for run in runs if run.order]
    return pairwise(shown)


def _locate(ordering: Ordering, before: int, after: int) -> tuple[int, int, int]:
    """Return lower limit, size and upper limit of a crossing between two places of opposite orders."""
    places, values = ordering.places[before : after + 1].tolist(), ordering.difference[before : after + 1].tolist()
    steps = zip(places, values, places[1:], values[1:], strict=False)
    zeros = [x + (z - x) * y / (y - w) for x, y, z, w in steps if y * w < 0 or (y == 0 != w)]
    # the number of zeros between opposite orders is odd
    return math.floor(math.exp(places[0])), round(math.exp(zeros[len(zeros) // 2])), math.ceil(math.exp(places[-1]))


def _name_faster(orders: set[int], models: tuple[str, str]) -> str | None:
    return models[0 if orders == {-1} else 1] if len(orders) == 1 else None


def _explain(
    status: CrossoverStatus,
    crossings: Sequence[Crossing],
    unsettled: Sequence[Span],
    faster: str | None,
    sizes: Sequence[int],
) -> str:
    spans = " and ".join(f"from {span.low:,} to {span.high:,}" for span in unsettled)
    if status == "none":
        return f"{faster} is faster at all sizes from {sizes[0]:,} to {sizes[-1]:,} tokens"
    if status == "crosses":
        where = ", ".join(f"{one.faster_above} is faster from {one.size:,} tokens on" for one in crossings)
        return where + (f"; {spans} tokens they cannot be told apart" if spans else "")
    if faster is None:
        return f"the models cannot be told apart at any size from {sizes[0]:,} to {sizes[-1]:,} tokens"
    return f"{faster} is faster elsewhere, but {spans} tokens the models cannot be told apart"


def _advise(ordering: Ordering, sizes: Sequence[int]) -> str:
    """Return between which sizes others would tell more, where it is for want of sizes that no order is shown."""
    tokens = [math.exp(place) for place in ordering.places[ordering.vague].tolist()]
    if not tokens:
        return ""
    low = max((size for size in sizes if size <= tokens[0] * (1 + 1e-9)), default=sizes[0])
    high = min((size for size in sizes if size >= tokens[-1] * (1 - 1e-9)), default=sizes[-1])
    return f"; too few sizes tell how the times bend: measure sizes between {low:,} and {high:,} tokens"
