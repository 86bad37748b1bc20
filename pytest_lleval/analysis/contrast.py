"""Two runs set against each other: every suite and model of the new one, paired by sample with the base."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from ..core.results import Baseline, Results, SampleResult
from .changes import Change, is_cost, make_reader, measure_change
from .metrics import find_scorer
from .multiplicity import holm

__all__ = ["Contrast", "contrast_runs", "find_flips"]

_FIXED = (("dataset", "dataset"), ("edition", "edition of the dataset"))


@dataclass(frozen=True, kw_only=True, slots=True)
class Contrast:
    """The results of one suite of two runs; `problem` says why they cannot be compared."""

    new: Results
    base: Results | None = None
    problem: str = ""
    change: Change | None = None
    groups: tuple[Change, ...] = ()
    #: of the time of one answer; None where it is not known of both
    latency: Change | None = None


def contrast_runs(
    new: Sequence[Results], base: Baseline, metric: str = "accuracy", *, by_group: bool = False
) -> tuple[Contrast, ...]:
    """Compare a metric of every suite and model of a run with the base's: the same model, else the only one there is.

    P-values are corrected over suites and models, and those of groups over the groups of their suite.

    :param new: of the run
    :param base: what it is compared with
    :param metric: ``accuracy``, the name of a scorer, ``latency_mean``, ``latency_pNN`` or ``cost``
    :param by_group: whether each group is compared too
    """
    found = [_contrast(part, base, metric, by_group=by_group) for part in new]
    measured = [place for place, part in enumerate(found) if part.change is not None]
    corrected = _correct(part.change for part in found if part.change is not None)
    for place, change in zip(measured, corrected, strict=True):
        found[place] = replace(found[place], change=change)
    return tuple(found)


def _contrast(new: Results, base: Baseline, metric: str, *, by_group: bool) -> Contrast:
    part = base.find(new.suite, new.model)
    if part is None:
        models = [known.model for known in base.results if known.suite == new.suite]
        why = f"has it of {', '.join(models)}, none of which is {new.model}" if models else "has no results of it"
        return Contrast(new=new, problem=f"the base {why}")
    problem = _find_obstacle(new, part) or _find_metric_obstacle(metric, new, part)
    pairs = [(found, part.samples[name]) for name, found in sorted(new.samples.items()) if name in part.samples]
    change = None if problem else measure_change(pairs, metric, new, part)
    if change is None:
        problem = problem or f"no sample has {metric} in both runs"
        return Contrast(new=new, base=part, problem=problem)
    groups = _compare_groups(pairs, metric, new, part) if by_group else ()
    latency = measure_change(pairs, "latency_p50", new, part)
    return Contrast(new=new, base=part, change=change, groups=groups, latency=latency)


def _find_obstacle(new: Results, base: Results) -> str:
    """Say why samples of one id are not the same questions; empty when they are."""
    for name, words in _FIXED:
        ours, theirs = new.facts.get(name), base.facts.get(name)
        if ours is not None and theirs is not None and ours != theirs:
            return f"another {words} than the base's: {ours!r}, not {theirs!r}"
    return ""


def _find_metric_obstacle(metric: str, new: Results, base: Results) -> str:
    if is_cost(metric):
        return ""
    for part, whose in ((new, "the new run"), (base, "the base")):
        if part.scorers and find_scorer(metric, part.scorers) is None:
            return f"{whose} has no scorer {metric!r}, only {', '.join(part.scorers)}"
    return ""


def _correct(changes: Iterable[Change]) -> list[Change]:
    known = list(changes)
    return [replace(change, p=p) for change, p in zip(known, holm([change.p for change in known]), strict=True)]


def _compare_groups(
    pairs: Sequence[tuple[SampleResult, SampleResult]], metric: str, new: Results, base: Results
) -> tuple[Change, ...]:
    groups: dict[str, list[tuple[SampleResult, SampleResult]]] = {}
    for pair in pairs:
        groups.setdefault(pair[0].group, []).append(pair)
    if not any(groups):
        return ()
    changes = [(group, measure_change(groups[group], metric, new, base)) for group in sorted(groups)]
    return tuple(_correct(replace(change, group=group) for group, change in changes if change is not None))


def find_flips(contrast: Contrast, metric: str = "accuracy") -> list[tuple[str, float, float]]:
    """Return the samples whose score has changed, with the old and the new one: those that fell first, then by id.

    :param contrast: of a suite
    :param metric: as it was compared by; times and costs have no such samples
    """
    base = contrast.base
    if base is None or contrast.change is None or contrast.change.is_relative:
        return []
    read_new, read_base = make_reader(metric, contrast.new), make_reader(metric, base)
    flips = []
    for name, found in contrast.new.samples.items():
        was, now = read_base(base.samples[name]) if name in base.samples else None, read_new(found)
        if was is not None and now is not None and was != now:
            flips.append((name, was, now))
    return sorted(flips, key=lambda flip: (flip[2] > flip[1], flip[0]))
