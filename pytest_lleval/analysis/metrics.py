"""The metrics gates are about: their values for a run, with intervals."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ..core.results import Results, SampleResult
from .clusters import estimate_groups, estimate_samples
from .pass_at_k import pass_at_k, pass_hat_k
from .statistics import Estimate

__all__ = ["METRICS", "Measure", "find_scorer", "is_metric", "measure_metric", "read_quantile"]

#: as messages list them
METRICS = "accuracy, macro_accuracy, pass@K, pass^K, latency_mean, latency_pNN, cost, or the name of a scorer"
_QUANTILE = re.compile(r"latency_p(\d{1,2}(?:\.\d+)?)")
_PASS = re.compile(r"pass([@^])(\d+)")
_PRIMARY = ("accuracy", "pass_rate")
_TAIL = 0.025


@dataclass(frozen=True, kw_only=True, slots=True)
class Measure:
    """A metric's value with its interval, in its own unit; None where the data cannot give one."""

    value: float
    n: int
    low: float | None
    high: float | None
    method: str
    #: whether the values are rates in 0..1
    is_rate: bool = True


def is_metric(name: str) -> bool:
    """Tell whether a name is a metric of every suite, whatever its scorers are called."""
    fixed = (*_PRIMARY, "macro_accuracy", "latency_mean", "cost")
    return name in fixed or read_quantile(name) is not None or _PASS.fullmatch(name) is not None


def read_quantile(metric: str) -> float | None:
    """Return which quantile of the times a metric is, in 0..1; None when it is none."""
    found = _QUANTILE.fullmatch(metric)
    return float(found[1]) / 100 if found and float(found[1]) > 0 else None


def find_scorer(metric: str, scorers: Sequence[str]) -> int | None:
    """Return the number of the scorer whose mean a metric is; None when it is none."""
    if metric in _PRIMARY:
        return 0 if scorers else None
    return scorers.index(metric) if metric in scorers else None


def measure_metric(metric: str, results: Results, group: str | None = None) -> Measure | None:
    """Compute a metric; None when the run has nothing to compute it of.

    :param metric: one of `METRICS`
    :param results: of a suite and model
    :param group: only the samples of this group
    :raises KeyError: when there is no such metric
    """
    samples = [found for found in results.samples.values() if group is None or found.group == group]
    scorer = find_scorer(metric, results.scorers)
    if scorer is not None:
        return _measure_scores(samples, scorer)
    if metric in (*_PRIMARY, "macro_accuracy") or _PASS.fullmatch(metric):
        return _measure_groups(samples) if metric == "macro_accuracy" else _measure_passes(metric, samples)
    return _measure_costs(metric, samples)


def _measure_scores(samples: Iterable[SampleResult], scorer: int) -> Measure | None:
    scored = [(found.scores[scorer], found.cluster) for found in samples if found.scores[scorer] is not None]
    values = [value for value, _ in scored if value is not None]
    if not values:
        return None
    return _of_estimate(estimate_samples(values, [cluster for _, cluster in scored]))


def _measure_groups(samples: Iterable[SampleResult]) -> Measure | None:
    groups: dict[str, list[tuple[float, str]]] = {}
    for found in samples:
        if found.scores and found.scores[0] is not None:
            groups.setdefault(found.group, []).append((found.scores[0], found.cluster))
    if not groups:
        return None
    parts = [list(zip(*groups[name], strict=True)) for name in sorted(groups)]
    return _of_estimate(estimate_groups([part[0] for part in parts], [part[1] for part in parts]))


def _measure_passes(metric: str, samples: Iterable[SampleResult]) -> Measure | None:
    """Compute pass@k or pass^k of each sample's epochs, and their mean."""
    found = _PASS.fullmatch(metric)
    if found is None:
        return None
    estimate, k = pass_at_k if found[1] == "@" else pass_hat_k, int(found[2])
    scored = [sample for sample in samples if sample.scores and sample.scores[0] is not None]
    if not scored or k < 1 or min(sample.epochs for sample in scored) < k:
        return None
    values = [estimate(sample.epochs, round((sample.scores[0] or 0) * sample.epochs), k) for sample in scored]
    return _of_estimate(estimate_samples(values, [sample.cluster for sample in scored]))


def _of_estimate(found: Estimate) -> Measure:
    return Measure(value=found.value, n=found.n, low=found.low, high=found.high, method=found.method)


def _measure_costs(metric: str, samples: Sequence[SampleResult]) -> Measure | None:
    quantile = read_quantile(metric)
    if metric == "cost":
        costs = [found.cost for found in samples if found.cost is not None]
        whole = len(costs) == len(samples)
        total = math.fsum(costs)
        return Measure(value=total, n=len(costs), low=total, high=total, method="sum", is_rate=False) if whole else None
    if quantile is None and metric != "latency_mean":
        raise KeyError(metric)
    seconds = sorted(found.seconds for found in samples if found.seconds is not None)
    if not seconds:
        return None
    return _measure_mean(seconds) if quantile is None else _measure_quantile(seconds, quantile)


def _measure_mean(seconds: Sequence[float]) -> Measure:
    from .times import bound_mean

    n, mean = len(seconds), math.fsum(seconds) / len(seconds)
    if n < 2:
        return Measure(value=mean, n=n, low=None, high=None, method="none: one value", is_rate=False)
    low, high = bound_mean(seconds)
    return Measure(value=mean, n=n, low=low, high=high, method="t, skewed", is_rate=False)


def _measure_quantile(seconds: Sequence[float], q: float) -> Measure:
    """Bound a quantile by the values of two ranks of the binomial (Conover 1999, section 3.2)."""
    import numpy as np
    from scipy.special import bdtr

    n, place = len(seconds), (len(seconds) - 1) * q
    below = math.floor(place)
    value = seconds[below] + (place - below) * (seconds[min(below + 1, n - 1)] - seconds[below])
    # the chance of so many values, or fewer, below the quantile
    chances = bdtr(np.arange(n + 1), n, q)
    low = int(np.searchsorted(chances, _TAIL, side="right")) - 1
    high = int(np.searchsorted(chances, 1 - _TAIL))
    return Measure(
        value=value,
        n=n,
        low=seconds[low] if low >= 0 else None,
        high=seconds[high] if high < n else None,
        method="order statistics",
        is_rate=False,
    )
