"""How often intervals of the size matrix hold the truth, by simulated servers of known curves.

`crossover.py [--repeats N]` prints tables in Markdown. Model A is quadratic in the size of the prompt, B linear with a
greater fixed part, so that both bend between sizes that are four times apart; times are log-normal around the curves,
and 3 % of the repeats take 2 to 8 times as long. A cell of the tables on crossovers says how many of the intervals
that were given hold the truth / how often one was given / the median of upper by lower limit. Seeds are fixed.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple
from unittest.mock import patch
from zlib import crc32

import numpy as np

from pytest_lleval.analysis import ordering
from pytest_lleval.analysis.cells import CellTimes, bound_median, count_needed
from pytest_lleval.analysis.crossover import Crossover, find_crossover
from pytest_lleval.analysis.curves import measure_curve
from pytest_lleval.analysis.offcurve import flag_cells
from pytest_lleval.analysis.refining import propose_repeats, propose_sizes
from pytest_lleval.analysis.scaling import fit_exponent

SIZES = (128, 512, 2048, 8192, 32_768)
CROSSINGS = (700, 3_000, 12_000)
REPEATS = (5, 8, 20)
NOISES = (0.03, 0.1, 0.2)
#: few sizes, and narrow ones, around both crossings
GRIDS = {
    "2 sizes, 8 times apart": (512, 4096),
    "2 sizes, 16 times apart": (256, 4096),
    "3 sizes, 4 times apart": (256, 1024, 4096),
    "3 sizes, 8 times apart": (128, 1024, 8192),
    "5 sizes, 3 times apart": (128, 384, 1152, 3456, 10_368),
    "8 sizes, 2 times apart": (128, 256, 512, 1024, 2048, 4096, 8192, 16_384),
}
#: rounds of refinement that are shown
LOOKS = (0, 1, 2, 4, 8)
Curve = Callable[[float], float]
Rng = np.random.Generator


class Noise(NamedTuple):
    """How repeats vary: `spread` of log times, at 2,048 tokens; `shape` of their distribution."""

    spread: float
    shape: str = "normal"
    slow: float = 0.03
    #: the spread goes with this power of the size
    power: float = 0.0

    def draw(self, rng: Rng, truth: float, size: int, n: int) -> list[float]:
        """Return n times."""
        if self.shape == "normal":
            drawn = rng.standard_normal(n)
        elif self.shape == "Laplace":
            drawn = rng.laplace(size=n) / math.sqrt(2)
        else:
            drawn = rng.exponential(size=n) - math.log(2)
        spread = self.spread * (size / 2048) ** self.power
        slower = np.where(rng.random(n) < self.slow, rng.uniform(2, 8, n), 1.0)
        return (truth * np.exp(spread * drawn) * slower).tolist()


class Server:
    """A model whose true curve is known; what was measured before is kept."""

    def __init__(self, name: str, curve: Curve, noise: Noise, rng: Rng) -> None:
        self.name, self._curve, self._noise, self._rng = name, curve, noise, rng
        self._times: dict[int, list[float]] = {}

    def measure(self, sizes: Sequence[int], n: int) -> list[CellTimes]:
        """Measure sizes n times more, and return all cells there are."""
        for size in sizes:
            self._times.setdefault(size, []).extend(self._noise.draw(self._rng, self._curve(size), size, n))
        return [CellTimes(model=self.name, size=size, seconds=tuple(times)) for size, times in self._times.items()]


def cross_at(size: float) -> tuple[Curve, Curve]:
    """Return a quadratic curve and a linear one, of seconds by tokens, that cross once."""
    square = (0.12 + 2e-4 * size - 0.08 - 1.2e-4 * size) / size**2
    return (lambda x: 0.08 + 1.2e-4 * x + square * x**2), (lambda x: 0.12 + 2e-4 * x)


def keep_apart(ratio: float) -> tuple[Curve, Curve]:
    """Return curves of which the second takes so many times the first's time, at all sizes."""
    first, _ = cross_at(3_000)
    return first, lambda x: ratio * first(x)


