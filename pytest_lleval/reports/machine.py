"""The machine-readable report of a run."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from ..core.encoding import SCHEMA_VERSION, encode_disclosure, encode_identity
from .view import RunView

__all__ = ["encode_report"]


def encode_report(view: RunView) -> dict[str, Any]:
    """Return a run's numbers with the disclosures that belong to them, as JSON values."""
    return {
        "schema": SCHEMA_VERSION,
        "suites": [asdict(summary) for summary in view.suites],
        "models": [encode_identity(identity) for identity in view.identities],
        "datasets": [dict(described) for described in view.datasets],
        "disclosures": [encode_disclosure(found) for found in view.disclosures],
        "wall_seconds": round(view.wall, 3),
    }
