"""Quantiles and tail probabilities of the normal and of Student's t distribution."""

from __future__ import annotations

import math
from statistics import NormalDist

__all__ = ["find_quantile", "find_tail"]

_NORMAL = NormalDist()


def find_quantile(probability: float, freedom: float = math.inf) -> float:
    """Return the quantile of Student's t distribution, which is the normal one without end of freedom.

    :param probability: above 0, below 1
    :param freedom: degrees of freedom, above 0
    """
    if math.isinf(freedom):
        return _NORMAL.inv_cdf(probability)
    from scipy.special import stdtrit

    return float(stdtrit(freedom, probability))


def find_tail(score: float, freedom: float = math.inf) -> float:
    """Return the probability of a value above a score under Student's t distribution, or the normal one.

    :param score: any number, infinite ones included
    :param freedom: degrees of freedom, above 0
    """
    if math.isinf(freedom):
        return math.erfc(score / math.sqrt(2)) / 2
    from scipy.special import stdtr

    return float(stdtr(freedom, -score))
