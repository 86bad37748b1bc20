"""How one metric has changed between two runs, over the samples that both have."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..core.results import Results, SampleResult
from .metrics import find_scorer, read_quantile
from .paired import compare_paired
from .relative import compare_quantiles, compare_totals

__all__ = ["Change", "is_comparable", "is_cost", "make_reader", "measure_change"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """How one metric has changed over the samples that both runs have."""

    n: int
    base: float
    new: float
    #: new less base, or new / base - 1 where `is_relative`
    difference: float
    low: float
    high: float
    #: two-sided, of no change; corrected by Holm for the number of suites or groups
    p: float
    fell: int
    rose: int
    method: str
    is_relative: bool = False
    group: str = ""


def is_comparable(metric: str) -> bool:
    """Tell whether a metric is one of samples, whatever scorers are called: sums over epochs and groups are none."""
    return metric in ("accuracy", "pass_rate") or is_cost(metric)


def is_cost(metric: str) -> bool:
    """Tell whether a metric is one of times or money, which are compared as ratios."""
    return metric in ("latency_mean", "cost") or read_quantile(metric) is not None


def measure_change(
    pairs: Sequence[tuple[SampleResult, SampleResult]], metric: str, new: Results, base: Results
) -> Change | None:
    """Measure how a metric has changed; None when no sample has it in both runs.

    :param pairs: the results of the samples that both have
    :param metric: one that `is_comparable`, or the name of a scorer
    :param new: the run, for the places of its scorers
    :param base: what it is compared with
    """
    read_new, read_base = make_reader(metric, new), make_reader(metric, base)
    read = [(found, read_new(found), read_base(before)) for found, before in pairs]
    known = [(found, one, other) for found, one, other in read if one is not None and other is not None]
    if not known:
        return None
    values = [one for _, one, _ in known], [other for _, _, other in known]
    if is_cost(metric):
        return _compare_costs(metric, *values)
    clusters = [found.cluster or str(number) for number, (found, _, _) in enumerate(known)]
    clustered = any(found.cluster for found, _, _ in known) and len(set(clusters)) > 1
    paired = compare_paired(*values, clusters=clusters if clustered else None)
    return Change(
        n=paired.n,
        base=sum(values[1]) / paired.n,
        new=sum(values[0]) / paired.n,
        difference=paired.difference,
        low=paired.low,
        high=paired.high,
        p=paired.p_changed,
        fell=paired.worse,
        rose=paired.better,
        method=paired.method,
    )


def _compare_costs(metric: str, new: Sequence[float], base: Sequence[float]) -> Change | None:
    quantile = read_quantile(metric)
    try:
        found = compare_totals(new, base) if quantile is None else compare_quantiles(new, base, quantile)
    except ValueError:
        return None
    # a mean is compared by its sum
    scale = len(new) if metric == "latency_mean" else 1
    return Change(
        n=found.n,
        base=found.base / scale,
        new=found.new / scale,
        difference=found.change,
        low=found.low,
        high=found.high,
        p=min(1.0, 2 * min(found.p_more, found.p_less)),
        fell=sum(one < other for one, other in zip(new, base, strict=True)),
        rose=sum(one > other for one, other in zip(new, base, strict=True)),
        method=found.method,
        is_relative=True,
    )


def make_reader(metric: str, part: Results) -> Callable[[SampleResult], float | None]:
    """Return what reads a metric of one sample's results.

    :param metric: one that `is_comparable`, or the name of a scorer
    :param part: the run, for the places of its scorers
    """
    if metric == "cost":
        return lambda found: found.cost
    if is_cost(metric):
        return lambda found: found.seconds
    scorer = find_scorer(metric, part.scorers)
    return lambda found: None if scorer is None else found.scores[scorer]
