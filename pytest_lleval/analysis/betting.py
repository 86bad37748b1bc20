"""Tests and confidence sequences for a bounded mean that hold at every sample size at once."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

__all__ = ["BettingTest", "Interval", "confidence_sequence"]

Array = npt.NDArray[np.float64]

#: shares of the greatest bet that cannot ruin, midpoints of a grid in their square root: dense near 0, where small
#: effects are best bet on, and below 1, so that one value against the bet never loses everything
_BETS: Array = ((np.arange(32) + 0.5) / 32) ** 2
#: a bound of a confidence sequence is found to 2 to the minus this
_HALVINGS = 32


@dataclass(frozen=True, kw_only=True, slots=True)
class Interval:
    """The bounds of a mean, `low` ≤ `high`."""

    low: float
    high: float


class BettingTest:
    """A one-sided test of a mean of values in 0..1 that may be looked at after every value.

    Its capital is the mean of 32 capitals, each the product of 1 + λ(x - m) for a bet λ fixed beforehand between 0 and
    1/m: diversified Kelly betting (Waudby-Smith and Ramdas 2024, JRSS B 86:1, arXiv:2010.09686, appendix B.6). Where
    the mean is at most m it is a nonnegative supermartingale that starts at 1 (section 4), so it ever reaches 1/alpha
    with probability alpha at most (Ville 1939). The other side is the same test of 1 - x and 1 - m.

    The values are taken for independent draws, or at least as having the same mean given those before: the mean is
    that of the population the samples were drawn from, as for the intervals in `statistics`, not that of the finite
    suite. The order of the values does not change the capital. Adding and multiplying doubles, with one correctly
    rounded sum, gives the same bits on every machine.
    """

    __slots__ = ("_capitals", "_limit", "_mirrored", "_null", "rejected")

    def __init__(self, null: float, *, alternative: Literal["greater", "less"], alpha: float) -> None:
        """Begin with no values.

        :param null: the mean m in 0..1 tested against
        :param alternative: `greater` tests that the mean is at most `null`, `less` that it is at least `null`
        :param alpha: the error level in 0..1, both excluded
        :raises ValueError: for a `null` or an `alpha` outside these
        """
        if not 0 <= null <= 1:
            raise ValueError(f"a mean of {null} is not in 0..1")
        self._mirrored = alternative == "less"
        self._null = 1 - null if self._mirrored else null
        self._limit = _find_limit(alpha, sides=1)
        self._capitals = np.ones(_BETS.size)
        #: whether the capital has ever reached 1/alpha; it stands still from then on
        self.rejected = False

    @property
    def capital(self) -> float:
        """The evidence against the null: at most 1 on average where that holds, however long it is watched."""
        return math.fsum(self._capitals.tolist()) / _BETS.size

    def update(self, value: float) -> bool:
        """Take one more value and return whether the null has been rejected.

        :param value: in 0..1
        :raises ValueError: for a value outside 0..1
        """
        if not 0 <= value <= 1:
            raise ValueError(f"a value of {value} is not in 0..1")
        if self.rejected:
            return True
        won = 1 - value if self._mirrored else value
        if self._null > 0:
            self._capitals *= 1 + _BETS * (won / self._null - 1)
        elif won > 0:  # a mean of 0 allows no such value
            self._capitals[:] = math.inf
        self.rejected = math.fsum(self._capitals.tolist()) >= self._limit
        return self.rejected


def confidence_sequence(values: Sequence[float], alpha: float, *, bounds: tuple[float, float] = (0.0, 1.0)) -> Interval:
    """Return the two-sided interval for the mean of bounded values that holds at all sample sizes at once.

    It holds the means that neither one-sided :class:`BettingTest` at alpha/2 has rejected after any of the values, a
    hedged capital and the running intersection (Waudby-Smith and Ramdas 2024, arXiv:2010.09686, theorem 3). So its
    bounds agree with what those tests have decided to within 3e-10 of the range, and it only narrows as values are
    added. Capital falls as the mean tested rises, every bet being a share of 1/m: bisection finds the bounds.

    :param values: in the order in which they were asked, in `bounds`; none give `bounds`
    :param alpha: the error level in 0..1 of both bounds together
    :param bounds: between what the values lie: 0..1, or -1..1 for differences
    :raises ValueError: for a value outside `bounds`
    """
    start, width = bounds[0], bounds[1] - bounds[0]
    for value in values:
        if not bounds[0] <= value <= bounds[1]:
            raise ValueError(f"a value of {value} is not in {bounds[0]:g}..{bounds[1]:g}")
    scaled: Array = (np.asarray(values, dtype=np.float64) - start) / width
    limit = _find_limit(alpha, sides=2)
    low = _find_greatest(lambda null: _rejects(scaled, null, limit))
    high = 1 - _find_greatest(lambda null: _rejects(1 - scaled, null, limit))
    return Interval(low=start + width * low, high=start + width * high)


def _find_limit(alpha: float, *, sides: int) -> float:
    """Return what the sum of the capitals must reach: their number over the level of each side."""
    if not 0 < alpha < 1:
        raise ValueError(f"an error level of {alpha} is not between 0 and 1")
    return _BETS.size * sides / alpha


def _rejects(values: Array, null: float, limit: float) -> bool:
    """Tell whether the sum of the capitals against a mean of at most `null` reached the limit after any value."""
    with np.errstate(over="ignore", under="ignore"):
        capitals = np.cumprod(1 + _BETS * (values[:, None] / null - 1), axis=0).sum(axis=1)
    return bool(capitals.max(initial=0.0) >= limit)


def _find_greatest(rejects: Callable[[float], bool]) -> float:
    """Return the greatest mean in 0..1 that is rejected, from below; 0 if none is."""
    low, high = 0.0, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if rejects(middle) else (low, middle)
    return low
