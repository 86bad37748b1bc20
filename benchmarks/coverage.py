"""How often intervals hold the truth, and how often a gate on regressions errs, by simulation.

`coverage.py [--quick] [--repeats N]` prints two tables in Markdown. The first has the coverage of each 95 % interval by
the number of samples: the mean over rates of 2 to 98 % and, in brackets, the worst of them. That of a rate is computed
without simulation; the worst of simulated ones is worse by chance, see the last row. The other has the error rates of
the rule

- `fail` when p_worse, after Holm over the suites, is at most 0.05 and the difference is beyond the tolerance,
- `pass` when a loss of the tolerance is rejected at 0.05, one-sided,

as the worst over tolerances and shares of samples that differ, with the standard error of one of them. A false alarm is
a `fail` when nothing changed, a false pass a `pass` when one suite has lost the tolerance. Seeds are fixed: equal
arguments give equal tables.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache, partial
from typing import NamedTuple
from zlib import crc32

import numpy as np
from scipy.stats import binom, bootstrap, ttest_rel
from simulating import Pair, draw_clusters, draw_epochs, draw_groups, draw_pair, draw_times

from pytest_lleval.analysis.multiplicity import holm
from pytest_lleval.analysis.paired import compare_paired, mcnemar
from pytest_lleval.analysis.relative import compare_quantiles, compare_totals
from pytest_lleval.analysis.statistics import estimate_clustered, estimate_macro, estimate_mean, estimate_rate
from pytest_lleval.analysis.tango import PairedRates

SIZES = (20, 57, 100, 400, 2000, 14_042)
RATES = (0.02, 0.1, 0.3, 0.5, 0.8, 0.98)
LEVEL, QUANTILE, SLACK = 0.05, 1.959964, 1e-9
TOLERANCES, CHANGED = (0.0, 0.02, 0.05), (0.0, 0.02, 0.05, 0.1, 0.2, 0.4)
UNEVEN = (1, 2, 3, 5, 9, 10)
Rng = np.random.Generator
#: of one simulated run of n samples at a rate: whether the interval holds the truth
Trial = Callable[[Rng, int, float], bool]


class Interval(NamedTuple):
    """A row of the first table."""

    name: str
    trial: Trial
    rates: Sequence[float] = RATES
    #: numbers of samples that are possible, or that do not take too long
    least: int = 0
    most: int = 14_042
    #: the trials that are made, of those asked for
    share: float = 1.0
    #: whether a trial takes no longer for many samples
    counted: bool = False


def holds(low: float | None, high: float | None, truth: float) -> bool:
    return (0.0 if low is None else low) - SLACK <= truth <= (1.0 if high is None else high) + SLACK


def try_epochs(rng: Rng, n: int, p: float, *, epochs: int, correlation: float) -> bool:
    drawn = draw_epochs(rng, n, p, epochs=epochs, correlation=correlation)
    found = estimate_mean(drawn.values)
    return holds(found.low, found.high, drawn.truth)


def try_clusters(rng: Rng, n: int, p: float, *, sizes: tuple[int, ...], correlation: float) -> bool:
    drawn, labels = draw_clusters(rng, n, p, sizes=sizes, correlation=correlation)
    found = estimate_clustered(drawn.values, labels)
    return holds(found.low, found.high, drawn.truth)


def try_macro(rng: Rng, n: int, p: float, *, groups: int) -> bool:
    values, truth = draw_groups(rng, n, p, groups=groups)
    found = estimate_macro(values)
    return holds(found.low, found.high, truth)


def try_tango(rng: Rng, n: int, changed: float, *, loss: float) -> bool:
    """Whether the interval of right and wrong answers holds; a loss is a share of those that changed."""
    gain, fall, _ = rng.multinomial(n, [changed * (1 - loss) / 2, changed * (1 + loss) / 2, 1 - changed])
    return holds(*PairedRates(gain / n, fall / n, n).find_limits(QUANTILE), truth=-loss * changed)


def try_pair(
    rng: Rng, n: int, changed: float, *, loss: float, bound: Callable[[Pair], tuple[float, float]], cluster: int = 1
) -> bool:
    pair = draw_pair(rng, n, changed=changed, loss=loss, cluster=cluster)
    return holds(*bound(pair), truth=pair.truth)


def bound_ours(pair: Pair) -> tuple[float, float]:
    found = compare_paired(pair.new, pair.base)
    return found.low, found.high


def bound_clusters(pair: Pair) -> tuple[float, float]:
    found = compare_paired(pair.new, pair.base, clusters=[index // 5 for index in range(len(pair.new))])
    return found.low, found.high


def bound_t(pair: Pair) -> tuple[float, float]:
    if pair.new == pair.base:
        return 0.0, 0.0
    found = ttest_rel(pair.new, pair.base).confidence_interval(0.95)
    return found.low, found.high


def bound_bootstrap(pair: Pair) -> tuple[float, float]:
    differences = np.subtract(pair.new, pair.base)
    if len(set(differences.tolist())) == 1:
        return float(differences[0]), float(differences[0])
    found = bootstrap((differences,), np.mean, n_resamples=999, method="BCa", rng=np.random.default_rng(1))
    return found.confidence_interval.low, found.confidence_interval.high


def try_total(rng: Rng, n: int, slower: float) -> bool:
    pair = draw_times(rng, n, slower=slower)
    found = compare_totals(pair.new, pair.base)
    return found.low <= pair.truth <= found.high


def try_quantile(rng: Rng, n: int, slower: float, *, q: float) -> bool:
    pair = draw_times(rng, n, slower=slower)
    found = compare_quantiles(pair.new, pair.base, q, seed=1)
    return found.low <= pair.truth <= found.high


def list_intervals() -> Iterable[Interval]:
    """Return what is tried: a row of the first table each."""
    for epochs, correlation in ((3, 0.3), (5, 0.3), (3, 0.7), (5, 0.7)):
        trial = partial(try_epochs, epochs=epochs, correlation=correlation)
        yield Interval(f"mean, {epochs} epochs, ICC {correlation}", trial)
    for correlation in (0.1, 0.3, 0.5):
        trial = partial(try_clusters, sizes=(5,), correlation=correlation)
        yield Interval(f"clusters of 5, ICC {correlation}", trial, share=0.7)
    yield Interval("clusters of 1 to 10, ICC 0.3", partial(try_clusters, sizes=UNEVEN, correlation=0.3), share=0.7)
    for groups in (4, 10, 57):
        yield Interval(f"macro, {groups} groups", partial(try_macro, groups=groups), least=2 * groups, share=0.7)
    shares = CHANGED[1:]
    yield Interval("difference, right and wrong", partial(try_tango, loss=0.0), shares, counted=True)
    yield Interval("difference, right and wrong, a loss", partial(try_tango, loss=0.5), shares, counted=True)
    for loss in (0.0, 0.05):
        name = f"difference, 3 epochs{', a loss' if loss else ''}"
        yield Interval(name, partial(try_pair, loss=loss, bound=bound_ours), (0.0, 0.1, 0.4), share=0.7)
        trial = partial(try_pair, loss=loss, bound=bound_t)
        yield Interval("… by the t-interval", trial, (0.0, 0.1, 0.4), most=400, share=0.3)
        trial = partial(try_pair, loss=loss, bound=bound_bootstrap)
        yield Interval("… by the BCa bootstrap", trial, (0.0, 0.1, 0.4), most=100, share=0.2)
    trial = partial(try_pair, loss=0.05, bound=bound_clusters, cluster=5)
    yield Interval("difference, 3 epochs, clusters of 5, a loss", trial, (0.0, 0.1, 0.4), share=0.5)
    yield Interval("change of totals", try_total, (0.0, 0.1), share=0.7)
    for q in (0.5, 0.95):
        yield Interval(f"change of the {q:.0%} quantile", partial(try_quantile, q=q), (0.1,), most=100, share=0.4)


def cover_rate(n: int) -> list[float]:
    """Return the exact coverage of a rate's interval, by rate."""
    found = [estimate_rate(successes, n) for successes in range(n + 1)]
    low, high = np.array([one.low for one in found]), np.array([one.high for one in found])
    chances = ((p, binom.pmf(np.arange(n + 1), n, p)) for p in RATES)
    return [float(chance[(low <= p) & (p <= high)].sum()) for p, chance in chances]


