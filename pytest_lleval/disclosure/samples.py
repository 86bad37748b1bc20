"""What makes one answer doubtful, as far as that answer alone can tell; the rest is told by all of them together."""

from __future__ import annotations

from dataclasses import dataclass

from ..core.records import BackendIdentity, BackendKind, Completion, Trace
from .evidence import list_omitted

__all__ = ["Expected", "flag_answer"]

_TOKEN_SECONDS = 1e-4


@dataclass(frozen=True, kw_only=True)
class Expected:
    """What answers of a model are held against."""

    served_model: str
    kind: BackendKind
    round_trip: float | None = None
    #: parameters that are left out on purpose
    omitted: frozenset[str] = frozenset()

    @classmethod
    def of(cls, identity: BackendIdentity) -> Expected:
        """Return what was seen when a model was attached."""
        trip = identity.evidence.get("round_trip")
        return cls(
            served_model=identity.served_model,
            kind=identity.kind,
            round_trip=trip if isinstance(trip, float) else None,
            omitted=list_omitted(identity),
        )


def flag_answer(completion: Completion, expected: Expected) -> tuple[str, ...]:
    """Return the factors that an answer makes doubtful, in their order.

    :param completion: the answer
    :param expected: what it is held against
    """
    trace, spent = completion.trace, completion.timing.total - (completion.timing.connect or 0.0)
    fresh = not completion.cached
    sooner = expected.round_trip is not None and expected.round_trip > 1e-3 and spent < 0.8 * expected.round_trip
    fast = spent < _TOKEN_SECONDS * (completion.usage.output_tokens or 0)
    flags = {
        "F1": trace is not None and _is_altered(trace, expected.omitted),
        "F2": completion.model != expected.served_model,
        "F3": expected.kind == "mock" or completion.cached or (fresh and (sooner or fast)),
        "F5": fresh and bool((trace and trace.claimed) or sooner),
    }
    return tuple(factor for factor, flagged in flags.items() if flagged)


def _is_altered(trace: Trace, omitted: frozenset[str]) -> bool:
    return "prompt" in trace.altered or not omitted.issuperset(trace.altered.get("sampling", ()))
