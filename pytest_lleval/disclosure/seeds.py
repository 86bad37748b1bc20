"""What seeds were worth: whether they were sent, kept, and whether the same question got the same answer."""

from __future__ import annotations

from typing import Any

from ..core.records import Disclosure, Severity
from .evidence import RunEvidence

__all__ = ["find_seed_findings"]

#: of log probabilities: what changes the order of additions and nothing else
_NOISE = 1e-4


def find_seed_findings(run: RunEvidence) -> list[Disclosure]:
    """Report how often the same request got the same answer, and code that took seeds into its own hands.

    :param run: what was seen of the run
    """
    found: list[Disclosure] = []
    for identity in run.identities:
        checks = run.incidents.seed_checks.get(identity.spec, [])
        if checks:
            same = sum(check.same_text for check in checks)
            differences = [check.logprob_difference for check in checks if check.logprob_difference is not None]
            largest = max(differences, default=None)
            said = "" if largest is None else f", log probabilities differed by {largest:.2g} at most"
            severity: Severity = "note" if same == len(checks) and (largest or 0.0) <= _NOISE else "warning"
            message = (
                f"{identity.spec}: asked again with the same seed, {same:,} of {len(checks):,} answers were the same"
                f"{said}"
            )
            evidence: dict[str, object] = {"asked": len(checks), "same": same, "logprob_difference": largest}
            found.append(_disclose(severity, message, evidence))
        # a temperature that is left to the server is hardly ever 0
        elif (run.rows.of_model(identity.spec, fresh=False)["temperature"] != 0).any():
            message = (
                f"{identity.spec}: answers are sampled; whether it keeps its seeds was not measured "
                "(--lleval-check-seed=N)"
            )
            found.append(_disclose("note", message, {}))
    reseeded: dict[str, Any] = {}
    for session in run.sessions:
        for place, count in session.get("reseeded", {}).items():
            reseeded[place] = reseeded.get(place, 0) + count
    for place, count in sorted(reseeded.items()):
        message = f"{place} seeds a global random generator itself ({count:,} times): its numbers are not this run's"
        found.append(_disclose("warning", message, {"place": place, "count": count}))
    return found


def _disclose(severity: Severity, message: str, evidence: dict[str, object]) -> Disclosure:
    return Disclosure(factor="S", severity=severity, message=message, evidence=evidence)
