"""What a process that asks must know of the run: known to the controller, carried to workers as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..core.encoding import encode_identity
from ..core.records import BackendIdentity
from ..core.settings import Settings
from .cache_key import scope_of

__all__ = ["Attached", "RunContext"]


@dataclass(frozen=True, kw_only=True)
class Attached:
    """What is known of the models once they have proven themselves; workers hear it later than the rest."""

    #: what the response cache knows each model by; None where its answers are never cached
    scopes: Mapping[str, str | None] = field(default_factory=dict)
    #: models that run inside the process that asks, and can take it down with them
    inside: frozenset[str] = frozenset()
    #: the models' identities as JSON values, against which answers are held
    identities: tuple[Mapping[str, Any], ...] = ()

    @classmethod
    def describe(cls, identities: Iterable[BackendIdentity]) -> Attached:
        """Return what matters of the models' identities."""
        known = tuple(identities)
        return cls(
            scopes={identity.spec: scope_of(identity) for identity in known},
            inside=frozenset(identity.spec for identity in known if identity.kind == "callable"),
            identities=tuple(encode_identity(identity) for identity in known),
        )

    def encode(self) -> str:
        """Return it as JSON."""
        found = {"scopes": dict(self.scopes), "inside": sorted(self.inside), "identities": self.identities}
        return json.dumps(found, default=str)

    @classmethod
    def decode(cls, text: str) -> Attached:
        """Read what `encode` wrote."""
        raw: dict[str, Any] = json.loads(text)
        return cls(scopes=raw["scopes"], inside=frozenset(raw["inside"]), identities=tuple(raw["identities"]))


@dataclass(frozen=True, kw_only=True)
class RunContext:
    """What a process that asks must know of the run."""

    settings: Settings
    #: suite name to the digest of its dataset
    digests: Mapping[str, str] = field(default_factory=dict)
    #: how to reach the model servers, by model name
    connections: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    #: case and epoch of what the run has already
    done: frozenset[tuple[str, int]] = frozenset()
    #: how many processes share the run
    workers: int = 1
    #: requests this process may have in flight, by model name; empty for an even share
    share: Mapping[str, int] = field(default_factory=dict)
    #: the process of the controller, whose descendants are this run
    root: int = 0
    #: the host this process is on; empty for the controller's machine
    host: str = ""

    def encode(self) -> str:
        """Return the context as JSON."""
        return json.dumps(
            {
                "settings": self.settings.encode(),
                "digests": dict(self.digests),
                "connections": {name: dict(known) for name, known in self.connections.items()},
                "done": sorted(self.done),
                "workers": self.workers,
                "share": dict(self.share),
                "root": self.root,
                "host": self.host,
            }
        )

    @classmethod
    def decode(cls, text: str) -> RunContext:
        """Read what `encode` wrote."""
        raw: dict[str, Any] = json.loads(text)
        return cls(
            settings=Settings.decode(raw["settings"]),
            digests=raw["digests"],
            connections=raw["connections"],
            done=frozenset((case, epoch) for case, epoch in raw["done"]),
            workers=raw["workers"],
            share=raw["share"],
            root=raw["root"],
            host=raw["host"],
        )