def cover(interval: Interval, n: int, repeats: int) -> list[float]:
    """Return the simulated coverage of an interval, by rate; fewer trials of many samples."""
    tries = max(20, round(interval.share * min(repeats, repeats if interval.counted else repeats * 1200 / n)))
    rng = np.random.default_rng([n, crc32(interval.name.encode())])
    return [sum(interval.trial(rng, n, p) for _ in range(tries)) / tries for p in interval.rates]


def print_coverage(sizes: Sequence[int], repeats: int) -> None:
    print(f"| 95 % interval | {' | '.join(f'{n:,}' for n in sizes)} |\n|---|{'---|' * len(sizes)}")
    print(f"| rate | {' | '.join(map(show, map(cover_rate, sizes)))} |", flush=True)
    for interval in list_intervals():
        cells = [show(cover(interval, n, repeats)) if interval.least <= n <= interval.most else "" for n in sizes]
        print(f"| {interval.name} | {' | '.join(cells)} |", flush=True)
    errors = (100 * math.sqrt(LEVEL * (1 - LEVEL) / min(repeats, repeats * 1200 / n)) for n in sizes)
    print(f"| least standard error of a simulated rate | {' | '.join(f'{error:.1f}' for error in errors)} |")


def show(found: Sequence[float]) -> str:
    worst = max(found, key=lambda one: abs(one - 0.95))
    return f"{np.mean(found):.1%} ({worst:.1%})".replace("%", "")


