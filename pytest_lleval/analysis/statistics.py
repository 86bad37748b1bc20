"""Estimates with their intervals."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from statistics import fmean

from .tails import find_quantile

__all__ = [
    "CONFIDENCE",
    "Estimate",
    "estimate_clustered",
    "estimate_macro",
    "estimate_mean",
    "estimate_rate",
    "measure_cluster_variance",
    "measure_variance",
]

CONFIDENCE = 0.95
#: below this a variance is what rounding left of equal values
_NOTHING = 1e-20


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
    low, high = _bound_rate(successes / n, n)
    return Estimate(value=successes / n, n=n, low=low, high=high, method="Wilson")


def estimate_mean(values: Sequence[float]) -> Estimate:
    """Estimate the mean of independent values in 0..1 with Wilson's interval, for partial values with an effective n.

    The effective n of partial values, such as means of epochs, is the number of 0/1 values whose mean would vary as
    much as theirs does; the quantile is that of t with n - 1 degrees of freedom (Korn & Graubard 1998, Survey
    Methodology 24:193; Dean & Pagano 2015, J. Surv. Stat. Methodol. 3:484). Two of them are needed.

    :param values: one value a sample, at least one
    :raises ValueError: when there is none
    """
    n = _count(values)
    if all(value in (0.0, 1.0) for value in values):
        return estimate_rate(round(sum(values)), n)
    if n < 2:
        return Estimate(value=values[0], n=n, low=None, high=None, method="none: one value")
    mean, error = fmean(values), measure_variance(values) / n
    low, high = _bound_mean(mean, error, n, n - 1)
    return Estimate(value=mean, n=n, low=low, high=high, method="Wilson, effective n")


def estimate_clustered(values: Sequence[float], clusters: Sequence[Hashable]) -> Estimate:
    """Estimate the mean of values in 0..1 that come in clusters, such as questions about one text.

    Wilson's interval with an effective n as for `estimate_mean`, from the cluster-robust variance (Miller 2024,
    arXiv:2411.00640, section 2.2) and t with one degree of freedom fewer than there are clusters. Values that are all
    alike count as one a cluster.

    :param values: one value a sample, at least one
    :param clusters: the label of each value's cluster
    :raises ValueError: when there is no value, or not one label for each
    """
    n, mean = _count(values), fmean(values)
    error, count = measure_cluster_variance(values, clusters)
    if count < 2:
        return Estimate(value=mean, n=n, low=None, high=None, method="none: one cluster")
    if count == n:
        return estimate_mean(values)
    low, high = _bound_mean(mean, error, count, count - 1)
    return Estimate(value=mean, n=n, low=low, high=high, method="Wilson, clustered")


def estimate_macro(groups: Sequence[Sequence[float]]) -> Estimate:
    """Estimate the unweighted mean of group means, of values in 0..1.

    Its variance is that of a stratified sample with equal weights (Cochran 1977, Sampling Techniques, eq. 5.6); the
    interval is Wilson's with an effective n, as for `estimate_mean`, and t with as many degrees of freedom as there are
    more values than groups. Every group needs two values.

    :param groups: the values of each group, each at least one
    :raises ValueError: when there is no group, or one without values
    """
    if not groups or not all(map(len, groups)):
        raise ValueError("a macro mean needs groups, and each at least one value")
    value, n = fmean(fmean(values) for values in groups), sum(map(len, groups))
    if any(len(values) < 2 for values in groups):
        return Estimate(value=value, n=n, low=None, high=None, method="none: a group has one value")
    error = math.fsum(measure_variance(values) / len(values) for values in groups) / len(groups) ** 2
    alike = len(groups) ** 2 / math.fsum(1 / len(values) for values in groups)
    low, high = _bound_mean(value, error, alike, n - len(groups))
    return Estimate(value=value, n=n, low=low, high=high, method="Wilson, stratified")


def measure_variance(values: Sequence[float]) -> float:
    """Return the unbiased variance of at least two values; their order does not matter.

    :param values: one value a sample
    """
    mean = fmean(values)
    found = math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1)
    return found if found > _NOTHING else 0.0


def measure_cluster_variance(values: Sequence[float], clusters: Sequence[Hashable]) -> tuple[float, int]:
    """Return the cluster-robust variance of a mean, and the number of clusters; 0 for one cluster.

    Each cluster's squared sum of residuals counts 1 / (1 - its share of the values) times (CR2: Bell & McCaffrey 2002,
    Survey Methodology 28:169, for a mean), which is G / (G - 1) for G clusters of one size.

    :param values: one value a sample, at least one
    :param clusters: the label of each value's cluster
    :raises ValueError: when there is not one label for each value
    """
    if len(values) != len(clusters):
        raise ValueError(f"{len(values)} values and {len(clusters)} cluster labels: give each value one")
    mean, members = fmean(values), dict[Hashable, list[float]]()
    for value, label in zip(values, clusters, strict=True):
        members.setdefault(label, []).append(value - mean)
    n = len(values)
    if len(members) < 2:
        return 0.0, len(members)
    found = math.fsum(math.fsum(part) ** 2 / (1 - len(part) / n) for part in members.values()) / n**2
    return (found if found * n > _NOTHING else 0.0), len(members)


def _count(values: Sequence[float]) -> int:
    if not len(values):
        raise ValueError("a mean needs at least one value")
    return len(values)


def _bound_mean(mean: float, error: float, alike: float, freedom: float) -> tuple[float, float]:
    """Return Wilson's limits for a mean with a variance.

    :param error: the mean's variance
    :param alike: the effective n where the values did not vary, from which a variance cannot be estimated
    """
    inside = mean * (1 - mean)
    return _bound_rate(mean, inside / error if error and inside > 0 else alike, freedom)


def _bound_rate(rate: float, n: float, freedom: float = math.inf) -> tuple[float, float]:
    quantile = find_quantile(0.5 + CONFIDENCE / 2, freedom)
    spread = quantile * math.sqrt(max(0.0, rate * (1 - rate)) / n + quantile**2 / (4 * n**2))
    centre, scale = rate + quantile**2 / (2 * n), 1 + quantile**2 / n
    low = 0.0 if rate <= 0 else min(rate, (centre - spread) / scale)
    high = 1.0 if rate >= 1 else max(rate, (centre + spread) / scale)
    return low, high
