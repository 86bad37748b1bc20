"""The audit of a run as reports show it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..disclosure.audits import AuditFindings, Excluded

__all__ = ["encode_audit", "encode_excluded", "tell_audit"]

_EXCLUDED = ("worker", "host", "reason", "cases", "tests")


def tell_audit(audit: AuditFindings | None, excluded: Sequence[Excluded]) -> list[str]:
    """Return sentences on the audit: how many answers were asked again, what they came to, and who was excluded."""
    told = []
    if audit is not None and audit.unavailable:
        told.append(f"nothing was audited: {audit.unavailable}")
    elif audit is not None:
        told.append(
            f"{audit.audited:,} answers asked again on another worker ({audit.counts['asked']:,} calls more), "
            f"{audit.alike:,} alike"
        )
    told += [f"excluded{worker.label}: {worker.entry['reason']}" for worker in excluded]
    return told


def encode_audit(audit: AuditFindings | None) -> dict[str, Any] | None:
    """Return the audit as JSON values; None where none was asked for."""
    if audit is None:
        return None
    return {
        "share": audit.share,
        **audit.counts,
        "workers": {name: dict(found) for name, found in audit.workers.items()},
        "undecided_cases": [dict(found) for found in audit.undecided],
        "unavailable": audit.unavailable,
    }


def encode_excluded(excluded: Sequence[Excluded]) -> list[dict[str, Any]]:
    """Return workers that are not believed as JSON values."""
    return [{name: worker.entry[name] for name in _EXCLUDED} for worker in excluded]
