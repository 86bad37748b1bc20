"""Data of known truth for `coverage.py`: samples, epochs, clusters, groups, and pairs of runs, many runs at once.

Units that are alike, such as clusters of one size, are drawn as numbers: how many of a run's units have so many right
answers. That is the same as drawing each answer, and takes no longer for many samples than for few.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import roots_jacobi
from scipy.stats import beta as beta_distribution
from scipy.stats import betabinom, binom

__all__ = ["Change", "Groups", "Units", "draw_clusters", "draw_groups", "draw_pairs", "draw_times"]

Rng = np.random.Generator
Array = NDArray[np.float64]
#: of rates of samples in pairs, whose mean is 0.6
_BETA = 0.6, 0.4


class Units(NamedTuple):
    """Units of one size of many runs: what each kind of them adds up to, and how many a run has of it."""

    size: int
    #: shape (kinds,): right answers; of pairs also shape (2, kinds): rises and falls, in epochs
    sums: NDArray[np.int64]
    #: shape (runs, kinds)
    counts: NDArray[np.int64]


class Groups(NamedTuple):
    """Right answers of each run's groups, shape (runs, groups), the groups' sizes, and the mean of their rates."""

    right: NDArray[np.int64]
    sizes: NDArray[np.int64]
    truth: float


@dataclass(frozen=True, kw_only=True)
class Change:
    """What happens between two runs, and how they are asked."""

    #: the share of clusters whose samples have another rate in the new run
    changed: float
    #: by how much the new run's mean is lower: what is lost is lost altogether, cluster by cluster
    loss: float = 0.0
    epochs: int = 3
    #: how many samples have one rate
    cluster: int = 1


def draw_clusters(rng: Rng, p: float, sizes: NDArray[np.int64], *, correlation: float, runs: int) -> list[Units]:
    """Draw right answers of clusters, or of the epochs of samples.

    Rates of clusters are beta-distributed around `p` with an intraclass correlation.

    :param sizes: of all clusters of a run
    """
    scale = (1 - correlation) / correlation
    drawn = []
    for size, number in zip(*np.unique(sizes, return_counts=True), strict=True):
        right = np.arange(size + 1)
        chances = betabinom.pmf(right, size, p * scale, (1 - p) * scale)
        drawn.append(Units(int(size), right, rng.multinomial(number, chances / chances.sum(), size=runs)))
    return drawn


def draw_groups(rng: Rng, n: int, p: float, *, groups: int, runs: int) -> Groups:
    """Draw groups whose sizes and rates differ."""
    shares = np.linspace(1, 3, groups)
    sizes = np.maximum(2, np.round(shares / shares.sum() * n)).astype(int)
    rates = np.clip(p + np.linspace(-1, 1, groups) * 0.6 * min(p, 1 - p), 0, 1)
    order = rng.permuted(np.tile(rates, (runs, 1)), axis=1)
    return Groups(rng.binomial(sizes, order), sizes, float(rates.mean()))


def draw_pairs(rng: Rng, n: int, change: Change, *, runs: int) -> list[Units]:
    """Draw what rises and falls between two runs, cluster by cluster; the last cluster may be smaller."""
    whole, rest = divmod(n, change.cluster)
    drawn = []
    for size, number in ((change.cluster, whole), (rest, 1)):
        if size and number:
            sums, chances = _spread_pairs(change, size)
            drawn.append(Units(size, sums, rng.multinomial(number, chances, size=runs)))
    return drawn


@cache
def _spread_pairs(change: Change, size: int) -> tuple[NDArray[np.int64], Array]:
    """Return the rises and falls a cluster may have, shape (2, kinds), and the chance of each.

    Chances are polynomials in the rates, so that the sums over these nodes are no approximation.
    """
    nodes, weights = roots_jacobi(change.epochs * size + 1, _BETA[1] - 1, _BETA[0] - 1)
    rates, weights = (nodes + 1) / 2, weights / weights.sum()
    assert np.allclose(weights @ rates, beta_distribution.mean(*_BETA))
    lost = change.loss / _BETA[0]
    found = sum(
        weight
        * (
            lost * _add_samples(0.0, old, change.epochs, size)
            + (1 - lost) * (1 - change.changed) * _add_samples(old, old, change.epochs, size)
            + (1 - lost)
            * change.changed
            * sum(
                other * _add_samples(new, old, change.epochs, size) for new, other in zip(rates, weights, strict=True)
            )
        )
        for old, weight in zip(rates, weights, strict=True)
    )
    chances = np.asarray(found)
    kinds = np.nonzero(chances > 1e-15)
    return np.array(kinds), chances[kinds] / chances[kinds].sum()


@cache
def _add_samples(new: float, old: float, epochs: int, size: int) -> Array:
    """Return the chances of rises and falls of samples that share two rates, shape (rises, falls)."""
    answers = np.arange(epochs + 1)
    both = np.outer(binom.pmf(answers, epochs, new), binom.pmf(answers, epochs, old))
    one = np.zeros((epochs * size + 1, epochs * size + 1))
    for right, chances in enumerate(both):
        for before, chance in enumerate(chances):
            one[max(0, right - before), max(0, before - right)] += chance
    # of independent samples of which each rises or falls by a few epochs
    wide = np.fft.rfft2(one, s=(2 * epochs * size + 2,) * 2) ** size
    return np.fft.irfft2(wide, s=(2 * epochs * size + 2,) * 2)[: epochs * size + 1, : epochs * size + 1]


def draw_times(rng: Rng, n: int, *, slower: float, spread: float = 0.8) -> tuple[Array, Array]:
    """Draw log-normal times of two runs of samples that go together; the first is slower by that share."""
    shared = rng.normal(size=n)
    new, base = (np.exp(spread * np.sqrt(0.5) * (shared + rng.normal(size=n))) for _ in range(2))
    return new * (1 + slower), base
