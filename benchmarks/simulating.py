"""Data of known truth for `coverage.py`: samples, epochs, clusters, groups, and pairs of runs."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Drawn", "Pair", "draw_clusters", "draw_epochs", "draw_groups", "draw_pair", "draw_times"]

Rng = np.random.Generator


class Drawn(NamedTuple):
    """Values, and the mean of what they were drawn from."""

    values: list[float]
    truth: float


class Pair(NamedTuple):
    """Two runs over the same samples, and the mean of the difference of what they were drawn from."""

    new: list[float]
    base: list[float]
    truth: float


def draw_epochs(rng: Rng, n: int, p: float, *, epochs: int, correlation: float) -> Drawn:
    """Draw means of epochs of samples whose rates differ, beta-distributed with an intraclass correlation."""
    return Drawn((rng.binomial(epochs, _draw_rates(rng, n, p, correlation)) / epochs).tolist(), p)


def draw_clusters(rng: Rng, n: int, p: float, *, sizes: tuple[int, ...], correlation: float) -> tuple[Drawn, list[int]]:
    """Draw right and wrong answers in clusters whose sizes come in turn; their labels too."""
    labels = _label(n, sizes)
    rates = _draw_rates(rng, int(labels[-1]) + 1, p, correlation)[labels]
    return Drawn((rng.random(n) < rates).astype(float).tolist(), p), labels.tolist()


def draw_groups(rng: Rng, n: int, p: float, *, groups: int) -> tuple[list[list[float]], float]:
    """Draw right and wrong answers of groups whose sizes and rates differ, and the mean of their rates."""
    shares = np.linspace(1, 3, groups)
    sizes = np.maximum(2, np.round(shares / shares.sum() * n)).astype(int)
    rates = rng.permutation(np.clip(p + np.linspace(-1, 1, groups) * 0.6 * min(p, 1 - p), 0, 1))
    drawn = [(rng.random(size) < rate).astype(float).tolist() for size, rate in zip(sizes, rates, strict=True)]
    return drawn, float(rates.mean())


def draw_pair(rng: Rng, n: int, *, changed: float, loss: float = 0.0, epochs: int = 3, cluster: int = 1) -> Pair:
    """Draw means of epochs of two runs.

    :param changed: the share of clusters whose samples have another rate in the new run
    :param loss: by how much the new run's mean is lower
    :param cluster: how many samples have one rate
    """
    mean, count = 0.6, -(-n // cluster)
    old = rng.beta(0.6, 0.4, count)
    new = np.where(rng.random(count) < changed, rng.beta(0.6, 0.4, count), old)
    # what is lost is lost altogether, cluster by cluster
    new = np.where(rng.random(count) < loss / mean, 0.0, new)
    rates = [np.repeat(part, cluster)[:n] for part in (new, old)]
    return Pair(*((rng.binomial(epochs, part) / epochs).tolist() for part in rates), truth=-loss)


def draw_times(rng: Rng, n: int, *, slower: float, spread: float = 0.8) -> Pair:
    """Draw log-normal times of two runs whose samples go together; the truth is the relative change."""
    shared = rng.normal(size=n)
    new, base = (np.exp(spread * np.sqrt(0.5) * (shared + rng.normal(size=n))) for _ in range(2))
    return Pair((new * (1 + slower)).tolist(), base.tolist(), slower)


def _draw_rates(rng: Rng, n: int, p: float, correlation: float) -> NDArray[np.float64]:
    scale = (1 - correlation) / correlation
    return rng.beta(p * scale, (1 - p) * scale, n)


def _label(n: int, sizes: tuple[int, ...]) -> NDArray[np.intp]:
    repeated = np.resize(np.array(sizes), n)
    return np.repeat(np.arange(n), repeated)[:n]
