"""What "stop when decided" costs in errors and saves in calls, by simulated runs: `python benchmarks/stopping.py`."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from pytest_lleval.analysis.sequential import Decision, Verdict, decide_difference, decide_threshold

SEED = 20260
LEVEL = 0.05
SUITES = (1_000, 14_042)

Draw = Callable[[np.random.Generator, int], list[float]]


class _Case(NamedTuple):
    #: what is simulated, and how one run's values are drawn and decided
    name: str
    draw: Draw
    decide: Callable[[list[float]], Decision]
    #: the verdict that is right, or None where the truth is at the bound
    right: Verdict | None = None


def make_threshold(rate: float, threshold: float, right: Verdict | None = None) -> _Case:
    """Return the case of right and wrong answers at a rate, against a threshold."""
    return _Case(
        f"accuracy {rate:g} against {threshold:g}",
        lambda rng, n: (rng.random(n) < rate).astype(float).tolist(),
        lambda values: decide_threshold(values, threshold, LEVEL),
        right,
    )


def make_partial(mean: float, threshold: float, right: Verdict | None = None) -> _Case:
    """Return the case of partial credits with a beta distribution of 4 pseudo-observations."""
    return _Case(
        f"partial credits of mean {mean:g} against {threshold:g}",
        lambda rng, n: rng.beta(4 * mean, 4 * (1 - mean), n).tolist(),
        lambda values: decide_threshold(values, threshold, LEVEL),
        right,
    )


def make_epochs(rate: float, threshold: float, right: Verdict | None = None) -> _Case:
    """Return the case of means over 4 epochs of samples whose own rates spread by a beta distribution."""
    return _Case(
        f"means of 4 epochs, accuracy {rate:g} against {threshold:g}",
        lambda rng, n: (rng.binomial(4, rng.beta(2 * rate, 2 * (1 - rate), n)) / 4).tolist(),
        lambda values: decide_threshold(values, threshold, LEVEL),
        right,
    )


def make_difference(mean: float, discordance: float, tolerance: float, right: Verdict | None = None) -> _Case:
    """Return the case of paired answers of which a share differ, against a tolerance."""
    worse, better = (discordance - mean) / 2, (discordance + mean) / 2
    return _Case(
        f"change {mean:+g}, discordance {discordance:g}, tolerance {tolerance:g}",
        lambda rng, n: rng.choice([-1.0, 0.0, 1.0], n, p=[worse, 1 - worse - better, better]).tolist(),
        lambda values: decide_difference(values, tolerance, LEVEL),
        right,
    )


def list_nulls() -> list[tuple[_Case, dict[Verdict, float]]]:
    """Return cases with the truth at a gate's bound, with the level promised for each verdict that would be wrong."""
    sides: dict[Verdict, float] = {"pass": LEVEL / 2, "fail": LEVEL / 2}
    return [
        # the first three are simulated to the end of a large suite too
        (make_threshold(0.6, 0.6), sides),
        (make_difference(-0.02, 0.1, 0.02), {"pass": LEVEL}),
        (make_difference(0.0, 0.3, 0.02), {"fail": LEVEL}),
        (make_threshold(0.2, 0.2), sides),
        (make_threshold(0.95, 0.95), sides),
        (make_partial(0.6, 0.6), sides),
        (make_epochs(0.6, 0.6), sides),
        (make_difference(-0.02, 0.02, 0.02), {"pass": LEVEL}),
        (make_difference(-0.02, 0.3, 0.02), {"pass": LEVEL}),
        (make_difference(-0.1, 0.3, 0.1), {"pass": LEVEL}),
        (make_difference(0.0, 0.05, 0.0), {"fail": LEVEL}),
        (make_difference(0.0, 0.3, 0.0), {"fail": LEVEL}),
    ]


def list_effects() -> Iterator[_Case]:
    """Yield cases with an effect, from clear ones to ones near the bound, with the verdict that is right."""
    yield make_threshold(0.75, 0.6, "pass")
    yield make_threshold(0.45, 0.6, "fail")
    yield make_threshold(0.33, 0.2, "pass")
    yield make_threshold(0.95, 0.9, "pass")
    yield make_threshold(0.65, 0.6, "pass")
    yield make_threshold(0.62, 0.6, "pass")
    yield make_partial(0.7, 0.6, "pass")
    yield make_epochs(0.75, 0.6, "pass")
    yield make_difference(-0.1, 0.3, 0.02, "fail")
    yield make_difference(-0.05, 0.15, 0.02, "fail")
    yield make_difference(-0.05, 0.3, 0.02, "fail")
    yield make_difference(0.0, 0.0, 0.02, "pass")
    yield make_difference(0.0, 0.05, 0.02, "pass")
    yield make_difference(0.0, 0.15, 0.02, "pass")
    yield make_difference(0.0, 0.3, 0.02, "pass")
    yield make_difference(0.05, 0.3, 0.02, "pass")


def print_errors(runs: int, longest: int, seed: int) -> bool:
    """Print how often gates were decided wrongly and return whether all kept their level, but for chance."""
    print("| truth at the bound | samples | runs | wrong verdict | share | promised |")
    print("|---|---|---|---|---|---|", flush=True)
    nulls, kept = list_nulls(), True
    for samples, repeats, cases in ((2_000, runs, nulls), (SUITES[-1], longest, nulls[:3])):
        for number, (case, levels) in enumerate(cases):
            rng = np.random.default_rng([seed, number, samples])
            verdicts = [case.decide(case.draw(rng, samples)).verdict for _ in range(repeats)]
            for verdict, level in levels.items():
                wrong = verdicts.count(verdict)
                kept = kept and wrong <= repeats * level + 3 * (repeats * level * (1 - level)) ** 0.5
                line = f"| {case.name} | {samples:,} | {repeats:,} | {verdict} | {wrong / repeats:.1%} | {level:.1%} |"
                print(line, flush=True)
    return kept


def print_savings(runs: int, seed: int) -> None:
    """Print how many samples were asked before gates were decided; what is never decided asks all."""
    print("| truth | of | right | wrong | undecided | median asked | 90th percentile | median of all |")
    print("|---|---|---|---|---|---|---|---|", flush=True)
    for number, case in enumerate(list_effects()):
        rng = np.random.default_rng([seed, 1_000 + number])
        decisions = [case.decide(case.draw(rng, SUITES[-1])) for _ in range(runs)]
        for samples in SUITES:
            decided = [one for one in decisions if one.verdict and one.samples <= samples]
            right = sum(one.verdict == case.right for one in decided)
            shares = [right / runs, (len(decided) - right) / runs, 1 - len(decided) / runs]
            asked = np.quantile([min(one.samples, samples) for one in decisions], [0.5, 0.9], method="higher")
            print(
                f"| {case.name} | {samples:,} | {' | '.join(f'{share:.1%}' for share in shares)} "
                f"| {asked[0]:,} | {asked[1]:,} | {asked[0] / samples:.1%} |",
                flush=True,
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the runs")
    parser.add_argument("--runs", type=int, default=400, help="with the truth at the bound; three eighths of long ones")
    parser.add_argument("--seed", type=int, default=SEED)
    parsed = parser.parse_args()
    part = 10 if parsed.quick else 1
    runs = parsed.runs // part
    kept = print_errors(runs=runs, longest=max(1, runs * 3 // 8), seed=parsed.seed)
    print()
    print_savings(runs=200 // part, seed=parsed.seed)
    if not kept:
        raise SystemExit("a gate was decided wrongly more often than promised")


if __name__ == "__main__":
    main()
