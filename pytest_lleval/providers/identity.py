"""What a backend's own answers say about who answers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ..core.records import Disclosure, Severity

__all__ = ["Listing", "check_listed", "check_served", "find_mock"]

_DATED = re.compile(r"[-@:.](20\d{2}-?[01]\d-?[0-3]\d|[01]\d[0-3]\d)$")
# The start of a word, so that a "hammock" is no mock but "mockserver/1.0" is.
_MOCK = re.compile(r"(?<![a-z])mock", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True, slots=True)
class Listing:
    """What ``GET /models`` answered."""

    ids: tuple[str, ...] = ()
    owners: tuple[str, ...] = ()
    contexts: Mapping[str, int] | None = None

    @classmethod
    def read(cls, body: object) -> Listing | None:
        """Read the body of ``GET /models``; None where it is no list of models."""
        rows = body.get("data") if isinstance(body, Mapping) else None
        if not isinstance(rows, list):
            return None
        entries = [row for row in rows if isinstance(row, Mapping) and isinstance(row.get("id"), str)]
        owners = (row.get("owned_by") for row in entries)
        return cls(
            ids=tuple(str(row["id"]) for row in entries),
            owners=tuple(sorted({owner for owner in owners if isinstance(owner, str)})),
            contexts={str(row["id"]): size for row in entries if (size := _read_context(row))},
        )

    def find_context(self, model: str) -> int | None:
        """Return how many tokens fit into the context of `model`, where the server says so."""
        return (self.contexts or {}).get(model)


def _read_context(row: Mapping[str, object]) -> int | None:
    # vLLM says the first, OpenRouter and others the second.
    size = row.get("max_model_len") or row.get("context_length")
    return size if isinstance(size, int) and size > 0 else None


def check_served(requested: str, served: Sequence[str]) -> tuple[Disclosure, ...]:
    """Compare the model asked for with those that answered (factor F2).

    :param requested: the id that was sent
    :param served: the ids the responses carry, an empty one where a response names none
    """
    found = tuple(dict.fromkeys(served))
    evidence: dict[str, object] = {"requested": requested, "served": list(found)}
    if found == (requested,):
        return ()
    if not all(found):
        return (_disclose("warning", f"the server does not say which model answered for {requested!r}", evidence),)
    if len(found) > 1:
        names = " and ".join(repr(name) for name in found)
        return (_disclose("warning", f"{requested!r} was asked for and {names} answered in turn", evidence),)
    if _is_dated_alias(requested, found[0]):
        return (_disclose("note", f"{requested!r} is an alias; its dated version {found[0]!r} answered", evidence),)
    return (_disclose("warning", f"{requested!r} was asked for and {found[0]!r} answered", evidence),)


def check_listed(requested: str, served: str, listed: Sequence[str]) -> tuple[Disclosure, ...]:
    """Doubt a server that says the model asked for has answered, and lists others alone (factor F2).

    :param listed: the ids it lists, none where it has no list
    """
    # lists have tags and owners that requests may leave out: llama3 is llama3:latest
    known = any(requested in (name, name.partition(":")[0], name.rpartition("/")[2]) for name in listed)
    if not listed or known or served != requested or any(_is_dated_alias(requested, name) for name in listed):
        return ()
    names = ", ".join(repr(name) for name in listed[:3]) + (" …" if len(listed) > 3 else "")
    message = f"{requested!r} was asked for and is said to have answered, but the server lists {names} alone"
    return (_disclose("warning", message, {"requested": requested, "listed": list(listed[:20])}),)


def _disclose(severity: Severity, message: str, evidence: Mapping[str, object]) -> Disclosure:
    return Disclosure(factor="F2", severity=severity, message=message, evidence=evidence)


def _is_dated_alias(requested: str, served: str) -> bool:
    undated = _DATED.sub("", served)
    return undated != served and undated == requested.removesuffix("-latest")


def find_mock(evidence: Mapping[str, Iterable[str | None]]) -> Disclosure | None:
    """Return the disclosure of a server that declares itself a mock (factor F3), or None.

    :param evidence: what was read where, e.g. ``{"server header": ["mockserver/1.0"]}``
    """
    found = {
        place: word for place, words in evidence.items() for word in words if word is not None and _MOCK.search(word)
    }
    if not found:
        return None
    said = " and ".join(f"{place} {word!r}" for place, word in found.items())
    return Disclosure(
        factor="F3",
        severity="critical",
        message=f"a mock answers, no model was asked: the server declares itself one by its {said}",
        evidence=found,
    )
