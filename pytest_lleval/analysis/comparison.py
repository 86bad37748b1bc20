"""One metric of two runs, paired by sample."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ..core.gates import Answer, Comparison
from ..core.results import Results, SampleResult
from .metrics import METRICS, find_scorer, read_quantile
from .paired import PairedDifference, compare_paired
from .power import minimal_difference
from .relative import RelativeChange, compare_quantiles, compare_totals

__all__ = ["Compared", "compare_results", "pair_samples"]

_ALPHA = 0.05
_LIMIT = 10_000_000
#: half to this power is below the level: fewer samples that fall may do so by chance, even if none rises
_FEWEST_FALLS = 5
_MISSING = {
    "cost": "the price of a model or its tokens are not known; set input_price and output_price in its table under "
    "[tool.pytest_lleval.models]"
}
#: what a test of 5 % on one side shows four times of five, in half widths of a 95 % interval
_SHOWN = (1.645 + 0.842) / 1.96


@dataclass(frozen=True, kw_only=True)
class Compared:
    """What two runs say of one rule; `problem` says why they cannot be compared."""

    rule: Comparison
    part: Results
    problem: str = ""
    #: one-sided p-values of being worse than tolerated, and of not being worse at all
    p_tolerated: float = 1.0
    p_worse: float = 1.0
    #: whether the estimate is worse by more than tolerated
    is_beyond: bool = False
    #: the numbers, in words
    numbers: str = ""
    #: what is said where the evidence does not decide
    outlook: str = ""
    evidence: Mapping[str, object] = field(default_factory=dict)

    def describe(self, answer: Answer) -> str:
        """Return one sentence: the numbers, and what they show."""
        shown = {
            "pass": "shown to be no worse than tolerated",
            "fail": "worse, by more than tolerated",
            "undecided": f"the evidence does not decide; {self.outlook}",
        }
        return f"{self.numbers}: {shown.get(answer, '')}"


def pair_samples(new: Results, base: Results) -> list[tuple[SampleResult, SampleResult]]:
    """Return the results of the samples that both runs have, by id."""
    return [(found, base.samples[name]) for name, found in sorted(new.samples.items()) if name in base.samples]


def compare_results(rule: Comparison, new: Results, base: Results | None) -> Compared:
    """Compare one metric of two runs of a suite.

    :param rule: the metric, and how much worse it may be
    :param new: the run
    :param base: the baseline's results of the same suite; None when it has none
    """
    if base is None:
        return Compared(rule=rule, part=new, problem=f"the baseline has no results of {new.suite} to compare with")
    if problem := _find_obstacle(new, base):
        return Compared(rule=rule, part=new, problem=problem)
    pairs = pair_samples(new, base)
    if not pairs:
        return Compared(rule=rule, part=new, problem="run and baseline have no sample in common")
    quantile = read_quantile(rule.metric)
    if quantile is not None or rule.metric == "latency_mean":
        seconds = [(one.seconds, other.seconds) for one, other in pairs]
        return _compare_costs(rule, new, seconds, "s", quantile)
    if rule.metric == "cost":
        return _compare_costs(rule, new, [(one.cost, other.cost) for one, other in pairs], "USD", None)
    ours, theirs = find_scorer(rule.metric, new.scorers), find_scorer(rule.metric, base.scorers)
    if ours is None or theirs is None:
        known = ", ".join(dict.fromkeys((*new.scorers, *base.scorers)))
        problem = f"there is no metric {rule.metric!r} to compare; scorers: {known}; {METRICS}"
        return Compared(rule=rule, part=new, problem=problem)
    return _compare_scores(rule, new, [(one, one.scores[ours], other.scores[theirs]) for one, other in pairs])


def _find_obstacle(new: Results, base: Results) -> str:
    """Say why two runs are no comparison at all; empty when they are."""
    for name, words in (("version", "task version"), ("dataset", "dataset"), ("edition", "edition of the dataset")):
        ours, theirs = new.facts.get(name), base.facts.get(name)
        if ours is not None and theirs is not None and ours != theirs:
            return f"another {words} than the baseline's: {ours!r}, not {theirs!r}; save a new baseline"
    return ""


def _compare_scores(
    rule: Comparison, part: Results, scored: Sequence[tuple[SampleResult, float | None, float | None]]
) -> Compared:
    both = [(found, one, other) for found, one, other in scored if one is not None and other is not None]
    if not both:
        return Compared(rule=rule, part=part, problem="no sample was scored in both runs")
    new, base = [one for _, one, _ in both], [other for _, _, other in both]
    clusters = [found.cluster or str(number) for number, (found, _, _) in enumerate(both)]
    clustered = any(found.cluster for found, _, _ in both) and len(set(clusters)) > 1
    found = compare_paired(new, base, clusters=clusters if clustered else None)
    before = sum(base) / len(base)
    tolerance = min(1.0, rule.tolerance * before if rule.relative else rule.tolerance)
    words = f"{tolerance:.4f}" + (f" ({100 * rule.tolerance:.6g}% of the baseline's)" if rule.relative else "")
    return Compared(
        rule=rule,
        part=part,
        p_tolerated=found.p_not_worse_than(tolerance),
        p_worse=found.p_worse,
        is_beyond=found.difference < -tolerance,
        numbers=(
            f"{rule.metric} {sum(new) / len(new):.3f}, was {before:.3f}: {found.difference:+.4f} "
            f"[{found.low:+.4f}, {found.high:+.4f}] over {found.n:,} samples, {found.worse:,} fell and "
            f"{found.better:,} rose; tolerated -{words}"
        ),
        outlook=_look_ahead(found, tolerance),
        evidence={
            "difference": found.difference,
            "low": found.low,
            "high": found.high,
            "n": found.n,
            "fell": found.worse,
            "rose": found.better,
            "tolerance": tolerance,
            "method": found.method,
        },
    )


def _look_ahead(found: PairedDifference, tolerance: float) -> str:
    """Say the smallest loss these samples could show, and how many would decide if what they show is the truth."""
    bound = -found.find_lower_bound(1 - _ALPHA)
    by_error = minimal_difference(found.n, sd=found.n**0.5 * _standard_error(found), alpha=_ALPHA)
    smallest = max(by_error, bound, _FEWEST_FALLS / found.rates.n)
    if smallest > 1:
        return f"these {found.n:,} samples are too few to show any loss"
    said = (
        f"a loss of {bound:.4f} is not ruled out, and these {found.n:,} samples could show one from {smallest:.4f} on"
    )
    needed = _count_needed(found, tolerance)
    if needed is None:
        return f"{said}; no number of samples would decide"
    return f"{said}; about {needed:,} would decide if this is the truth"


def _count_needed(found: PairedDifference, tolerance: float) -> int | None:
    """Return how many samples with the same gains and losses decide, by the very tests that did not."""

    def decides(times: float) -> bool:
        rates = found.rates.scale(times)
        if found.difference < -tolerance:
            return rates.find_p_below(0.0) <= _ALPHA
        return rates.find_p_above(-tolerance) <= _ALPHA

    low, high = 1.0, 2.0
    while not decides(high):
        low, high = high, high * 2
        if found.n * high > _LIMIT:
            return None
    while found.n * (high - low) > 1:
        middle = (low + high) / 2
        low, high = (low, middle) if decides(middle) else (middle, high)
    return max(found.n + 1, math.ceil(found.n * high))


def _standard_error(found: PairedDifference) -> float:
    """Return the error of the difference, at least that of one sample that differs."""
    changed = max(found.gain + found.loss, 1 / found.rates.n)
    return float((max(changed - found.difference**2, 1 / found.rates.n**2) / found.rates.n) ** 0.5)


def _compare_costs(
    rule: Comparison,
    part: Results,
    values: Sequence[tuple[float | None, float | None]],
    unit: str,
    quantile: float | None,
) -> Compared:
    both = [(one, other) for one, other in values if one is not None and other is not None]
    if not both:
        known = _MISSING.get(rule.metric, "no call of a sample was timed in both runs")
        return Compared(rule=rule, part=part, problem=f"{rule.metric} cannot be compared: {known}")
    new, base = [one for one, _ in both], [other for _, other in both]
    try:
        found = compare_totals(new, base) if quantile is None else compare_quantiles(new, base, quantile)
    except ValueError as error:
        return Compared(rule=rule, part=part, problem=f"{rule.metric} cannot be compared: {error}")
    # a mean is compared by its sum
    scale = len(both) if rule.metric == "latency_mean" else 1
    tolerance = rule.tolerance if rule.relative else rule.tolerance * scale / found.base
    return Compared(
        rule=rule,
        part=part,
        p_tolerated=found.p_not_more_than(tolerance),
        p_worse=found.p_more,
        is_beyond=found.change > tolerance,
        numbers=(
            f"{rule.metric} {found.new / scale:.4g} {unit}, was {found.base / scale:.4g} {unit}: {found.change:+.1%} "
            f"[{found.low:+.1%}, {found.high:+.1%}] over {found.n:,} samples; tolerated +{tolerance:.1%}"
        ),
        outlook=_look_at_costs(found, tolerance),
        evidence={
            "change": _keep_finite(found.change),
            "low": _keep_finite(found.low),
            "high": _keep_finite(found.high),
            "n": found.n,
            "tolerance": tolerance,
            "method": found.method,
        },
    )


def _keep_finite(value: float) -> float | None:
    """JSON has no infinity, which the limits of very uneven values can be."""
    return value if math.isfinite(value) else None


def _look_at_costs(found: RelativeChange, tolerance: float) -> str:
    if not math.isfinite(found.high - found.low):
        return f"these {found.n:,} samples are too few or too uneven to tell"
    least = _SHOWN * max(found.high - found.low, 1e-9) / 2
    said = f"these {found.n:,} samples could show a change from {least:.1%} on"
    gap = abs(tolerance - found.change) if found.change <= tolerance else abs(found.change)
    if not gap:
        return f"{said}; no number of samples would decide"
    needed = max(found.n + 1, math.ceil(found.n * (least / gap) ** 2))
    return f"{said}; about {needed:,} would decide if this is the truth"