def touch() -> tuple[Curve, Curve]:
    """Return curves that touch at 2,048 tokens without crossing."""
    first, _ = cross_at(3_000)
    return first, lambda x: first(x) * math.exp(0.15 * math.log(x / 2048) ** 2)


def simulate(
    curves: tuple[Curve, Curve], noise: Noise, n: int, trials: int, sizes: Sequence[int] = SIZES
) -> Iterator[Crossover]:
    seed = noise, n, curves[0](1000.0), curves[1](1000.0), *(() if sizes is SIZES else sizes)
    rng = np.random.default_rng(crc32(repr(seed).encode()))
    for _ in range(trials):
        first, second = (Server(name, curve, noise, rng) for name, curve in zip("AB", curves, strict=True))
        yield find_crossover(first.measure(sizes, n), second.measure(sizes, n))


class Tally:
    """Counts what was found."""

    def __init__(self, truth: float | None) -> None:
        self.truth, self.statuses = truth, {"crosses": 0, "none": 0, "undecided": 0}
        self.held, self.widths = 0, list[float]()

    def add(self, found: Crossover) -> None:
        """Count one."""
        self.statuses[found.status] += 1
        if found.crossings:
            self.held += any(one.low <= (self.truth or 0) <= one.high for one in found.crossings)
            self.widths.append(found.crossings[0].high / found.crossings[0].low)

    def __str__(self) -> str:
        if not self.widths:
            return "none found"
        share = len(self.widths) / sum(self.statuses.values())
        return f"{self.held / len(self.widths):.1%} / {share:.0%} / {np.median(self.widths):.2f}"


def print_head(first: str, columns: Iterable[str]) -> None:
    titles = [first, *columns]
    print(f"\n| {' | '.join(titles)} |\n|{'---|' * len(titles)}", flush=True)


def cover(size: float, noise: Noise, n: int, trials: int, sizes: Sequence[int] = SIZES) -> Tally:
    tally = Tally(size)
    for crossover in simulate(cross_at(size), noise, n, trials, sizes):
        tally.add(crossover)
    return tally


def print_coverage(trials: int) -> None:
    print_head("crossing, noise", (f"{n} repeats" for n in REPEATS))
    held = found = 0
    for size in CROSSINGS:
        for spread in NOISES:
            tallies = [cover(size, Noise(spread), n, trials) for n in REPEATS]
            held, found = held + sum(one.held for one in tallies), found + sum(len(one.widths) for one in tallies)
            print(f"| {size:,}, {spread:.0%} | {' | '.join(map(str, tallies))} |", flush=True)
    print(f"\nOf all {found:,} intervals {held / found:.1%} hold the truth.")


def print_sizes(trials: int) -> None:
    """Print what fewer sizes give, and such that are less than four times apart."""
    print_head("sizes, 3 % noise", (f"{n} repeats" for n in REPEATS))
    held = found = 0
    for name, sizes in GRIDS.items():
        for size in (900, 3_000):
            tallies = [cover(size, Noise(0.03), n, trials, sizes) for n in REPEATS]
            held, found = held + sum(one.held for one in tallies), found + sum(len(one.widths) for one in tallies)
            print(f"| {name}, crossing at {size:,} | {' | '.join(map(str, tallies))} |", flush=True)
    print(f"\nOf all {found:,} intervals {held / found:.1%} hold the truth.")


def print_noises(trials: int) -> None:
    print_head("other noise, crossing at 3,000", (f"{n} repeats" for n in REPEATS))
    noises = {
        "log-normal 10 %, none slow": Noise(0.1, slow=0.0),
        "log-normal 10 %, a tenth slow": Noise(0.1, slow=0.1),
        "Laplace 10 %": Noise(0.1, "Laplace"),
        "exponential 10 %": Noise(0.1, "exponential"),
        "23 % at 128 tokens to 4 % at 32,768": Noise(0.1, power=-0.3),
        "4 % at 128 tokens to 23 % at 32,768": Noise(0.1, power=0.3),
    }
    for name, noise in noises.items():
        print(f"| {name} | {' | '.join(str(cover(3_000, noise, n, trials)) for n in REPEATS)} |", flush=True)


