"""Estimates with their intervals."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from statistics import fmean

from .effective import find_effective_n
from .spread import measure_spread, measure_variance
from .tails import find_quantile

__all__ = [
    "CONFIDENCE",
    "Estimate",
    "bound_rate",
    "estimate_clustered",
    "estimate_macro",
    "estimate_mean",
    "estimate_rate",
]

CONFIDENCE = 0.95
_QUANTILE = find_quantile(0.5 + CONFIDENCE / 2)


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
    :raises ValueError: when that is no rate
    """
    if not 0 <= successes <= n or n < 1:
        raise ValueError(f"{successes} of {n} is not a rate")
    low, high = bound_rate(successes / n, n)
    return Estimate(value=successes / n, n=n, low=low, high=high, method="Wilson")


def bound_rate(rate: float, n: float) -> tuple[float, float]:
    """Return Wilson's limits of a rate (Wilson 1927, JASA 22:209).

    :param rate: in 0..1
    :param n: of how many values, or an effective number of them, above 0
    """
    spread = _QUANTILE * math.sqrt(_vary(rate) / n + _QUANTILE**2 / (4 * n**2))
    centre, scale = rate + _QUANTILE**2 / (2 * n), 1 + _QUANTILE**2 / n
    low = 0.0 if rate <= 0 else min(rate, (centre - spread) / scale)
    high = 1.0 if rate >= 1 else max(rate, (centre + spread) / scale)
    return low, high


def estimate_mean(values: Sequence[float]) -> Estimate:
    """Estimate the mean of independent values in 0..1 with Wilson's interval, for partial values with an effective n.

    The effective n of partial values, such as means of epochs, is the number of 0/1 values whose mean would vary as
    much as theirs does (see `find_effective_n`). Two of them are needed.

    :param values: one value a sample, at least one
    :raises ValueError: when there is none
    """
    n = _count(values)
    if all(value in (0.0, 1.0) for value in values):
        return estimate_rate(round(sum(values)), n)
    if n < 2:
        return Estimate(value=values[0], n=n, low=None, high=None, method="none: one value")
    mean = fmean(values)
    low, high = bound_rate(mean, find_effective_n(_vary(mean), measure_variance(values) / n, n))
    return Estimate(value=mean, n=n, low=low, high=high, method="Wilson, effective n")


def estimate_clustered(values: Sequence[float], clusters: Sequence[Hashable]) -> Estimate:
    """Estimate the mean of values in 0..1 that come in clusters, such as questions about one text.

    Wilson's interval with an effective n as for `estimate_mean`, from the cluster-robust variance (Miller 2024,
    arXiv:2411.00640, section 2.2). Values that are all alike count as one a cluster.

    :param values: one value a sample, at least one
    :param clusters: the label of each value's cluster
    :raises ValueError: when there is no value, or not one label for each
    """
    n, mean = _count(values), fmean(values)
    spread = measure_spread(values, clusters)
    if spread.count < 2:
        return Estimate(value=mean, n=n, low=None, high=None, method="none: one cluster")
    if spread.count == n:
        return estimate_mean(values)
    low, high = bound_rate(mean, find_effective_n(_vary(mean), spread.error, spread.units, most=n))
    return Estimate(value=mean, n=n, low=low, high=high, method="Wilson, clustered")


def estimate_macro(groups: Sequence[Sequence[float]], clusters: Sequence[Sequence[Hashable]] | None = None) -> Estimate:
    """Estimate the unweighted mean of group means, of values in 0..1.

    Its variance is that of a stratified sample with equal weights (Cochran 1977, Sampling Techniques, eq. 5.6); the
    interval is Wilson's with an effective n, as for `estimate_mean`. Every group needs two values, or two clusters.
    Groups without clusters get a variance as if one more value had been seen that varies as those of all groups do:
    few values that are alike are no sign that a group does not vary.

    :param groups: the values of each group, each at least one
    :param clusters: the labels of the clusters of the values, which may go through several groups
    :raises ValueError: when there is no group, one without values, or not one label for each value
    """
    if not groups or not all(map(len, groups)):
        raise ValueError("a macro mean needs groups, and each at least one value")
    value, n = fmean(fmean(values) for values in groups), sum(map(len, groups))
    if clusters is not None:
        return _estimate_clustered_macro(groups, clusters, value)
    if any(len(values) < 2 for values in groups):
        return Estimate(value=value, n=n, low=None, high=None, method="none: a group has one value")
    squares = [measure_variance(values) * (len(values) - 1) for values in groups]
    pooled = math.fsum(squares) / (n - len(groups))
    varied = ((square + pooled) / len(values) ** 2 for square, values in zip(squares, groups, strict=True))
    error, possible = math.fsum(varied) / len(groups) ** 2, _vary(value)
    alike = len(groups) ** 2 / math.fsum(1 / len(values) for values in groups)
    low, high = bound_rate(value, possible / error if error and possible else alike)
    return Estimate(value=value, n=n, low=low, high=high, method="Wilson, stratified")


def _estimate_clustered_macro(
    groups: Sequence[Sequence[float]], clusters: Sequence[Sequence[Hashable]], value: float
) -> Estimate:
    """Estimate a macro mean by what values differ from their group's mean, added up by cluster."""
    n, one = sum(map(len, groups)), 1 / len(groups)
    sums, weights = dict[Hashable, list[float]](), dict[Hashable, float]()
    for values, labels in zip(groups, clusters, strict=True):
        if len(values) != len(labels):
            raise ValueError(f"{len(values)} values and {len(labels)} cluster labels: give each value one")
        mean, sizes = fmean(values), Counter(labels)
        if len(sizes) < 2:
            return Estimate(value=value, n=n, low=None, high=None, method="none: a group has one cluster")
        for label, found in zip(labels, values, strict=True):
            # as in `measure_spread`, group by group
            scale = one / len(values) / math.sqrt(1 - sizes[label] / len(values))
            sums.setdefault(label, []).append(scale * (found - mean))
            weights[label] = weights.get(label, 0.0) + one / len(values)
    error = math.fsum(math.fsum(part) ** 2 for part in sums.values())
    units = 1 / math.fsum(weight**2 for weight in weights.values())
    alike = len(groups) ** 2 / math.fsum(1 / len(values) for values in groups)
    low, high = bound_rate(value, find_effective_n(_vary(value), error, units, most=alike))
    return Estimate(value=value, n=n, low=low, high=high, method="Wilson, stratified, clustered")


def _count(values: Sequence[float]) -> int:
    if not len(values):
        raise ValueError("a mean needs at least one value")
    return len(values)


def _vary(mean: float) -> float:
    """Return the variance of a 0/1 value with a mean."""
    return max(0.0, mean * (1 - mean))
