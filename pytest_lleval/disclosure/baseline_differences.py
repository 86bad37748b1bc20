"""What makes a run another experiment than the baseline it is compared with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..core.records import Disclosure
from ..core.results import Baseline, Results
from .evidence import warn

__all__ = ["find_baseline_differences"]


def find_baseline_differences(new: Results, baseline: Baseline, *, has_prompts: bool) -> Iterator[Disclosure]:
    """Yield what is not the same in a run and its baseline, and what made the baseline doubtful.

    :param new: the run's results of one suite and model
    :param baseline: what it is compared with
    :param has_prompts: whether prompts themselves are compared elsewhere, as those of two runs are
    """
    base = baseline.find(new.suite, new.model)
    if base is None:
        yield _disclose("D", f"{new.suite}: the baseline has no results of it: nothing was compared")
        return
    yield from _compare_samples(new, base)
    yield from _compare_facts(new, base)
    if not has_prompts:
        yield from _compare_prompts(new, base)
    flagged = sorted({found.factor for found in baseline.disclosures})
    if flagged:
        yield _disclose("D", f"the baseline itself was made with findings of {', '.join(flagged)}; see its file")


def _compare_samples(new: Results, base: Results) -> Iterator[Disclosure]:
    shared = len(new.samples.keys() & base.samples.keys())
    only_new, only_base = len(new.samples) - shared, len(base.samples) - shared
    if only_new:
        yield _disclose("D", f"{new.suite}: {only_new:,} samples are not in the baseline and were not compared")
    if only_base:
        message = f"{new.suite}: {only_base:,} of the baseline's {len(base.samples):,} samples were not in this run"
        yield Disclosure(factor="D", severity="note", message=f"{message}; {shared:,} were compared")
    if base.unscored:
        count = sum(base.unscored.values())
        yield _disclose("D", f"{new.suite}: {count:,} answers of the baseline could not be scored")


def _compare_facts(new: Results, base: Results) -> Iterator[Disclosure]:
    if new.facts.get("digest") != base.facts.get("digest"):
        yield _disclose("D", f"{new.suite}: the dataset has changed since the baseline was saved (another digest)")
    for name in ("settings", "parameters"):
        if changed := _list_changes(base.facts.get(name) or {}, new.facts.get(name) or {}):
            yield _disclose("D", f"{new.suite}: {name} differ from the baseline's: {changed}")
    if new.model != base.model:
        yield Disclosure(
            factor="F2", severity="note", message=f"{new.model} is compared with {base.model}, the baseline's model"
        )
    elif new.facts.get("served_model") != base.facts.get("served_model"):
        message = f"{new.model}: {new.facts.get('served_model')!r} answers, {base.facts.get('served_model')!r} did"
        yield Disclosure(factor="F2", severity="warning", message=f"{message} when the baseline was saved")


def _list_changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    names = [name for name in sorted(old.keys() | new.keys()) if old.get(name) != new.get(name)]
    return ", ".join(f"{name} was {old.get(name)!r}, is {new.get(name)!r}" for name in names)


def _compare_prompts(new: Results, base: Results) -> Iterator[Disclosure]:
    known = [
        (name, found.prompt, base.samples[name].prompt)
        for name, found in new.samples.items()
        if name in base.samples and found.prompt and base.samples[name].prompt
    ]
    changed = sorted(name for name, ours, theirs in known if ours != theirs)
    if changed:
        message = f"{new.model}: {len(changed):,} of {len(known):,} prompts are others than in the baseline"
        yield warn("F1", f"{message} (first: {new.suite}::{changed[0]})", {"changed": len(changed)})


def _disclose(factor: str, message: str) -> Disclosure:
    return Disclosure(factor=factor, severity="warning", message=message)
