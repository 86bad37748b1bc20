"""How much samples differ and how much their epochs do, and how to spend a budget on both."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from .statistics import Estimate, estimate_mean

__all__ = ["Components", "Split", "estimate_epochs", "find_best_split", "measure_components"]

_ROUNDING = 1e-12


@dataclass(frozen=True, kw_only=True, slots=True)
class Components:
    """The variance of a value, by the law of total variance: between samples, and within a sample between epochs."""

    between: float
    within: float

    @property
    def correlation(self) -> float:
        """The share that lies between samples, the intraclass correlation; 0 where nothing varies."""
        total = self.between + self.within
        return self.between / total if total else 0.0

    def predict_variance(self, samples: int, epochs: int) -> float:
        """Return the variance of the mean of so many samples with so many epochs each.

        Miller 2024, arXiv:2411.00640, section 3.1; the samples are taken to be drawn from many.
        """
        return (self.between + self.within / epochs) / samples


@dataclass(frozen=True, kw_only=True, slots=True)
class Split:
    """A number of samples and of epochs of each, its cost, and the variance of the mean it gives."""

    samples: int
    epochs: int
    cost: float
    variance: float


def estimate_epochs(values: Sequence[Sequence[float]]) -> Estimate:
    """Estimate the mean over samples of several epochs: every sample counts alike, however many epochs it has.

    Epochs of one sample are no independent values: `n` is the number of samples (Miller 2024, arXiv:2411.00640,
    section 3.1). The interval is that of `estimate_mean` over the samples' means.

    :param values: for each sample the values of its epochs, at least one, in 0..1
    :raises ValueError: when there is no sample, or one without values
    """
    return estimate_mean([_average(sample) for sample in values])


def measure_components(values: Sequence[Sequence[float]]) -> Components:
    """Estimate the variance between samples and within them from a one-way analysis of variance.

    Numbers of epochs may differ; an estimate below zero is zero (Searle, Casella & McCulloch 1992, Variance Components,
    section 3.6). Without a sample of two epochs nothing is known of epochs: `within` is then 0.

    :param values: for each sample the values of its epochs, at least one
    :raises ValueError: when there are fewer than two samples, or one is without values
    """
    if len(values) < 2:
        raise ValueError(f"{len(values)} samples do not vary: at least 2 are needed")
    counts, means = [len(sample) for sample in values], [_average(sample) for sample in values]
    total, spare = sum(counts), sum(counts) - len(values)
    inside = math.fsum((value - mean) ** 2 for sample, mean in zip(values, means, strict=True) for value in sample)
    within = inside / spare if spare else 0.0
    grand = math.fsum(count * mean for count, mean in zip(counts, means, strict=True)) / total
    outside = math.fsum(count * (mean - grand) ** 2 for count, mean in zip(counts, means, strict=True))
    # the mean number of epochs, lowered by how much their numbers differ
    epochs = (total - sum(count**2 for count in counts) / total) / (len(values) - 1)
    return Components(between=max(0.0, (outside / (len(values) - 1) - within) / epochs), within=within)


def find_best_split(
    components: Components, *, cost_sample: float, cost_epoch: float, budget: float, available: int | None = None
) -> Split:
    """Find how many samples and epochs give the mean its least variance within a budget.

    Every number of samples is compared; the best number of epochs is near sqrt(within * cost_sample / (between *
    cost_epoch)) (Cochran 1977, Sampling Techniques, section 10.6). Where a sample costs nothing beside its epochs, one
    epoch is best, as long as there are samples.

    :param components: what is known of the variance
    :param cost_sample: what one more sample costs beside its epochs, at least 0
    :param cost_epoch: what one epoch of one sample costs, above 0, in the same unit
    :param budget: what all may cost, in the same unit
    :param available: how many samples there are; any number without it
    :raises ValueError: when a cost is negative, or not even one epoch of one sample is within the budget
    """
    if cost_sample < 0 or cost_epoch <= 0:
        raise ValueError(f"a sample costs {cost_sample} and an epoch {cost_epoch}: costs are positive")
    import numpy as np

    # a budget that is a multiple of the cost is not short of it by rounding
    most = math.floor(budget / (cost_sample + cost_epoch) * (1 + _ROUNDING))
    if min(most, most if available is None else available) < 1:
        raise ValueError(f"a budget of {budget} is not enough for one epoch of one sample")
    samples = np.arange(1, min(most, most if available is None else available) + 1)
    epochs = np.maximum(1, np.floor((budget / samples - cost_sample) / cost_epoch * (1 + _ROUNDING)))
    variances = (components.between + components.within / epochs) / samples
    # of equals the one with the most samples, whose epochs are the fewest
    best = len(samples) - 1 - int(np.argmin(variances[::-1]))
    count, each = int(samples[best]), int(epochs[best])
    cost = count * (cost_sample + cost_epoch * each)
    return Split(samples=count, epochs=each, cost=cost, variance=float(variances[best]))


def _average(sample: Sequence[float]) -> float:
    if not len(sample):
        raise ValueError("a sample without values has no mean")
    return math.fsum(sample) / len(sample)
