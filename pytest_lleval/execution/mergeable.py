"""Which runs can be put together: parts of one experiment, divided in one way."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..core.errors import UsageError
from ..core.shards import Shard
from .manifest import TESTS, describe_experiment, list_differences
from .merging import Origin
from .rundir import read_manifest

__all__ = ["RunPart", "read_parts"]

#: settings that decide what is asked; shards must have them in common, as a run that is resumed need not
_CHOICE = ("limit", "sample_ids", "epochs")


@dataclass(frozen=True, kw_only=True)
class RunPart:
    """A run that is to be put together with others."""

    run: Path
    manifest: Mapping[str, Any]

    @property
    def shard(self) -> Shard | None:
        """The shard it is; None of a whole run, and of one that was put together."""
        return Shard.decode(self.manifest["settings"].get("shard"))

    @property
    def merged(self) -> Mapping[str, Any]:
        """What its manifest says of the runs it was put together from; nothing of any other."""
        found: Mapping[str, Any] = self.manifest.get("merged", {})
        return found

    @property
    def shards(self) -> int:
        """How many shards the whole has; 0 where it was not divided."""
        return self.shard.count if self.shard else int(self.merged.get("shards", 0))

    @property
    def present(self) -> list[str]:
        """The shards it holds."""
        return [str(self.shard)] if self.shard else list(self.merged.get("present", ()))

    @property
    def has_nothing(self) -> bool:
        """Whether it is a shard that got no sample, and asked nobody."""
        return self.shard is not None and not any(suite["selected"] for suite in self.manifest["suites"])

    @property
    def origin(self) -> Origin:
        """What its records may be of."""
        return Origin(
            run=self.run,
            label=f" of shard {self.shard}" if self.shard else "",
            suites=frozenset(suite["name"] for suite in self.manifest["suites"]),
            models=frozenset(model["spec"] for model in self.manifest["models"]),
        )

    def describe_choice(self) -> dict[str, Any]:
        """Return what was chosen to be asked, by name, before it was divided."""
        settings = self.manifest["settings"]
        found = {name: settings.get(name) for name in _CHOICE}
        for suite in self.manifest["suites"]:
            whole = suite.get("whole") or {"samples": suite["selected"]}
            found |= {f"{suite['name']} {name} chosen": value for name, value in whole.items()}
        return found


def read_parts(place: str, runs: Sequence[Path]) -> list[RunPart]:
    """Return runs that can be put together, those that hold records first.

    :param place: the command, for messages
    :param runs: their directories
    :raises RunDirectoryError: when a manifest cannot be read
    :raises UsageError: when they are no parts of one run, naming each difference
    """
    parts = [RunPart(run=run, manifest=read_manifest(run)) for run in runs]
    for part in parts:
        if problem := _find_obstacle(part):
            raise UsageError(f"{place}: {part.run} {problem}")
    parts.sort(key=lambda part: part.has_nothing)
    first = parts[0]
    for part in parts[1:]:
        differences = list(_list_differences(first, part))
        if differences:
            raise UsageError(
                f"{place}: {part.run} and {first.run} are no parts of one run ({'; '.join(differences)}); give those "
                "alone that belong together"
            )
    return parts


def _find_obstacle(part: RunPart) -> str:
    """Say why a run can be put together with no other; empty where it can."""
    manifest = part.manifest
    tests = [suite["name"] for suite in manifest["suites"] if suite.get("kind") == TESTS]
    if tests:
        return f"holds eval cases of tests, e.g. {tests[0]!r}, and only suites are put together; leave it out"
    if manifest["settings"].get("matrix") or "matrix" in manifest:
        return "measured a size matrix, whose times are those of one session; leave it out"
    if "rescored_from" in manifest:
        return "was scored again: put the runs together first, then `lleval rescore` the whole"
    if manifest["settings"].get("stop_decided"):
        return "ended when its gates were decided (--lleval-stop=decided), and is no part of anything; leave it out"
    return ""


def _list_differences(first: RunPart, part: RunPart) -> Iterator[str]:
    if first.shards != part.shards:
        yield " and ".join(f"{each.run} is {_name_division(each)}" for each in (first, part))
    old, new = describe_experiment(first.manifest), describe_experiment(part.manifest)
    if part.has_nothing:
        # it asked nobody
        old = {key: value for key, value in old.items() if key in new}
    yield from list_differences(old, new)
    yield from list_differences(first.describe_choice(), part.describe_choice())


def _name_division(part: RunPart) -> str:
    return f"of {part.shards} shards" if part.shards else "not divided into shards"
