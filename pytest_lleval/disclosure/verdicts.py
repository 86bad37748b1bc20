"""How findings and the evidence that there are none make a factor's verdict."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from ..core.records import Disclosure, Factor, Severity, Verdict

__all__ = ["FACTOR_TITLES", "GRAVITY", "find_unacknowledged", "is_trustworthy", "make_verdict", "sort_findings"]

FACTOR_TITLES: Mapping[Factor, str] = {
    "F1": "prompt",
    "F2": "model",
    "F3": "backend",
    "F4": "tokens",
    "F5": "time",
    "E": "environment",
}
#: severities, the gravest first
GRAVITY: Mapping[Severity, int] = {"critical": 0, "warning": 1, "note": 2}


def make_verdict(
    factor: Factor,
    findings: Iterable[Disclosure],
    *,
    clean: str,
    unverified: str = "",
    evidence: Mapping[str, object] | None = None,
) -> Verdict:
    """Return the verdict of a factor: flagged by any finding above a note, else clean unless evidence is missing.

    :param findings: what was found
    :param clean: the sentence for a factor with evidence that nothing is wrong
    :param unverified: why there is no evidence either way; empty when there is
    :param evidence: what was looked at, as JSON values
    """
    found = sort_findings(findings)
    grave = [finding for finding in found if finding.severity != "note"]
    if grave:
        more = f" (and {len(grave) - 1} more)" if len(grave) > 1 else ""
        state, message = "flagged", grave[0].message + more
    elif unverified:
        state, message = "unverified", unverified
    else:
        state, message = "clean", clean
    return Verdict(factor=factor, state=state, message=message, disclosures=found, evidence=dict(evidence or {}))  # type: ignore[arg-type]  # the three states


def sort_findings(findings: Iterable[Disclosure]) -> tuple[Disclosure, ...]:
    """Return findings without repeats, the gravest first."""
    unique: dict[tuple[str, str], Disclosure] = {}
    # of those that read alike the gravest is kept
    for finding in sorted(findings, key=lambda finding: GRAVITY[finding.severity]):
        unique.setdefault((finding.factor, finding.message), finding)
    return tuple(unique.values())


def find_unacknowledged(findings: Iterable[Disclosure], acknowledged: Mapping[str, str]) -> list[Disclosure]:
    """Return the findings above a note whose factor nobody has given a reason for."""
    return [found for found in findings if found.severity != "note" and found.factor not in acknowledged]


def is_trustworthy(verdicts: Sequence[Verdict]) -> bool:
    """Tell whether numbers may be called trustworthy: all six factors have spoken, and all are clean."""
    return {verdict.factor for verdict in verdicts} == set(FACTOR_TITLES) and all(
        verdict.state == "clean" for verdict in verdicts
    )
