"""Times and costs of two runs compared sample by sample, as relative changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .fieller import Fieller
from .quantiles import LogRatio, relate_quantiles
from .statistics import CONFIDENCE

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["RelativeChange", "compare_quantiles", "compare_totals"]


@dataclass(frozen=True, kw_only=True, slots=True)
class RelativeChange:
    """How a positive quantity of a new run relates to that of a base run, over the same samples."""

    n: int
    new: float
    base: float
    #: new / base - 1
    change: float
    low: float
    high: float
    confidence: float
    method: str
    distribution: Fieller | LogRatio = field(repr=False, compare=False)

    @property
    def p_more(self) -> float:
        """The one-sided p-value of the hypothesis that the truth is no increase."""
        return self.distribution.find_p_above(0.0)

    @property
    def p_less(self) -> float:
        """The one-sided p-value of the hypothesis that the truth is no decrease."""
        return self.distribution.find_p_below(0.0)

    def p_not_more_than(self, tolerance: float) -> float:
        """Return the one-sided p-value of the hypothesis that the truth is an increase of the tolerance or more.

        A small one shows that the new run is at most so much slower or dearer.

        :param tolerance: a relative increase, at least 0: 0.1 for a tenth
        :raises ValueError: when it is negative
        """
        if not tolerance >= 0:
            raise ValueError(f"a tolerance of {tolerance} is negative")
        return self.distribution.find_p_below(tolerance)

    def find_upper_bound(self, confidence: float = CONFIDENCE) -> float:
        """Return the one-sided upper bound of the truth, the least tolerance that is shown to be kept.

        :param confidence: of one side, above 0.5, below 1
        """
        return self.distribution.find_limit(confidence)


def compare_totals(new: Sequence[float], base: Sequence[float], *, confidence: float = CONFIDENCE) -> RelativeChange:
    """Compare two sums over the same samples, such as costs, by their ratio.

    The interval is Fieller's (1954, J. R. Statist. Soc. B 16:175); of the long tails that times and costs have, it
    holds its level for few samples, where the bootstrap of the ratio does not.

    :param new: one value a sample, at least 0, in any unit
    :param base: the values of the same samples in the same order, in the same unit
    :param confidence: of the interval, above 0, below 1
    :raises ValueError: when there are fewer than two samples, numbers differ, a value is negative or a sum is 0
    """
    import numpy as np

    one, other = _pair(new, base)
    (variance, covariance), (_, variance_base) = np.cov(one, other) / len(one)
    distribution = Fieller(
        new=float(one.mean()),
        base=float(other.mean()),
        variance_new=float(variance),
        variance_base=float(variance_base),
        covariance=float(covariance),
        freedom=len(one) - 1,
    )
    sums = float(one.sum()), float(other.sum())
    return _summarise(sums, distribution, n=len(one), confidence=confidence, method="Fieller")


def compare_quantiles(
    new: Sequence[float], base: Sequence[float], q: float, *, confidence: float = CONFIDENCE
) -> RelativeChange:
    """Compare a quantile over the same samples, such as the median time, by its ratio.

    The interval is that of the logarithm, by the distance of order statistics (Bonett & Price 2020, J. Educ. Behav.
    Stat. 45:750). The bootstrap's is too wide for medians. Where hardly a sample or two is beyond the quantile there is
    no limit.

    :param new: one value a sample, above 0, in any unit
    :param base: the values of the same samples in the same order, in the same unit
    :param q: which quantile, above 0, below 1: 0.5 for the median
    :param confidence: of the interval, above 0, below 1
    :raises ValueError: when there are fewer than two samples, numbers differ, a value is negative or a quantile is 0
    """
    import numpy as np

    if not 0 < q < 1:
        raise ValueError(f"{q} is not a quantile above 0 and below 1")
    one, other = _pair(new, base)
    values = float(np.quantile(one, q)), float(np.quantile(other, q))
    if not all(values):
        raise ValueError("a quantile that is 0 has no relative change")
    distribution = relate_quantiles(one, other, q)
    return _summarise(values, distribution, n=len(one), confidence=confidence, method="order statistics")


def _summarise(
    values: tuple[float, float], distribution: Fieller | LogRatio, *, n: int, confidence: float, method: str
) -> RelativeChange:
    change = values[0] / values[1] - 1
    return RelativeChange(
        n=n,
        new=values[0],
        base=values[1],
        change=change,
        low=min(change, distribution.find_limit(0.5 - confidence / 2)),
        high=max(change, distribution.find_limit(0.5 + confidence / 2)),
        confidence=confidence,
        method=method,
        distribution=distribution,
    )


def _pair(new: Sequence[float], base: Sequence[float]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    import numpy as np

    if len(new) != len(base):
        raise ValueError(f"{len(new)} new values and {len(base)} of the base: pairs are needed")
    if len(new) < 2:
        raise ValueError(f"{len(new)} samples: a comparison needs at least 2")
    one, other = np.asarray(new, dtype=float), np.asarray(base, dtype=float)
    for values in (one, other):
        if not (np.isfinite(values) & (values >= 0)).all():
            raise ValueError(f"{values.min()} is negative or no number")
        if not values.any():
            raise ValueError("values that are all 0 have no relative change")
    return one, other
