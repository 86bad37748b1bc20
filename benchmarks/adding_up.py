"""What the package computes intervals from, for many simulated runs at once, and a check that both are the same."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import NamedTuple

import numpy as np
from simulating import Change, Groups, Units, draw_clusters, draw_groups, draw_pairs

from pytest_lleval.analysis.effective import find_effective_n
from pytest_lleval.analysis.paired import compare_paired, weigh
from pytest_lleval.analysis.spread import Spread
from pytest_lleval.analysis.statistics import bound_rate, estimate_clustered, estimate_macro, estimate_mean
from pytest_lleval.analysis.tango import PairedRates

__all__ = ["Difference", "Limits", "bound_clusters", "bound_groups", "check", "compare"]

Limits = tuple[float, float]
#: of the normal distribution, for 95 %
_QUANTILE = 1.959963984540054


class Difference(NamedTuple):
    """What `compare_paired` computes of one pair of runs."""

    value: float
    #: what the interval is made of, and what tests are
    shown: PairedRates
    rates: PairedRates


def bound_clusters(drawn: Sequence[Units], *, epochs: bool = False) -> Iterator[Limits]:
    """Yield the limits of `estimate_mean` of samples' epochs, or of `estimate_clustered`, of each run."""
    n, _, units = _measure_sizes(drawn)
    means = sum(part.counts @ part.sums for part in drawn) / n
    errors = sum(_add(part, part.sums - means[:, None] * part.size, 2) / (1 - part.size / n) for part in drawn) / n**2
    most = np.inf if epochs else n
    for mean, error in zip(means.tolist(), np.where(errors * n > 1e-20, errors, 0.0).tolist(), strict=True):
        yield bound_rate(mean, find_effective_n(max(0.0, mean * (1 - mean)), error, units, most))


def bound_groups(groups: Groups) -> Iterator[Limits]:
    """Yield the limits of `estimate_macro` of each run."""
    right, sizes, _ = groups
    rates, count = right / sizes, len(sizes)
    squares = sizes * rates * (1 - rates)
    pooled = squares.sum(axis=1, keepdims=True) / (sizes.sum() - count)
    errors = ((squares + pooled) / sizes**2).sum(axis=1) / count**2
    alike = count**2 / (1 / sizes).sum()
    for mean, error in zip(rates.mean(axis=1).tolist(), errors.tolist(), strict=True):
        possible = max(0.0, mean * (1 - mean))
        yield bound_rate(mean, possible / error if error > 1e-20 and possible else alike)


def compare(drawn: Sequence[Units], epochs: int) -> Iterator[Difference]:
    """Yield what `compare_paired` computes of each pair of runs."""
    n, count, units = _measure_sizes(drawn)
    gains, losses = (sum(part.counts @ part.sums[way] for part in drawn) / (n * epochs) for way in (0, 1))
    away = [(part.sums[0] - part.sums[1]) / epochs - (gains - losses)[:, None] * part.size for part in drawn]
    errors = sum(_add(part, one, 2) / (1 - part.size / n) for part, one in zip(drawn, away, strict=True)) / n**2
    thirds = sum(_add(part, one, 3) for part, one in zip(drawn, away, strict=True)) / n**3
    thirds *= count**2 / ((count - 1) * (count - 2))
    for gain, loss, error, third in zip(*(one.tolist() for one in (gains, losses, errors, thirds)), strict=True):
        seen = error if error * n > 1e-20 else 0.0
        spread = Spread(error=seen, slope=third / seen if seen else 0.0, count=count, units=units)
        yield Difference(gain - loss, *weigh(gain, loss, spread, n))


def _add(part: Units, away: np.ndarray, power: int) -> np.ndarray:
    return (part.counts * away**power).sum(axis=1)


def _measure_sizes(drawn: Sequence[Units]) -> tuple[int, int, float]:
    """Return how many values a run has, how many units, and how many those count as."""
    numbers = [int(part.counts[0].sum()) for part in drawn]
    n = sum(part.size * number for part, number in zip(drawn, numbers, strict=True))
    return n, sum(numbers), n**2 / sum(part.size**2 * number for part, number in zip(drawn, numbers, strict=True))


def check(rng: np.random.Generator, runs: int = 20) -> None:
    """Raise when something here is not what the package makes of the same values."""
    for epochs, sizes in ((True, np.full(30, 3)), (False, np.array([5, 2, 9, 1, 5, 5]))):
        drawn = draw_clusters(rng, 0.3, sizes, correlation=0.4, runs=runs)
        for run, limits in enumerate(bound_clusters(drawn, epochs=epochs)):
            values = [[1.0] * int(one) + [0.0] * (part.size - int(one)) for part in drawn for one in _list(part, run)]
            labels = [number for number, part in enumerate(values) for _ in part]
            means = [sum(part) / len(part) for part in values]
            found = estimate_mean(means) if epochs else estimate_clustered(list(chain(*values)), labels)
            _agree((found.low, found.high), limits)
    groups = draw_groups(rng, 40, 0.3, groups=5, runs=runs)
    for right, limits in zip(groups.right, bound_groups(groups), strict=True):
        found = estimate_macro(
            [[1.0] * hits + [0.0] * (size - hits) for hits, size in zip(right, groups.sizes, strict=True)]
        )
        _agree((found.low, found.high), limits)
    _check_pairs(rng, runs)


def _check_pairs(rng: np.random.Generator, runs: int, epochs: int = 3) -> None:
    for cluster in (1, 4):
        drawn = draw_pairs(rng, 30, Change(changed=0.3, cluster=cluster, epochs=epochs), runs=runs)
        for run, difference in enumerate(compare(drawn, epochs)):
            new, base, labels = list[float](), list[float](), list[tuple[int, int]]()
            for part in drawn:
                for number, (rises, falls) in enumerate(_list(part, run).tolist()):
                    higher, lower = _part(rises, epochs), _part(falls, epochs)
                    alike = [0.0] * (part.size - len(higher) - len(lower))
                    new += [*higher, *[0.0] * len(lower), *alike]
                    base += [*[0.0] * len(higher), *lower, *alike]
                    labels += [(part.size, number)] * part.size
            found = compare_paired(new, base, clusters=labels if cluster > 1 else None)
            if found.method == "Tango":
                # no value has changed by a fraction
                continue
            _agree((found.low, found.high), difference.shown.find_limits(_QUANTILE))
            _agree((found.p_worse, found.difference), (difference.rates.find_p_below(0.0), difference.value))


def _part(epochs: int, most: int) -> list[float]:
    """Return differences of samples that add up to so many epochs."""
    return [min(most, epochs - begun) / most for begun in range(0, epochs, most)]


def _list(part: Units, run: int) -> np.ndarray:
    """Return the units of one run."""
    return np.repeat(part.sums.T, part.counts[run], axis=0)


def _agree(found: tuple[float | None, float | None], computed: Limits) -> None:
    if not np.allclose(np.array(found, dtype=float), computed, atol=1e-7):
        raise SystemExit(f"the package finds {found}, the benchmark computes {computed}")
