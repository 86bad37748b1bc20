"""The machine-readable report of a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from ..core.encoding import SCHEMA_VERSION, encode_disclosure, encode_identity, encode_verdict
from ..support.digest import digest_json
from .audits import encode_audit, encode_excluded
from .view import RunView

if TYPE_CHECKING:
    from .matrix import MatrixView

__all__ = ["encode_report", "is_intact"]


def encode_report(view: RunView) -> dict[str, Any]:
    """Return a run's numbers with the disclosures that belong to them, as JSON values.

    ``digest`` is the sha256 of everything else: numbers whose notes were removed do not match it any more.
    """
    report: dict[str, Any] = {
        "schema": SCHEMA_VERSION,
        "suites": [asdict(summary) for summary in view.suites],
        "models": [encode_identity(identity) for identity in view.identities],
        "datasets": [dict(described) for described in view.datasets],
        "part": view.part._asdict() if view.part else None,
        "gates": [asdict(found) for found in view.gates],
        "canaries": list(view.canaries),
        "audit": encode_audit(view.audit),
        "excluded": encode_excluded(view.excluded),
        "trustworthy": view.trustworthy,
        "factors": [encode_verdict(verdict) for verdict in view.verdicts],
        "disclosures": [encode_disclosure(found) for found in view.disclosures],
        "acknowledged": dict(view.acknowledged),
        "matrix": _encode_matrix(view.matrix),
        "baseline": view.baseline,
        "hosts": list(view.hosts),
        "wall_seconds": round(view.wall, 3),
        "cpu_seconds": round(view.cpu, 3),
    }
    return {**report, "digest": digest_json(report)}


def _encode_matrix(view: MatrixView | None) -> dict[str, Any] | None:
    if view is None:
        return None
    from .matrix import encode_matrix  # every session would end later for it

    return encode_matrix(view)


def is_intact(report: Mapping[str, Any]) -> bool:
    """Tell whether a report still matches its digest."""
    try:
        return report.get("digest") == digest_json({name: value for name, value in report.items() if name != "digest"})
    except ValueError:
        # numbers that JSON does not have, which no report is written with
        return False