def print_methods(trials: int) -> None:
    """Print what the parts of the method are there for, beside the plain bootstrap."""
    print_head("method, crossing at 3,000, 5 repeats", (f"{noise:.0%} noise" for noise in NOISES))
    straight = (lambda x: (x / 3_000) ** 1.2), (lambda x: (x / 3_000) ** 0.8)
    # the method has no such switch for users: what its two parts are there for is seen by leaving one out
    reaches = {"line to spline": ordering.__dict__["_REACH"], "line alone": 0.0}
    for kind, curves in (("bent", cross_at(3_000)), ("straight", straight)):
        for name, reach in reaches.items():
            cells = []
            with patch.object(ordering, "_REACH", reach):
                for spread in NOISES:
                    cells.append(tally := Tally(3_000))
                    for crossover in simulate(curves, Noise(spread), 5, trials):
                        tally.add(crossover)
            print(f"| {kind} curves, {name} | {' | '.join(map(str, cells))} |", flush=True)
        cells = [resample(spread, 5, trials, curves) for spread in NOISES]
        print(f"| {kind} curves, line alone, bootstrap of each cell | {' | '.join(map(str, cells))} |", flush=True)


def resample(spread: float, n: int, trials: int, curves: tuple[Curve, Curve]) -> Tally:
    """Return what the percentiles of the plain bootstrap of medians give."""
    rng, tally = np.random.default_rng(round(1000 * spread)), Tally(3_000)
    logs = np.log(SIZES)
    for _ in range(trials):
        medians = []
        for curve in curves:
            times = np.array([Noise(spread).draw(rng, curve(size), size, n) for size in SIZES])
            picks = rng.integers(0, n, (200, len(SIZES), n))
            medians.append(np.log(np.median(np.take_along_axis(times[np.newaxis], picks, axis=2), axis=2)))
        zeros = [find_zero(logs, row) for row in medians[0] - medians[1]]
        low, high = np.quantile(np.exp([zero for zero in zeros if zero is not None]), [0.025, 0.975])
        tally.statuses["crosses"] += 1
        tally.held += bool(low <= 3_000 <= high)
        tally.widths.append(high / low)
    return tally


def find_zero(logs: np.ndarray, values: np.ndarray) -> float | None:
    places = np.nonzero((values[:-1] < 0) & (values[1:] >= 0))[0]
    if not len(places):
        return None
    index = places[0]
    return float(logs[index] - values[index] * (logs[index + 1] - logs[index]) / (values[index + 1] - values[index]))


def print_refinement(trials: int) -> None:
    print(
        "\n| refined, 8 repeats | at first | after 1 round | 2 | 4 | 8 | sizes in all |\n|---|---|---|---|---|---|---|"
    )
    for size in CROSSINGS:
        for spread in NOISES[:2]:
            tallies, sizes = [Tally(size) for _ in range(LOOKS[-1] + 1)], []
            rng = np.random.default_rng([size, round(1000 * spread)])
            for _ in range(trials):
                servers = [
                    Server(name, curve, Noise(spread), rng) for name, curve in zip("AB", cross_at(size), strict=True)
                ]
                sizes.append(refine(servers, tallies))
            shown = [str(tallies[looks]) for looks in LOOKS]
            print(f"| {size:,}, {spread:.0%} | {' | '.join(shown)} | {np.mean(sizes):.1f} |", flush=True)


def refine(servers: Sequence[Server], tallies: Sequence[Tally]) -> int:
    """Measure, look, and measure what is proposed, else the sizes beside the crossing again; return the sizes."""
    done, asked, n = set[int](), tuple(SIZES), 8
    crossover = None
    for tally in tallies:
        cells = [server.measure(asked, n) for server in servers]
        done.update(asked)
        crossover = find_crossover(*cells, refined=tally is not tallies[0])
        tally.add(crossover)
        asked = propose_sizes(crossover, done)
        asked = asked or propose_repeats(crossover, done)
    return len(done)


