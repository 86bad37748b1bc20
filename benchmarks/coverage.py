"""How often intervals hold the truth, and how often a gate on regressions errs, by simulation.

`coverage.py [--quick] [--runs N]` prints two tables in Markdown. The first has the coverage of each 95 % interval by
the number of samples: the mean over rates of 2 to 98 %, or over shares of samples that change, and in brackets the
least and the most of them. Rates of right and wrong answers and ranks of times are computed without simulation. The
other has the error rates of the rule

- `fail` when p_worse, after Holm over the suites, is at most 0.05 and the difference is beyond the tolerance,
- `pass` when a loss of the tolerance is rejected at 0.05, one-sided,

as the worst over tolerances and shares of samples that differ. A false alarm is a `fail` when nothing changed, a false
pass a `pass` when one suite has lost the tolerance. Seeds are fixed: equal arguments give equal tables.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache, partial
from typing import NamedTuple
from zlib import crc32

import numpy as np
from adding_up import Limits, bound_clusters, bound_groups, check, compare
from scipy.special import bdtr
from scipy.stats import binom, bootstrap
from simulating import Change, draw_clusters, draw_groups, draw_pairs, draw_times

from pytest_lleval.analysis.metrics import measure_metric
from pytest_lleval.analysis.multiplicity import holm
from pytest_lleval.analysis.paired import mcnemar
from pytest_lleval.analysis.relative import RelativeChange, compare_quantiles, compare_totals
from pytest_lleval.analysis.statistics import estimate_rate
from pytest_lleval.analysis.tango import PairedRates
from pytest_lleval.analysis.times import bound_mean
from pytest_lleval.core.results import Results, SampleResult

SIZES = (20, 57, 100, 400, 2000, 14_042)
RATES = (0.02, 0.1, 0.3, 0.5, 0.8, 0.98)
LEVEL, QUANTILE, SLACK = 0.05, 1.959963984540054, 1e-9
TOLERANCES, CHANGED = (0.0, 0.02, 0.05), (0.0, 0.02, 0.05, 0.1, 0.2, 0.4)
UNEVEN = (1, 2, 3, 5, 9, 10)
#: of pairs of runs
EPOCHS = 3
Rng = np.random.Generator


class Interval(NamedTuple):
    """A row of the first table."""

    name: str
    #: the coverage in so many runs of n samples at a rate
    cover: Callable[[Rng, int, float, int], float]
    rates: Sequence[float] = RATES
    #: numbers of samples that are possible, or that do not take too long
    least: int = 0
    most: int = 14_042
    #: the runs that are made, of those asked for: a share, and fewer where there are more samples than this
    share: float = 1.0
    work: float = math.inf


def holds(limits: Iterable[Limits], truth: float) -> float:
    return float(np.mean([low - SLACK <= truth <= high + SLACK for low, high in limits]))


def cover_rate(_: Rng, n: int, p: float, __: int) -> float:
    found = [estimate_rate(successes, n) for successes in range(n + 1)]
    held = np.array([(one.low or 0.0) <= p <= (one.high or 1.0) for one in found])
    return float(binom.pmf(np.arange(n + 1), n, p)[held].sum())


def cover_epochs(rng: Rng, n: int, p: float, runs: int, *, epochs: int, correlation: float) -> float:
    drawn = draw_clusters(rng, p, np.full(n, epochs), correlation=correlation, runs=runs)
    return holds(bound_clusters(drawn, epochs=True), p)


def cover_clusters(rng: Rng, n: int, p: float, runs: int, *, sizes: tuple[int, ...], correlation: float) -> float:
    ends = np.minimum(np.cumsum(np.resize(sizes, n)), n)
    sizes_ = np.diff([0, *ends[: np.searchsorted(ends, n) + 1]])
    drawn = draw_clusters(rng, p, sizes_, correlation=correlation, runs=runs)
    return holds(bound_clusters(drawn), p)


def cover_macro(rng: Rng, n: int, p: float, runs: int, *, groups: int) -> float:
    drawn = draw_groups(rng, n, p, groups=groups, runs=runs)
    return holds(bound_groups(drawn), drawn.truth)


def cover_tango(rng: Rng, n: int, changed: float, runs: int, *, loss: float) -> float:
    """Cover the difference of right and wrong answers; a loss is a share of those that changed."""
    shares = [changed * (1 - loss) / 2, changed * (1 + loss) / 2, 1 - changed]
    drawn = rng.multinomial(n, shares, size=runs)[:, :2].tolist()
    return float(np.mean([_reaches(gain, fall, n, -loss * changed) for gain, fall in drawn]))


@lru_cache(maxsize=100_000)
def _reaches(gain: int, fall: int, n: int, truth: float) -> bool:
    return abs(PairedRates(gain / n, fall / n, n).score(truth)) <= QUANTILE


def cover_pairs(rng: Rng, n: int, changed: float, runs: int, *, loss: float = 0.0, cluster: int = 1) -> float:
    drawn = draw_pairs(rng, n, Change(changed=changed, loss=loss, cluster=cluster), runs=runs)
    scores = [one.shown.score(-loss) for one in compare(drawn, EPOCHS)]
    return float((np.abs(scores) <= QUANTILE + SLACK).mean())


def cover_bootstrap(rng: Rng, n: int, changed: float, runs: int, *, loss: float) -> float:
    drawn = draw_pairs(rng, n, Change(changed=changed, loss=loss), runs=runs)
    (part,) = drawn
    return holds((_bootstrap(np.repeat(part.sums[0] - part.sums[1], row) / EPOCHS) for row in part.counts), -loss)


def _bootstrap(differences: np.ndarray) -> Limits:
    if np.ptp(differences) == 0:
        return float(differences[0]), float(differences[0])
    found = bootstrap((differences,), np.mean, n_resamples=999, method="BCa", rng=np.random.default_rng(1))
    return found.confidence_interval.low, found.confidence_interval.high


def cover_change(
    rng: Rng, n: int, slower: float, runs: int, *, compare: Callable[[list[float], list[float]], RelativeChange]
) -> float:
    drawn = (draw_times(rng, n, slower=slower) for _ in range(runs))
    found = (compare(new.tolist(), base.tolist()) for new, base in drawn)
    return holds(((one.low, one.high) for one in found), slower)


def cover_time(rng: Rng, n: int, spread: float, runs: int) -> float:
    drawn = (np.exp(rng.normal(scale=spread, size=n)).tolist() for _ in range(runs))
    return holds(map(bound_mean, drawn), math.exp(spread**2 / 2))


def cover_quantile(_: Rng, n: int, q: float, __: int) -> float:
    """Cover a quantile of times: when each sample takes as long as its rank, the limits are ranks."""
    samples = {str(rank): SampleResult(scores=(), seconds=rank) for rank in range(n)}
    results = Results(suite="s", model="m", facts={}, scorers=(), samples=samples)
    found = measure_metric(f"latency_p{100 * q:g}", results)
    assert found is not None
    # the truth is above the limit of rank r, counted from 0, when more than r samples are below it
    below = 0.0 if found.low is None else bdtr(found.low, n, q)
    return float((1.0 if found.high is None else bdtr(found.high, n, q)) - below)


def list_intervals() -> Iterator[Interval]:
    """Yield what is tried: a row of the first table each."""
    yield Interval("rate, exact", cover_rate)
    for epochs, correlation in ((3, 0.1), (3, 0.3), (3, 0.7), (5, 0.1), (5, 0.3), (5, 0.7)):
        trial = partial(cover_epochs, epochs=epochs, correlation=correlation)
        yield Interval(f"mean, {epochs} epochs, ICC {correlation}", trial)
    for correlation in (0.1, 0.3, 0.5, 0.8):
        trial = partial(cover_clusters, sizes=(5,), correlation=correlation)
        yield Interval(f"clusters of 5, ICC {correlation}", trial)
    for correlation in (0.1, 0.3, 0.5):
        trial = partial(cover_clusters, sizes=UNEVEN, correlation=correlation)
        yield Interval(f"clusters of 1 to 10, ICC {correlation}", trial)
    for groups in (4, 10, 57):
        yield Interval(f"macro, {groups} groups", partial(cover_macro, groups=groups), least=2 * groups)
    yield Interval("difference, right and wrong", partial(cover_tango, loss=0.0), CHANGED[1:])
    yield Interval("difference, right and wrong, a loss", partial(cover_tango, loss=0.5), CHANGED[1:])
    for loss in (0.0, 0.05):
        name = f"difference, 3 epochs{', a loss' if loss else ''}"
        yield Interval(name, partial(cover_pairs, loss=loss), (0.0, 0.1, 0.4))
        trial = partial(cover_bootstrap, loss=loss)
        yield Interval("… by the BCa bootstrap", trial, (0.0, 0.1, 0.4), most=100, share=0.05)
    for loss in (0.0, 0.05):
        name = f"difference, 3 epochs, clusters of 5{', a loss' if loss else ''}"
        yield Interval(name, partial(cover_pairs, loss=loss, cluster=5), (0.0, 0.1, 0.4))
    yield Interval("mean time", cover_time, (0.4, 0.8), work=400)
    yield Interval("quantiles of times, exact", cover_quantile, (0.5, 0.9, 0.95), least=57)
    yield Interval("change of totals", partial(cover_change, compare=compare_totals), (0.0, 0.1), work=2000)
    for q, least in ((0.5, 0), (0.9, 20), (0.95, 57)):
        trial = partial(cover_change, compare=partial(compare_quantiles, q=q))
        yield Interval(f"change of the {q:.0%} quantile", trial, (0.1,), least=least, work=2000)


def print_coverage(sizes: Sequence[int], runs: int) -> None:
    print(f"| 95 % interval | {' | '.join(f'{n:,}' for n in sizes)} |\n|---|{'---|' * len(sizes)}", flush=True)
    for interval in list_intervals():
        print(f"| {interval.name} |", end="", flush=True)
        for n in sizes:
            cell = show(cover(interval, n, runs)) if interval.least <= n <= interval.most else ""
            print(f" {cell} |", end="", flush=True)
        print()


def cover(interval: Interval, n: int, runs: int) -> list[float]:
    """Return the coverage of an interval, by rate."""
    rng = np.random.default_rng([n, crc32(interval.name.encode())])
    tries = max(20, round(runs * min(interval.share, interval.work / n)))
    return [interval.cover(rng, n, rate, tries) for rate in interval.rates]


def show(found: Sequence[float]) -> str:
    spread = f" ({100 * min(found):.1f}-{100 * max(found):.1f})" if len(found) > 1 else ""
    return f"{100 * np.mean(found):.1f}{spread}"


class Outcome(NamedTuple):
    """What the rule looks at in one suite."""

    p_worse: float
    difference: float
    #: by tolerance
    p_not_worse: Mapping[float, float]


def measure_binary(rng: Rng, n: int, changed: float, loss: float, runs: int) -> list[Outcome]:
    """Measure suites of right and wrong answers as `compare_paired` does, from the numbers that changed."""
    changed = max(changed, loss)
    drawn = rng.multinomial(n, [(changed - loss) / 2, (changed + loss) / 2, 1 - changed], size=runs)
    return [_compare_counts(gain, fall, n) for gain, fall, _ in drawn.tolist()]


@lru_cache(maxsize=100_000)
def _compare_counts(gain: int, fall: int, n: int) -> Outcome:
    rates = PairedRates(gain / n, fall / n, n)
    return Outcome(mcnemar(fall, gain), (gain - fall) / n, {t: rates.find_p_above(-t) for t in TOLERANCES})


def measure_pairs(rng: Rng, n: int, changed: float, loss: float, runs: int, *, cluster: int = 1) -> list[Outcome]:
    """Measure suites of means of three epochs; samples of a cluster change, and are lost, as one."""
    drawn = draw_pairs(rng, n, Change(changed=changed, loss=loss, cluster=cluster), runs=runs)
    return [
        Outcome(one.rates.find_p_below(0.0), one.value, {t: one.rates.find_p_above(-t) for t in TOLERANCES})
        for one in compare(drawn, EPOCHS)
    ]


def decide(outcomes: Sequence[Outcome], tolerance: float) -> str:
    if all(one.p_not_worse[tolerance] <= LEVEL for one in outcomes):
        return "pass"
    adjusted = holm([outcome.p_worse for outcome in outcomes])
    failed = any(p <= LEVEL and one.difference < -tolerance for p, one in zip(adjusted, outcomes, strict=True))
    return "fail" if failed else "undecided"


class Rule(NamedTuple):
    """Two rows of the second table for each number of suites."""

    name: str
    measure: Callable[[Rng, int, float, float, int], list[Outcome]]
    changed: Sequence[float]
    tolerances: Sequence[float]


RULES = (
    Rule("right and wrong", measure_binary, CHANGED, TOLERANCES[1:]),
    Rule("3 epochs", measure_pairs, (0.0, 0.1, 0.4), (0.05,)),
    Rule("3 epochs, clusters of 5", partial(measure_pairs, cluster=5), (0.0, 0.1, 0.4), (0.05,)),
    Rule("3 epochs, clusters of 10", partial(measure_pairs, cluster=10), (0.0, 0.1, 0.4), (0.05,)),
)


def print_rule(sizes: Sequence[int], runs: int) -> None:
    print(f"\n| error | {' | '.join(f'{n:,}' for n in sizes)} |\n|---|{'---|' * len(sizes)}")
    for rule in RULES:
        for suites in (1, 3):
            found = [err(rule, n, suites, runs) for n in sizes]
            for error, cells in zip(("false alarm", "false pass"), zip(*found, strict=True), strict=True):
                line = " | ".join(f"{100 * cell:.1f}" for cell in cells)
                print(f"| {error}, suites: {suites}, {rule.name} | {line} |", flush=True)


def err(rule: Rule, n: int, suites: int, runs: int) -> tuple[float, float]:
    """Return the worst rates of false alarms and of false passes; a loss is planted in the first suite alone."""
    rng, alarms, passes = np.random.default_rng([n, suites, crc32(rule.name.encode())]), [0.0], [0.0]
    for changed in rule.changed:
        quiet = [rule.measure(rng, n, changed, 0.0, runs) for _ in range(suites)]
        # without a tolerance no condition but the p-value's keeps from an alarm
        alarms += [_share(quiet, tolerance, "fail") for tolerance in (0.0, *rule.tolerances)]
        for tolerance in rule.tolerances:
            planted = [rule.measure(rng, n, changed, tolerance, runs), *quiet[1:]]
            passes.append(_share(planted, tolerance, "pass"))
    return max(alarms), max(passes)


def _share(suites: Sequence[Sequence[Outcome]], tolerance: float, decision: str) -> float:
    """Return how often a run is decided so."""
    decided = [decide(run, tolerance) == decision for run in zip(*suites, strict=True)]
    return sum(decided) / len(decided)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a tenth of the runs")
    parser.add_argument("--runs", type=int, default=20_000, help="simulated runs of each cell")
    parsed = parser.parse_args()
    runs = parsed.runs // 10 if parsed.quick else parsed.runs
    began = time.perf_counter()
    check(np.random.default_rng(1))
    print_coverage(SIZES, runs)
    print_rule((30, *SIZES[1:]), runs)
    error = 100 * math.sqrt(LEVEL * (1 - LEVEL) / runs)
    print(f"\nstandard error of a simulated rate near 5 or 95 %: {error:.2f}; {time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main()
