"""What part of a run its numbers are of, where they are not of the whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ..analysis.tally import Tally
from ..core.records import Disclosure
from ..core.shards import Shard

__all__ = ["Part", "disclose_part", "find_part"]

_NAMED = 5


class Part(NamedTuple):
    """Says that numbers are of a part."""

    #: as it stands beside them: ``shard 2/8``, or ``incomplete``
    name: str
    #: in a sentence
    message: str
    #: whether the rest is somewhere else; else it is lost
    is_shard: bool


def find_part(manifest: Mapping[str, Any], tallies: Sequence[Tally]) -> Part | None:
    """Return what part of its run a shard is, or what a run that was put together lacks; None of any other.

    :param manifest: of the run
    :param tallies: its records
    """
    shard = Shard.decode(manifest["settings"].get("shard"))
    if shard is not None:
        return _describe_shard(shard, manifest["suites"])
    if "merged" not in manifest:
        return None
    chosen = sum(suite["selected"] for suite in manifest["suites"])
    missing = sum(_count_missing(suite, manifest["models"], tallies) for suite in manifest["suites"])
    if not missing:
        return None
    absent = _name_shards(manifest["merged"]["absent"])
    why = f": {absent} not among the runs" if absent else ", in runs that were interrupted"
    message = f"incomplete: {missing:,} of the {chosen:,} samples that were chosen have no record{why}"
    return Part("incomplete", message, is_shard=False)


def _describe_shard(shard: Shard, suites: Sequence[Mapping[str, Any]]) -> Part:
    own = sum(suite["selected"] for suite in suites)
    chosen = sum(suite["whole"]["samples"] for suite in suites)
    share = f"{own:,} of the {chosen:,} samples that were chosen"
    if not own:
        share = f"none of the {chosen:,} samples that were chosen, there are more shards than samples"
    return Part(f"shard {shard}", f"shard {shard} of a run: {share}", is_shard=True)


def _count_missing(suite: Mapping[str, Any], models: Sequence[Mapping[str, Any]], tallies: Sequence[Tally]) -> int:
    """Return how many samples one model or another was not asked."""
    asked = {part.model: len(set(part["sample"])) for part in tallies if part.suite == suite["name"]}
    fewest = min((asked.get(model["spec"], 0) for model in models), default=0)
    return max(0, int(suite["selected"]) - fewest)


def _name_shards(names: Sequence[str]) -> str:
    """Return shards with their verb: ``shard 3/8 is``, ``shards 3/8 and 5/8 are``; empty for none."""
    if not names:
        return ""
    if len(names) == 1:
        return f"shard {names[0]} is"
    few, rest = names[:_NAMED], len(names) - _NAMED
    listed = f"{', '.join(few)} and {rest:,} more" if rest > 0 else f"{', '.join(names[:-1])} and {names[-1]}"
    return f"shards {listed} are"


def disclose_part(part: Part) -> Disclosure:
    """Return the finding: a note of a shard, which is what was asked for, else a warning."""
    if part.is_shard:
        message = f"{part.message}; `lleval merge` puts the shards together"
        return Disclosure(factor="D", severity="note", message=message)
    return Disclosure(factor="D", severity="warning", message=part.message)