class Outcome(NamedTuple):
    """What the rule looks at in one suite."""

    p_worse: float
    difference: float
    #: by tolerance
    p_not_worse: Mapping[float, float]


def measure_binary(rng: Rng, n: int, changed: float, loss: float, tries: int) -> list[Outcome]:
    """Measure suites of right and wrong answers as `compare_paired` does, from the numbers that changed."""
    changed = max(changed, loss)
    drawn = rng.multinomial(n, [(changed - loss) / 2, (changed + loss) / 2, 1 - changed], size=tries)
    return [_compare_counts(gain, fall, n) for gain, fall, _ in drawn.tolist()]


@lru_cache(maxsize=100_000)
def _compare_counts(gain: int, fall: int, n: int) -> Outcome:
    rates = PairedRates(gain / n, fall / n, n)
    return Outcome(mcnemar(fall, gain), (gain - fall) / n, {t: rates.find_p_above(-t) for t in TOLERANCES})


def measure_epochs(rng: Rng, n: int, changed: float, loss: float, tries: int) -> list[Outcome]:
    """Measure suites of means of three epochs."""
    return [_compare_pair(draw_pair(rng, n, changed=changed, loss=loss)) for _ in range(tries)]


def measure_clusters(rng: Rng, n: int, changed: float, loss: float, tries: int) -> list[Outcome]:
    """Measure suites of means of three epochs of samples in clusters of five, which change and are lost as one."""
    labels = [index // 5 for index in range(n)]
    return [_compare_pair(draw_pair(rng, n, changed=changed, loss=loss, cluster=5), labels) for _ in range(tries)]


def _compare_pair(pair: Pair, labels: list[int] | None = None) -> Outcome:
    found = compare_paired(pair.new, pair.base, clusters=labels)
    return Outcome(found.p_worse, found.difference, {t: found.p_not_worse_than(t) for t in TOLERANCES})


def decide(outcomes: Sequence[Outcome], tolerance: float) -> str:
    adjusted = holm([outcome.p_worse for outcome in outcomes])
    if any(p <= LEVEL and one.difference < -tolerance for p, one in zip(adjusted, outcomes, strict=True)):
        return "fail"
    return "pass" if all(one.p_not_worse[tolerance] <= LEVEL for one in outcomes) else "undecided"


class Rule(NamedTuple):
    """Two rows of the second table for each number of suites."""

    name: str
    measure: Callable[[Rng, int, float, float, int], list[Outcome]]
    changed: Sequence[float]
    tolerances: Sequence[float]
    #: the trials that are made, of those asked for
    share: float
    most: int = 14_042


RULES = (
    Rule("right and wrong", measure_binary, CHANGED, TOLERANCES[1:], 5.0),
    Rule("3 epochs", measure_epochs, (0.0, 0.1, 0.4), (0.05,), 1.0, most=2000),
    Rule("3 epochs, clusters of 5", measure_clusters, (0.0, 0.1, 0.4), (0.05,), 0.7, most=400),
)


def print_rule(sizes: Sequence[int], repeats: int) -> None:
    print(f"\n| error | {' | '.join(f'{n:,}' for n in sizes)} |\n|---|{'---|' * len(sizes)}")
    for rule in RULES:
        for suites in (1, 3):
            possible = [n for n in sizes if n <= rule.most]
            numbers = [max(10, _count_tries(rule, n, repeats) // suites) for n in possible]
            found = [err(rule, n, suites, tries) for n, tries in zip(possible, numbers, strict=True)]
            for error, cells in zip(("false alarm", "false pass"), zip(*found, strict=True), strict=True):
                written = [
                    f"{100 * cell:.1f} ± {100 * math.sqrt(LEVEL * (1 - LEVEL) / tries):.1f}"
                    for cell, tries in zip(cells, numbers, strict=True)
                ]
                line = " | ".join([*written, *[""] * (len(sizes) - len(cells))])
                print(f"| {error}, suites: {suites}, {rule.name} | {line} |", flush=True)


def err(rule: Rule, n: int, suites: int, tries: int) -> tuple[float, float]:
    """Return the worst rates of false alarms and of false passes; a loss is planted in the first suite alone."""
    rng, alarms, passes = np.random.default_rng([n, suites]), [0.0], [0.0]
    for changed in rule.changed:
        quiet = [rule.measure(rng, n, changed, 0.0, tries) for _ in range(suites)]
        # without a tolerance no condition but the p-value's keeps from an alarm
        alarms += [_share(quiet, tolerance, "fail") for tolerance in (0.0, *rule.tolerances)]
        for tolerance in rule.tolerances:
            planted = [rule.measure(rng, n, changed, tolerance, tries), *quiet[1:]]
            passes.append(_share(planted, tolerance, "pass"))
    return max(alarms), max(passes)


def _share(suites: Sequence[Sequence[Outcome]], tolerance: float, decision: str) -> float:
    """Return how often a run is decided so."""
    runs = list(zip(*suites, strict=True))
    return sum(decide(run, tolerance) == decision for run in runs) / len(runs)


def _count_tries(rule: Rule, n: int, repeats: int) -> int:
    """Return how many trials are made: those on counts alone cost the same for any number of samples."""
    return round(rule.share * (repeats if rule.measure is measure_binary else min(repeats, repeats * 1200 / n)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a tenth of the trials, up to 400 samples")
    parser.add_argument("--repeats", type=int, default=1600, help="trials of each cell; fewer of many samples")
    parsed = parser.parse_args()
    repeats = parsed.repeats // 10 if parsed.quick else parsed.repeats
    sizes = SIZES[:4] if parsed.quick else SIZES
    began = time.perf_counter()
    print_coverage(sizes, repeats)
    print_rule((30, *sizes[1:]), repeats)
    print(f"\n{repeats} trials a cell, fewer of many samples; {time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main()
