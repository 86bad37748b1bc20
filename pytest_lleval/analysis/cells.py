"""Times of one model at one prompt size: their median with its interval, their tail, and how many more are needed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from .statistics import CONFIDENCE
from .tails import find_quantile

__all__ = [
    "CellSummary",
    "CellTimes",
    "MedianInterval",
    "bound_median",
    "count_needed",
    "find_median_factor",
    "measure_spread",
    "summarise_cell",
]

#: with fewer repeats no two order statistics enclose the median with 95 %
LEAST_REPEATS = 6
#: E[MAD²] of many standard normal values: the square of the quantile of 3/4
_MAD_SQUARED = 0.454936


@dataclass(frozen=True, kw_only=True, slots=True)
class CellTimes:
    """What was measured of one model at one prompt size."""

    model: str
    #: in tokens
    size: int
    #: of the repeats that were answered, above 0, in any order
    seconds: tuple[float, ...]
    #: repeats that were given up because they took too long: longer than all others, by how much is not known
    timeouts: int = 0
    #: repeats that failed otherwise, of which no time is known
    errors: int = 0

    @property
    def ordered(self) -> tuple[float, ...]:
        """All times in ascending order, those of time-outs infinite."""
        return (*sorted(self.seconds), *(math.inf,) * self.timeouts)


@dataclass(frozen=True, kw_only=True, slots=True)
class MedianInterval:
    """A median with two of the values as limits, and the confidence that these have."""

    value: float
    low: float
    high: float
    #: at least what was asked for where there are enough values, else what the lowest and the highest one give
    confidence: float

    @property
    def ratio(self) -> float:
        """How far the farther limit is from the median, as a relative change of the slower by the faster."""
        return max(self.high / self.value, self.value / self.low) - 1 if math.isfinite(self.high) else math.inf


@dataclass(frozen=True, kw_only=True, slots=True)
class CellSummary:
    """The numbers of a cell that are printed."""

    model: str
    size: int
    n: int
    median: MedianInterval
    #: the least of the times that 95 % of them do not exceed; the highest one where there are fewer than 20
    p95: float
    timeouts: int
    errors: int


def summarise_cell(cell: CellTimes, confidence: float = CONFIDENCE) -> CellSummary | None:
    """Return the numbers of a cell; None where no repeat has a time.

    :param cell: times in seconds
    :param confidence: of the median's interval, above 0, below 1
    :raises ValueError: when a time is not above 0
    """
    values = cell.ordered
    if not cell.seconds:
        return None
    return CellSummary(
        model=cell.model,
        size=cell.size,
        n=len(values),
        median=bound_median(values, confidence),
        p95=values[math.ceil(0.95 * len(values)) - 1],
        timeouts=cell.timeouts,
        errors=cell.errors,
    )


def bound_median(values: Sequence[float], confidence: float = CONFIDENCE) -> MedianInterval:
    """Return the median with the narrowest symmetric pair of order statistics, whatever the distribution.

    Of n values the k-th from either end enclose the median with 1 - 2 P(B < k), B binomial with n tries of 1/2
    (David & Nagaraja 2003, Order Statistics, eq. 7.1.2). Fewer than six cannot give 95 %: five give 93.75 %.

    :param values: independent times, above 0, infinite where they are only known to be longer than the others
    :param confidence: above 0, below 1
    :raises ValueError: when there is none, or one is not above 0
    """
    ordered, n = sorted(values), len(values)
    if not n or not ordered[0] > 0 or any(math.isnan(value) for value in ordered):
        raise ValueError(f"a median of times needs some, all above 0: {list(values[:5])}")
    rank = _find_rank(n, confidence)
    return MedianInterval(
        value=median(ordered),
        low=ordered[rank - 1],
        high=ordered[n - rank],
        confidence=_enclose(rank, n),
    )


def count_needed(values: Sequence[float], target: float, confidence: float = CONFIDENCE) -> int:
    """Return how many repeats in all the median's interval is likely to need until no limit is farther off than wanted.

    0 where it is narrow enough at half the error level already: who stops at the first narrow interval of several finds
    it too narrow, by up to three in a hundred without that. Else by the normal error of a median of log times with the
    spread so far, and at most three times as many as there are, since the spread of few is itself uncertain.

    :param values: the times so far, at least two, above 0
    :param target: the limits' greatest relative distance from the median, above 0: 0.05 for a twentieth
    :param confidence: above 0, below 1
    :raises ValueError: for a target that is not above 0, or fewer than two values
    """
    if not target > 0 or len(values) < 2:
        raise ValueError(f"{len(values)} repeats and a target of {target}: two repeats and a target above 0 are needed")
    careful, n = (1 + confidence) / 2, len(values)
    found = bound_median(values, careful)
    if found.confidence >= careful and found.ratio <= target:
        return 0
    half = math.log1p(target) / find_quantile(0.5 + careful / 2)
    likely = math.ceil(measure_spread(values) * math.pi / 2 / half**2)
    return max(min(likely, 3 * n), n + 1, LEAST_REPEATS)


def measure_spread(values: Sequence[float]) -> float:
    """Return the variance of log times by their median absolute deviation, which single slow answers do not move.

    Unbiased for log-normal times; the correction for few of them was fitted to 200,000 draws a number (within 2 % from
    four values on). It has about 0.74 degrees of freedom a pair of values.

    :param values: at least two, above 0, fewer than half of them infinite
    """
    logs = [math.log(value) for value in values]
    centre, n = median(logs), len(logs)
    deviation = median(abs(value - centre) for value in logs)
    share = 1 - 0.23 / n - (1.2 if n % 2 else 3.6) / n**2
    return deviation**2 / (_MAD_SQUARED * share) if n > 2 else 2 * deviation**2


def find_median_factor(n: int) -> float:
    """Return the variance of the median of n standard normal values.

    π / 2n is its limit (David & Nagaraja 2003, Order Statistics, section 9.2); the shifts of n were fitted to 200,000
    draws a number, within 1 %.

    :param n: at least 1
    """
    return 1.0 if n == 1 else math.pi / 2 / (n + (0.49 if n % 2 else 1.3))


def _find_rank(n: int, confidence: float) -> int:
    """Return the greatest rank whose order statistics, from both ends, enclose the median, or 1."""
    from scipy.special import bdtrik

    rank = max(1, math.ceil(float(bdtrik((1 - confidence) / 2, n, 0.5)) - 1e-9))
    return rank if rank == 1 or _enclose(rank, n) >= confidence else rank - 1


def _enclose(rank: int, n: int) -> float:
    from scipy.special import bdtr

    return max(0.0, 1 - 2 * float(bdtr(rank - 1, n, 0.5)))
