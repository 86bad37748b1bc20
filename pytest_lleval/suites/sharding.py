"""Which of the chosen samples belong to one shard of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..core.records import Sample
from ..core.shards import Shard
from ..support.digest import digest_json, digest_parts

__all__ = ["digest_choice", "take_shard"]


def take_shard(chosen: Mapping[str, Sequence[Sample]], shard: Shard) -> dict[str, tuple[Sample, ...]]:
    """Return a shard's samples of each suite, in their order; all shards together have every sample once.

    Samples are dealt out like cards: suite by suite and group by group in the order of their names, and within a group
    in the order of the digests of suite and sample id. So the shards of a group, of a suite and of the whole run differ
    by one sample at most, and nothing but the names of what was chosen decides who gets what.

    :param chosen: by suite, what was selected before
    :param shard: the one whose samples are wanted
    """
    dealt = 0
    taken: dict[str, tuple[Sample, ...]] = dict.fromkeys(chosen, ())
    for suite in sorted(chosen):
        samples = chosen[suite]
        order = sorted(range(len(samples)), key=lambda number: _rank(suite, samples[number]))
        mine = sorted(order[(shard.index - 1 - dealt) % shard.count :: shard.count])
        taken[suite] = tuple(samples[number] for number in mine)
        dealt += len(samples)
    return taken


def _rank(suite: str, sample: Sample) -> tuple[str, str, str]:
    return sample.group, digest_json([suite, sample.id]), sample.id


def digest_choice(samples: Sequence[Sample]) -> str:
    """Return the sha256 over the ids of samples, whatever their order, as 64 hex digits."""
    return digest_parts(sorted(sample.id for sample in samples))
