"""What a backend has shown before a run: once, or in each of the sessions that a run was put together from."""

from __future__ import annotations

from dataclasses import replace

from ..core.records import OTHERS, BackendIdentity

__all__ = ["list_attachments"]


def list_attachments(identity: BackendIdentity) -> list[BackendIdentity]:
    """Return an identity once for each kind of evidence it has given; what one session saw is true of the whole run."""
    others = identity.evidence.get(OTHERS, ())
    if not isinstance(others, (list, tuple)):
        return [identity]
    return [identity, *(replace(identity, evidence=evidence) for evidence in others)]
