"""The ratio of a quantile in two runs over the same samples."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .tails import find_quantile, find_tail

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["LogRatio", "relate_quantiles"]

#: how far the ranks are from a quantile whose distance tells its error, in standard errors of a rank
_AWAY = 1.0
#: how many samples must be expected beyond a quantile, on either side, for its error to be known
_BEYOND = 1.5
#: no chance is nearer to 0 or 1
_SPARE = 1e-9
#: counts added to the share of samples that are below both quantiles, as if these went together by chance
_ADDED = 2


@dataclass(frozen=True, kw_only=True, slots=True)
class LogRatio:
    """A ratio less 1, whose logarithm is normally distributed."""

    value: float
    #: the standard error of the logarithm; infinite where nothing is known of it
    error: float

    def find_limit(self, probability: float) -> float:
        """Return the limit that the truth is below with a probability: infinite, or -1, where the data give none.

        :param probability: above 0, below 1
        """
        distance = find_quantile(probability) * self.error if self.error else 0.0
        return math.inf if distance > 700 else math.exp(math.log1p(self.value) + distance) - 1

    def find_p_below(self, value: float) -> float:
        """Return the one-sided p-value of the hypothesis that the truth is at least a value.

        :param value: above -1
        """
        return find_tail(-self._score(value))

    def find_p_above(self, value: float) -> float:
        """Return the one-sided p-value of the hypothesis that the truth is at most a value.

        :param value: above -1
        """
        return find_tail(self._score(value))

    def _score(self, value: float) -> float:
        distance = math.log1p(self.value) - math.log1p(value)
        # what rounding leaves of a constant ratio
        if self.error < 1e-12:
            return math.copysign(math.inf, distance) if abs(distance) > 1e-9 else 0.0
        return distance / self.error


def relate_quantiles(new: NDArray[np.float64], base: NDArray[np.float64], q: float) -> LogRatio:
    """Relate a quantile of two runs, with an error from the distance of two ranks of each run's values.

    As Price & Bonett (2002, J. Stat. Comput. Simul. 72:119) do for medians, and Bonett & Price (2020, J. Educ. Behav.
    Stat. 45:750) for medians of paired samples; that a sample is below both quantiles makes their errors go together.

    :param new: one value a sample, above 0, shape (n,), n at least 2
    :param base: the values of the same samples in the same order
    :param q: which quantile, above 0, below 1
    """
    import numpy as np

    n, quantiles = len(new), [float(np.quantile(values, q)) for values in (new, base)]
    one, other = (_measure_error(values, q) for values in (new, base))
    below = float(((new <= quantiles[0]) & (base <= quantiles[1])).mean())
    together = max(-1.0, min(1.0, (below - q**2) / (q * (1 - q)))) * n / (n + _ADDED)
    # with one that is infinite nothing is known
    variance = one**2 + other**2 - 2 * together * one * other if math.isfinite(one + other) else math.inf
    return LogRatio(value=quantiles[0] / quantiles[1] - 1, error=math.sqrt(max(0.0, variance)))


def _measure_error(values: NDArray[np.float64], q: float) -> float:
    """Return the standard error of the logarithm of a quantile (Woodruff 1952, J. Am. Stat. Assoc. 47:635)."""
    import numpy as np
    from scipy.special import bdtr

    n, ordered = len(values), np.sort(values)
    if n * min(q, 1 - q) < _BEYOND * (1 - _SPARE):
        return math.inf
    away = _AWAY * math.sqrt(n * q * (1 - q))
    low, high = max(1, math.floor(n * q - away)), min(n, math.ceil(n * q + away) + 1)
    if not ordered[low - 1]:
        return math.inf
    # how likely the quantile is to be below each of the two values, as a distance of the normal distribution
    first, last = (min(max(float(bdtr(rank - 1, n, q)), _SPARE), 1 - _SPARE) for rank in (low, high))
    return math.log(ordered[high - 1] / ordered[low - 1]) / (find_quantile(last) - find_quantile(first))
