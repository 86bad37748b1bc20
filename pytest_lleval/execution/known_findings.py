"""What a run shows of known failures: which failed as known, which do not fail any more, which have expired."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ..core.records import Disclosure, Severity
from .known_failures import KnownFailure, KnownFailures, fits_glob

__all__ = ["Happened", "KnownFindings", "disclose_known_failures", "examine_known_failures"]

_SHOWN = 5
_CLIPPED = 120


class Happened(NamedTuple):
    """What became of one epoch of one case; `value` is its primary score, None where it is unscored."""

    case: str
    suite: str
    sample: str
    model: str
    value: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class KnownFindings:
    """The known failures of a file, by what a run has shown of them."""

    file: str
    #: whose last day is over
    expired: tuple[KnownFailure, ...] = ()
    #: of which every sample that ran was right
    mended: tuple[KnownFailure, ...] = ()
    #: that are about nothing which the run asked
    unmatched: tuple[KnownFailure, ...] = ()
    #: the cases that failed as known, each with what excuses it
    failed: tuple[tuple[str, KnownFailure], ...] = ()


def examine_known_failures(known: KnownFailures, happened: Iterable[Happened], *, full: bool = False) -> KnownFindings:
    """Compare known failures with what happened.

    A case fails when its score is below 1. One without a score has neither failed nor been right, so what it would have
    shown stays open.

    :param happened: every epoch of every case; the models and suites in it are those the run is about
    :param full: whether all samples of these suites were asked, so that what matches nothing is a mistake
    """
    if not known.entries:
        return KnownFindings(file=known.file)
    values: dict[int, list[float | None]] = {entry.number: [] for entry in known.entries}
    failed: dict[str, KnownFailure] = {}
    seen: set[tuple[str, str]] = set()
    for row in happened:
        # of a test it is the file
        seen.add((row.suite.partition("::")[0], row.model))
        matching = [entry for entry in known.entries if entry.matches(*row[:4])]
        for entry in matching:
            values[entry.number].append(row.value)
        found = next((entry for entry in matching if not entry.is_expired(known.today)), None)
        if found is not None and row.value is not None and row.value < 1:
            failed.setdefault(row.case, found)
    current = [entry for entry in known.entries if not entry.is_expired(known.today)]
    return KnownFindings(
        file=known.file,
        expired=tuple(entry for entry in known.entries if entry.is_expired(known.today)),
        mended=tuple(entry for entry in current if _all_right(values[entry.number])),
        unmatched=tuple(entry for entry in current if full and not values[entry.number] and _concerns(entry, seen)),
        failed=tuple(failed.items()),
    )


def disclose_known_failures(findings: KnownFindings) -> tuple[Disclosure, ...]:
    """Return the findings for the reports, one a kind: warnings where the file must be changed, else notes."""
    return tuple(_disclose(findings))


def _disclose(findings: KnownFindings) -> Iterator[Disclosure]:
    kinds: tuple[tuple[Severity, tuple[KnownFailure, ...], str, str], ...] = (
        ("warning", findings.expired, "have expired and excuse nothing", "mend what fails, or set a later day"),
        ("warning", findings.mended, "do not fail any more", "take them out of the file"),
        ("note", findings.unmatched, "match no sample of this run", "correct their names"),
    )
    for severity, entries, what, way_out in kinds:
        if entries:
            shown = _join([_name_entry(entry) for entry in entries])
            message = f"known failures that {what} ({len(entries):,} in {findings.file}): {shown}; {way_out}"
            yield _make(severity, message, entries)
    if findings.failed:
        shown = _join([f"{_clip(case)} ({_clip(entry.reason)})" for case, entry in findings.failed])
        message = f"cases that failed as known and count as wrong ({len(findings.failed):,}): {shown}"
        evidence = {case: entry.reason for case, entry in findings.failed}
        yield Disclosure(factor="A", severity="note", message=message, evidence={"cases": evidence})


def _make(severity: Severity, message: str, entries: Sequence[KnownFailure]) -> Disclosure:
    listed = [
        {
            "number": entry.number,
            "sample": entry.sample,
            "model": entry.model,
            "reason": entry.reason,
            "expires": entry.expires.isoformat() if entry.expires else None,
        }
        for entry in entries
    ]
    return Disclosure(factor="A", severity=severity, message=message, evidence={"failures": listed})


def _all_right(values: Sequence[float | None]) -> bool:
    return bool(values) and all(value is not None and value >= 1 for value in values)


def _concerns(entry: KnownFailure, seen: Iterable[tuple[str, str]]) -> bool:
    """Tell whether an entry is about a suite and a model of the run, as far as it names them."""
    head = entry.sample.partition("::")[0] if "::" in entry.sample else "*"
    return any(fits_glob(head, suite) and fits_glob(entry.model, model) for suite, model in seen)


def _name_entry(entry: KnownFailure) -> str:
    until = f", until {entry.expires}" if entry.expires else ""
    return f"failure {entry.number} ({_clip(entry.sample)}: {_clip(entry.reason)}{until})"


def _join(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN:,} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def _clip(text: str) -> str:
    return text if len(text) <= _CLIPPED else text[: _CLIPPED - 1] + "…"
