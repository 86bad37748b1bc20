"""Which samples of a dataset are asked."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from fnmatch import fnmatchcase

from ..core.errors import UnknownNameError, UsageError
from ..core.records import Sample
from ..core.settings import Limit
from .definition import Dataset

__all__ = ["select_samples"]


def select_samples(
    dataset: Dataset, *, groups: Sequence[str], sample_ids: Sequence[str], limit: Limit | None
) -> tuple[Sample, ...]:
    """Return the chosen samples in the order of the dataset.

    Groups are chosen first, then ids, then the limit. The limit counts through the groups in turn, in the order in
    which they first appear: the first sample of each, the second of each, and so on, passing over groups that have no
    more. So a limit of N is contained in one of N+1, groups differ by one sample at most unless one is exhausted, and
    ranges that join make up the whole.

    :param groups: names of groups; none means all
    :param sample_ids: ids or shell patterns (``anatomy/1*``, case matters); none means all
    :param limit: positions in the order above; one that ends beyond the last sample takes all there are
    :raises UnknownNameError: for a group the dataset does not have
    :raises UsageError: for a pattern that matches nothing, or a limit that starts beyond the last sample
    """
    samples = _filter_groups(dataset, groups)
    samples = _filter_ids(dataset, samples, sample_ids)
    if limit is None:
        return tuple(samples)
    if limit.start >= len(samples):
        raise UsageError(
            f"--lleval-limit: {str(limit)!r} starts beyond the {len(samples)} samples chosen from dataset "
            f"{dataset.name!r}; start at {len(samples)} or before"
        )
    order = _stratify(samples)
    return tuple(samples[index] for index in sorted(order[limit.start : limit.stop]))


def _filter_groups(dataset: Dataset, groups: Sequence[str]) -> Sequence[Sample]:
    if not groups:
        return dataset.samples
    known = {sample.group for sample in dataset.samples if sample.group}
    for group in groups:
        if group not in known:
            raise UnknownNameError("--lleval-suite", f"group of {dataset.name!r}", group, known)
    wanted = frozenset(groups)
    return [sample for sample in dataset.samples if sample.group in wanted]


def _filter_ids(dataset: Dataset, samples: Sequence[Sample], patterns: Sequence[str]) -> Sequence[Sample]:
    if not patterns:
        return samples
    wanted: set[str] = set()
    for pattern in patterns:
        found = {sample.id for sample in samples if sample.id == pattern or fnmatchcase(sample.id, pattern)}
        if not found:
            raise UsageError(
                f"--lleval-sample-id: {pattern!r} matches none of the {len(samples)} samples chosen from dataset "
                f"{dataset.name!r}; ids look like {samples[0].id!r}"
            )
        wanted |= found
    return [sample for sample in samples if sample.id in wanted]


def _stratify(samples: Sequence[Sample]) -> list[int]:
    """Return the indices of the samples, one of each group in turn."""
    ranks: dict[str, int] = {}
    rounds: defaultdict[str, int] = defaultdict(int)
    keys: list[tuple[int, int]] = []
    for sample in samples:
        keys.append((rounds[sample.group], ranks.setdefault(sample.group, len(ranks))))
        rounds[sample.group] += 1
    return sorted(range(len(keys)), key=keys.__getitem__)
