"""What asking answers again on other workers has shown, and workers that are not believed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..core.records import Disclosure, Severity
from .sessions import label_sessions, list_workers

__all__ = ["AuditFindings", "Excluded", "find_audit_findings", "list_excluded", "read_audit"]

#: of a session's audit, what is counted
_COUNTS = (
    *("chosen", "asked", "agreed", "same_score", "unlike", "contradicted", "lied", "stale", "unanswered"),
    *("unaudited", "undecided", "same_machine", "void"),
)


@dataclass(frozen=True, kw_only=True)
class AuditFindings:
    """The audits of all sessions of a run; where none was asked for there are no findings."""

    #: of all answers that was to be asked again, in 0..1
    share: float
    #: answers: `chosen` beforehand, calls that `asked` again, and what became of them
    counts: Mapping[str, int]
    #: by worker, how many answers of it were audited, and how many two others contradicted
    workers: Mapping[str, Mapping[str, int]]
    #: answers that two workers contradict each other in, and nobody could decide
    undecided: Sequence[Mapping[str, Any]]
    #: why nothing was audited; empty where something was
    unavailable: str = ""

    @property
    def audited(self) -> int:
        """How many answers were compared with another worker's."""
        names = ("agreed", "same_score", "unlike", "contradicted", "lied", "stale", "undecided")
        return sum(self.counts[name] for name in names)

    @property
    def alike(self) -> int:
        """How many of them were the same, or scored the same."""
        return self.counts["agreed"] + self.counts["same_score"]


@dataclass(frozen=True, kw_only=True)
class Excluded:
    """A worker that is not believed."""

    #: as the manifest describes it
    entry: Mapping[str, Any]
    #: what tells its session from others, to stand behind its name
    label: str


def read_audit(sessions: Sequence[Mapping[str, Any]]) -> AuditFindings | None:
    """Return what the audits of a run have come to; None where none was asked for.

    :param sessions: of the run, as the manifest has them
    """
    tables = [session["audit"] for session in sessions if "audit" in session]
    if not tables:
        return None
    workers: dict[str, Counter[str]] = {}
    for name, found in list_workers(sessions, "audit"):
        workers.setdefault(name, Counter()).update(found)
    reasons = [str(table["unavailable"]) for table in tables if "unavailable" in table]
    return AuditFindings(
        share=float(tables[-1]["share"]),
        counts={name: sum(int(table.get(name, 0)) for table in tables) for name in _COUNTS},
        workers={name: dict(found) for name, found in workers.items()},
        undecided=[found for table in tables for found in table.get("undecided_cases", ())],
        unavailable=reasons[0] if len(reasons) == len(tables) else "",
    )


def list_excluded(sessions: Sequence[Mapping[str, Any]]) -> list[Excluded]:
    """Return the workers that are not believed.

    :param sessions: of the run, as the manifest has them
    """
    return [
        Excluded(entry=entry, label=label)
        for label, session in zip(label_sessions(sessions), sessions, strict=True)
        for entry in session.get("excluded", ())
    ]


def find_audit_findings(audit: AuditFindings | None, excluded: Iterable[Excluded]) -> list[Disclosure]:
    """Find workers that are not believed, and what their audit has shown of the answers.

    :param audit: of the run; None where none was asked for
    :param excluded: workers of the run
    """
    found = [_describe_excluded(worker) for worker in excluded]
    if audit is not None:
        found += _find_gaps(audit)
        found += _judge_answers(audit)
    return found


def _describe_excluded(excluded: Excluded) -> Disclosure:
    worker = excluded.entry
    host = f" on host {worker['host']}" if worker["host"] else ""
    name = f"worker {worker['worker']}{host}{excluded.label}"
    tests = f"; {worker['tests']:,} tests it has run are not" if worker["tests"] else ""
    message = (
        f"{worker['reason']}: it is excluded; {worker['cases']:,} cases of {name} are void and were asked again{tests}"
    )
    return Disclosure(factor="E", severity="critical", message=message, evidence=dict(worker))


def _find_gaps(audit: AuditFindings) -> Iterator[Disclosure]:
    if audit.unavailable:
        message = f"no answer was audited: {audit.unavailable}"
        yield Disclosure(factor="E", severity="warning", message=message)
    undecided = audit.counts["undecided"]
    if undecided:
        first = audit.undecided[0]
        named = " and ".join(first["workers"])
        message = (
            f"workers {named} say different things of the {first['about']} of {first['case']}"
            + (f" (and {undecided - 1:,} more)" if undecided > 1 else "")
            + ": one of them lies or is broken, and no third worker could decide which"
        )
        yield Disclosure(factor="E", severity="critical", message=message, evidence={"cases": list(audit.undecided)})
    missed = audit.counts["unaudited"] + audit.counts["unanswered"]
    if missed:
        message = f"{missed:,} of the answers to be audited could not be asked again on another worker"
        yield Disclosure(factor="E", severity="warning", message=message)
    same = audit.counts["same_machine"]
    if same:
        message = (
            f"{same:,} answers were audited by a worker of the same host: its faults show, and lies of its owner do not"
        )
        yield Disclosure(factor="E", severity="note", message=message)


def _judge_answers(audit: AuditFindings) -> Iterator[Disclosure]:
    counts = audit.counts
    judged = audit.audited - counts["lied"] - counts["undecided"] - counts["stale"]
    if not judged:
        return
    other = counts["unlike"] + counts["contradicted"]
    parts = [f"{counts['agreed']:,} of {judged:,} answers were the same"]
    parts += [f"{counts['same_score']:,} others scored the same"] if counts["same_score"] else []
    parts += [f"{other:,} scored otherwise"] if other else []
    severity: Severity = "warning" if other else "note"
    message = f"asked again on another worker, {', '.join(parts)}"
    yield Disclosure(factor="S", severity=severity, message=message, evidence=dict(counts))
    if counts["stale"]:
        message = f"{counts['stale']:,} answers of the response cache are not what the model says now"
        yield Disclosure(factor="S", severity="warning", message=message)
