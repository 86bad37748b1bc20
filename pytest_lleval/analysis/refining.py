"""Which further sizes make the interval of a crossover narrower."""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import pairwise

from .crossover import Crossover, Span

__all__ = ["TARGET_RATIO", "propose_repeats", "propose_sizes"]

#: upper by lower limit of an interval that is narrow enough
TARGET_RATIO = 1.25
#: sizes inside an interval from which on further ones do not make it narrower
_ENOUGH = 2


def propose_sizes(
    crossover: Crossover, sizes_done: Iterable[int], *, target_ratio: float = TARGET_RATIO, most: int = 2
) -> tuple[int, ...]:
    """Return sizes to measure next of both models, in ascending order; none where no size would help.

    They are geometric mid-points of the widest gaps inside the primary crossing's interval, or inside the widest span
    where nothing is settled, as long as it is wider than the target. Where two measured sizes lie inside already and
    are not told apart, or gaps are narrower than the target, it is noise that makes the interval wide, and more repeats
    are what helps: `propose_repeats`.

    :param crossover: of the sizes measured so far
    :param sizes_done: all sizes that were tried, in tokens, also those that had no result
    :param target_ratio: upper by lower limit of an interval that is narrow enough, above 1
    :param most: how many sizes, at least 1
    :raises ValueError: for a target or a number outside these
    """
    if not target_ratio > 1 or most < 1:
        raise ValueError(f"a target of {target_ratio} or a number of sizes of {most} is too small")
    span, done = _choose_span(crossover), {size for size in sizes_done if size > 0}
    if span is None or span.high <= span.low * target_ratio:
        return ()
    if sum(span.low < size < span.high for size in done) >= _ENOUGH:
        return ()
    found: list[int] = []
    while len(found) < most and (size := _split_widest(span, [*done, *found], target_ratio)):
        found.append(size)
    return tuple(sorted(found))


def propose_repeats(
    crossover: Crossover, sizes_done: Iterable[int], *, target_ratio: float = TARGET_RATIO
) -> tuple[int, ...]:
    """Return the sizes of which more repeats would make the interval narrower: those inside it and beside it.

    :param crossover: of the sizes measured so far
    :param sizes_done: those that have times of both models, in tokens
    :param target_ratio: upper by lower limit of an interval that is narrow enough, above 1
    """
    span, done = _choose_span(crossover), sorted({*sizes_done})
    if span is None or span.high <= span.low * target_ratio:
        return ()
    below, above = (size for size in done if size <= span.low), (size for size in done if size >= span.high)
    first, last = max(below, default=span.low), min(above, default=span.high)
    return tuple(size for size in done if first <= size <= last)


def _choose_span(crossover: Crossover) -> Span | None:
    if crossover.crossings:
        return Span(low=crossover.crossings[0].low, high=crossover.crossings[0].high)
    return max(crossover.unsettled, key=lambda span: span.high / span.low, default=None)


def _split_widest(span: Span, done: Iterable[int], target_ratio: float) -> int | None:
    """Return the mid-point of what the widest gap between sizes has in common with a span; None for narrow gaps."""
    gaps = [(low, high) for low, high in pairwise(sorted(done)) if high > span.low and low < span.high]
    parts = [(max(low, span.low), min(high, span.high)) for low, high in gaps if high > low * target_ratio]
    sizes = {round(math.sqrt(low * high)): high / low for low, high in parts}
    return max({*sizes} - {*done}, key=lambda size: sizes[size], default=None)
