"""How much a mean varies, of independent values or of values in clusters."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from statistics import fmean

__all__ = ["Spread", "measure_spread", "measure_variance"]

#: below this a variance is what rounding left of equal values
_NOTHING = 1e-20


@dataclass(frozen=True, kw_only=True, slots=True)
class Spread:
    """How much the mean of values varies; the order of the values does not matter."""

    #: the variance of the mean
    error: float
    #: by how much that variance is larger where the mean is, its third cumulant by its variance
    slope: float
    #: independent units: clusters, or values
    count: int
    #: how many units of one size would tell as much if no value differed from the others of its unit
    units: float


def measure_variance(values: Sequence[float]) -> float:
    """Return the unbiased variance of at least two values; their order does not matter.

    :param values: one value a sample
    """
    mean = fmean(values)
    found = math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1)
    return found if found > _NOTHING else 0.0


def measure_spread(values: Sequence[float], clusters: Sequence[Hashable] | None = None) -> Spread:
    """Measure the variance of a mean, cluster-robust where there are clusters; 0 for one unit.

    Each cluster's squared sum of residuals counts 1 / (1 - its share of the values) times (CR2: Bell & McCaffrey 2002,
    Survey Methodology 28:169, for a mean), which is G / (G - 1) for G clusters of one size. `units` is Kish's effective
    number of clusters (1965, Survey Sampling, section 8.2).

    :param values: one value a sample, at least one
    :param clusters: the label of each value's cluster
    :raises ValueError: when there is not one label for each value
    """
    if clusters is None:
        clusters = range(len(values))
    if len(values) != len(clusters):
        raise ValueError(f"{len(values)} values and {len(clusters)} cluster labels: give each value one")
    mean, members = fmean(values), dict[Hashable, list[float]]()
    for value, label in zip(values, clusters, strict=True):
        members.setdefault(label, []).append(value - mean)
    n, count, parts = len(values), len(members), list(members.values())
    units = n**2 / sum(len(part) ** 2 for part in parts)
    if count < 2:
        return Spread(error=0.0, slope=0.0, count=count, units=units)
    sums = [math.fsum(part) for part in parts]
    found = math.fsum(one**2 / (1 - len(part) / n) for one, part in zip(sums, parts, strict=True)) / n**2
    error = found if found * n > _NOTHING else 0.0
    # unbiased for units of one size
    scale = count**2 / ((count - 1) * (count - 2)) if count > 2 else 0.0
    third = scale * math.fsum(one**3 for one in sums) / n**3
    return Spread(error=error, slope=third / error if error else 0.0, count=count, units=units)
