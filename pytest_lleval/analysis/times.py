"""The interval of a mean of times, which are skewed and have no upper bound."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean

from .spread import measure_spread
from .statistics import CONFIDENCE
from .tails import find_quantile

__all__ = ["bound_mean"]


def bound_mean(values: Sequence[float], confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Return the limits of the mean of independent values, where t has the variance that goes with each limit.

    Where long times are rare, a mean that happens to be low has a variance that is too low, so that t gives an upper
    limit too low three times as often as it should (Johnson 1978, J. Am. Stat. Assoc. 73:536). The degrees of freedom
    are those of a variance of values with such tails (O'Neill 2014, The American Statistician 68:282, section 4).

    :param values: in any unit, at least two
    :param confidence: above 0, below 1
    """
    mean, spread = fmean(values), measure_spread(values)
    quantile = find_quantile(0.5 + confidence / 2, _find_freedom(values, mean))
    # the limits solve distance**2 = quantile**2 * (error + slope * distance)
    linear = quantile**2 * spread.slope / 2
    root = math.sqrt(linear**2 + quantile**2 * spread.error)
    return mean + linear - root, mean + linear + root


def _find_freedom(values: Sequence[float], mean: float) -> float:
    n = len(values)
    second = math.fsum((value - mean) ** 2 for value in values) / n
    if n < 4 or not second:
        return n - 1
    kurtosis = math.fsum((value - mean) ** 4 for value in values) / n / second**2
    return min(n - 1, 2 * n / max(kurtosis - (n - 3) / (n - 1), 2 * n / (n - 1)))