def print_statuses(trials: int) -> None:
    print_head("what is so, 10 % noise", ("repeats", "crosses", "none", "undecided"))
    pairs = {
        "B takes 1.5 times as long": keep_apart(1.5),
        "B takes 1.1 times as long": keep_apart(1.1),
        "both are the same": keep_apart(1.0),
        "they touch at 2,048": touch(),
        "they cross at 3,000": cross_at(3_000),
        "they cross at 40,000, which is not measured": cross_at(40_000),
    }
    for name, curves in pairs.items():
        for n in REPEATS:
            tally = Tally(None)
            for crossover in simulate(curves, Noise(0.1), n, trials):
                tally.add(crossover)
            shares = [f"{number / trials:.1%}" for number in tally.statuses.values()]
            print(f"| {name} | {n} | {' | '.join(shares)} |", flush=True)


def print_others(trials: int) -> None:
    print_head("95 % interval", (f"{n} repeats" for n in REPEATS))
    noise = Noise(0.1)
    medians = []
    for n in REPEATS:
        rng = np.random.default_rng(n)
        found = [bound_median(noise.draw(rng, 1.0, 2048, n)) for _ in range(5 * trials)]
        truth = find_median(noise)
        medians.append(
            f"{np.mean([one.low <= truth <= one.high for one in found]):.1%} (said {found[0].confidence:.1%})"
        )
    print(f"| median of a cell | {' | '.join(medians)} |")
    adaptive = [stop_when_narrow(n, noise, trials) for n in REPEATS]
    print(f"| median, repeats added until within 5 %: coverage, repeats in all | {' | '.join(adaptive)} |", flush=True)
    for name, power in (("exponent", 0.0), ("exponent, noise falls with size", -0.3)):
        cells = [cover_exponent(n, Noise(0.1, power=power), 2 * trials) for n in REPEATS]
        print(f"| {name} | {' | '.join(cells)} |", flush=True)
    alarms = [count_alarms(n, noise, 2 * trials) for n in REPEATS]
    print(f"| cells off their curve, where none is: curves flagged | {' | '.join(alarms)} |")


def find_median(noise: Noise) -> float:
    return float(np.median(noise.draw(np.random.default_rng(0), 1.0, 2048, 2_000_000)))


def stop_when_narrow(n: int, noise: Noise, trials: int) -> str:
    rng, truth, held, numbers = np.random.default_rng(n), find_median(noise), 0, []
    for _ in range(2 * trials):
        times = noise.draw(rng, 1.0, 2048, n)
        while len(times) < 200 and (needed := count_needed(times, 0.05)):
            times += noise.draw(rng, 1.0, 2048, min(needed, 200) - len(times))
        found = bound_median(times)
        held, numbers = held + (found.low <= truth <= found.high), [*numbers, len(times)]
    return f"{held / (2 * trials):.1%}, {np.mean(numbers):.0f}"


def cover_exponent(n: int, noise: Noise, trials: int) -> str:
    curve, _ = cross_at(3_000)
    rng, logs = np.random.default_rng(n), np.log(SIZES)
    truth = float(np.polyfit(logs, np.log([curve(size) for size in SIZES]), 1)[0])
    found = [fit_exponent(measure_curve(Server("A", curve, noise, rng).measure(SIZES, n))) for _ in range(trials)]
    held = np.mean([one.low <= truth <= one.high for one in found])
    return f"{held:.1%}, ± {np.mean([one.high - one.low for one in found]) / 2:.3f}"


def count_alarms(n: int, noise: Noise, trials: int) -> str:
    rng, curves = np.random.default_rng(n), [*cross_at(700), *cross_at(12_000)]
    flagged = [flag_cells(Server("A", curves[index % 4], noise, rng).measure(SIZES, n)) for index in range(trials)]
    return f"{np.mean([bool(one) for one in flagged]):.1%}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=160, help="trials of each cell")
    trials, began = parser.parse_args().repeats, time.perf_counter()
    print_coverage(trials)
    print_sizes(trials)
    print_noises(trials)
    print_methods(trials)
    print_refinement(trials // 2)
    print_statuses(trials)
    print_others(trials)
    print(f"\n{trials} trials a cell; {time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main()
