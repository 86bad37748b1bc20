"""Estimates with their intervals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist, fmean, variance

__all__ = ["Estimate", "estimate_macro", "estimate_mean", "estimate_rate"]

CONFIDENCE = 0.95
_Z = NormalDist().inv_cdf(0.5 + CONFIDENCE / 2)


@dataclass(frozen=True, kw_only=True, slots=True)
class Estimate:
    """A mean in 0..1 with its interval; `low` and `high` are None where the data cannot give one."""

    value: float
    n: int
    low: float | None
    high: float | None
    method: str


def estimate_rate(successes: int, n: int) -> Estimate:
    """Estimate a rate with Wilson's score interval (Wilson 1927, JASA 22:209).

    :param successes: how many of the `n` were right
    :param n: how many there were, at least 1
    """
    if not 0 <= successes <= n or n < 1:
        raise ValueError(f"{successes} of {n} is not a rate")
    rate = successes / n
    spread = _Z * math.sqrt(rate * (1 - rate) / n + _Z**2 / (4 * n**2))
    centre, scale = rate + _Z**2 / (2 * n), 1 + _Z**2 / n
    low = 0.0 if successes == 0 else (centre - spread) / scale
    high = 1.0 if successes == n else (centre + spread) / scale
    return Estimate(value=rate, n=n, low=low, high=high, method="Wilson")


def estimate_mean(values: Sequence[float]) -> Estimate:
    """Estimate the mean of values in 0..1: Wilson's interval for 0/1 values, else the normal one.

    The normal interval is the mean plus and minus 1.96 standard errors, cut to 0..1 (Miller 2024,
    arXiv:2411.00640, section 2.1); it needs two values.

    :param values: one value a sample, at least one
    """
    if all(value in (0.0, 1.0) for value in values):
        return estimate_rate(round(sum(values)), len(values))
    mean, n = fmean(values), len(values)
    if n < 2:
        return Estimate(value=mean, n=n, low=None, high=None, method="none: one value")
    error = _Z * math.sqrt(variance(values) / n)
    return Estimate(value=mean, n=n, low=max(0.0, mean - error), high=min(1.0, mean + error), method="normal")


def estimate_macro(groups: Sequence[Sequence[float]]) -> Estimate:
    """Estimate the unweighted mean of group means.

    Its variance is the mean of the groups' squared standard errors over the number of groups, as for a stratified
    sample with equal weights (Cochran 1977, Sampling Techniques, eq. 5.6); every group needs two values.

    :param groups: the values of each group, each at least one
    """
    value, n = fmean(fmean(values) for values in groups), sum(map(len, groups))
    if any(len(values) < 2 for values in groups):
        return Estimate(value=value, n=n, low=None, high=None, method="none: a group has one value")
    error = _Z * math.sqrt(sum(variance(values) / len(values) for values in groups)) / len(groups)
    return Estimate(value=value, n=n, low=max(0.0, value - error), high=min(1.0, value + error), method="stratified")
