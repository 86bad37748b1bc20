"""What two runs are compared by: the results of each, and what makes them doubtful."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..core.records import Disclosure, Verdict
from ..core.results import Baseline
from ..disclosure.baseline_differences import find_baseline_differences
from ..disclosure.evidence import RunEvidence
from ..disclosure.models import judge_models
from ..disclosure.prompts import judge_prompts
from ..disclosure.sessions import list_workers
from ..disclosure.stability import judge_environment
from ..disclosure.verdicts import sort_findings
from ..execution.rundir import read_manifest
from .results import collect_results
from .view import RunReader, load_baseline, load_view

__all__ = ["Side", "find_differences", "read_side"]


@dataclass(frozen=True, kw_only=True)
class Side:
    """One of the two: a run, or a baseline file."""

    baseline: Baseline
    #: what was seen of it; None of a file, which holds neither texts nor calls
    seen: RunEvidence | None = None
    #: of the six factors; none of a file
    verdicts: Sequence[Verdict] = ()
    findings: Sequence[Disclosure] = ()

    @property
    def run(self) -> Path | None:
        """The run directory; None of a file."""
        return Path(self.baseline.place) if self.seen is not None else None


def read_side(place: Path) -> Side:
    """Read one of the two.

    :param place: a run directory or a baseline file
    :raises LlevalError: when it cannot be read
    """
    if place.is_file():
        baseline = load_baseline(place)
        return Side(baseline=baseline, findings=baseline.disclosures)
    reader = RunReader(place)
    tallies, seen = reader.finish()
    view = load_view(place, None, reader)
    results = collect_results(read_manifest(place), tallies, seen, view.part)
    return Side(
        baseline=Baseline(place=str(place), results=results),
        seen=seen,
        verdicts=view.verdicts,
        findings=view.disclosures,
    )


def find_differences(new: Side, base: Side) -> tuple[Disclosure, ...]:
    """Return what is not the same in the two: data, settings, prompts, models and machines; the gravest first."""
    found: list[Disclosure] = []
    both_seen = new.seen is not None and base.seen is not None
    for part in new.baseline.results:
        found += find_baseline_differences(part, base.baseline, has_prompts=both_seen)
        before = base.baseline.find(part.suite, part.model)
        versions = before and before.facts.get("version"), part.facts.get("version")
        if None not in versions and versions[0] != versions[1]:
            message = f"{part.suite}: another task version: it was {versions[0]!r}, is {versions[1]!r}"
            found.append(Disclosure(factor="D", severity="warning", message=message))
    if new.seen is not None and base.seen is not None:
        found += _find_seen_differences(new.seen, base.seen)
    return sort_findings(found)


def _find_seen_differences(new: RunEvidence, base: RunEvidence) -> Iterator[Disclosure]:
    """Yield what the factors find when they know the other run, and not without it."""
    ours, theirs = dict(list_workers(new.sessions)), dict(list_workers(base.sessions))
    judged = [(judge(new), judge(new, base)) for judge in (judge_prompts, judge_models)]
    judged.append((judge_environment(ours), judge_environment(ours, baseline=theirs)))
    for alone, together in judged:
        known = {found.message for found in alone.disclosures}
        yield from (found for found in together.disclosures if found.message not in known)
