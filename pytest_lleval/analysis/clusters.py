"""Estimates over samples of which some are of a cluster."""

from __future__ import annotations

from collections.abc import Sequence

from .statistics import Estimate, estimate_clustered, estimate_macro, estimate_mean

__all__ = ["estimate_groups", "estimate_samples"]


def estimate_samples(values: Sequence[float], names: Sequence[str]) -> Estimate:
    """Estimate the mean over samples, which depend on each other where they are of one cluster.

    :param values: one value a sample in 0..1, at least one
    :param names: of each sample's cluster, empty where it is of none
    """
    return estimate_clustered(values, _label(names)) if any(names) else estimate_mean(values)


def estimate_groups(groups: Sequence[Sequence[float]], names: Sequence[Sequence[str]]) -> Estimate:
    """Estimate the unweighted mean of the means of groups of samples.

    :param groups: one value a sample in 0..1, by group
    :param names: of each sample's cluster, empty where it is of none
    """
    if not any(map(any, names)):
        return estimate_macro(groups)
    return estimate_macro(groups, [_label(part, number) for number, part in enumerate(names)])


def _label(names: Sequence[str], group: int = 0) -> list[tuple[str, int, int]]:
    """Return labels of clusters; a sample of none is a cluster of its own."""
    return [(name, 0, 0) if name else ("", group, row) for row, name in enumerate(names)]
