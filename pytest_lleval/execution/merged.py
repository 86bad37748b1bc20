"""How a run is described that was put together from others."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from ..core.encoding import encode_disclosure
from ..core.records import OTHERS, Disclosure
from ..core.settings import OF_ONE_SESSION, Settings
from ..providers.canary import is_proof
from .mergeable import RunPart
from .merging import Content, JournalMerger

__all__ = ["describe_merged"]

#: settings by which numbers are judged; where runs differ in them, those of the first one count
_RULES = ("gates", "comparisons", "baseline", "unscored_allowed", "strict", "acknowledged")
#: what a session was told that is about nothing but this session
_OWN = {name: getattr(Settings(), name) for name in ("shard", "save_baseline", *OF_ONE_SESSION)}


def describe_merged(
    parts: Sequence[RunPart], contents: Sequence[Content], merger: JournalMerger, made: float | None = None
) -> dict[str, Any]:
    """Return the manifest of a run that was put together, in JSON values.

    :param parts: the runs it was put together from
    :param contents: what was taken of each
    :param merger: that has taken it
    :param made: when; now by default
    """
    first = parts[0].manifest
    manifests = [part.manifest for part in parts]
    described = {
        **first,
        "created": min(manifest["created"] for manifest in manifests),
        "settings": {**first["settings"], **_OWN},
        "suites": [_widen(suite) for suite in first["suites"]],
        "models": _join_models(manifests),
        "disclosures": _list_unique(
            [found for manifest in manifests for found in manifest["disclosures"]] + _disclose_rules(parts),
            lambda found: found["message"],
        ),
        "sessions": _list_unique([_settle(session) for manifest in manifests for session in manifest["sessions"]]),
        "merged": {**_describe_runs(parts, contents, merger), "made": time.time() if made is None else made},
    }
    for key in ("baseline", "known_failures", "canaries"):
        found = next((manifest[key] for manifest in manifests if key in manifest), None)
        if found is not None:
            described[key] = found
    return described


def _widen(suite: Mapping[str, Any]) -> dict[str, Any]:
    """Return the description of a suite with all samples that were chosen."""
    return {**suite, "selected": suite["whole"]["samples"]} if "whole" in suite else dict(suite)


def _describe_runs(parts: Sequence[RunPart], contents: Sequence[Content], merger: JournalMerger) -> dict[str, Any]:
    runs: list[Mapping[str, Any]] = []
    for part, content in zip(parts, contents, strict=True):
        own = {
            "run": part.run.resolve().name,
            "shard": str(part.shard or ""),
            "records": content.records,
            "chain": content.chain,
        }
        runs += part.merged.get("runs", [own])
    count = parts[0].shards
    present = {name for part in parts for name in part.present}
    every = [f"{number}/{count}" for number in range(1, count + 1)]
    return {
        "runs": _list_unique(runs),
        "shards": count,
        "present": [name for name in every if name in present],
        "absent": [name for name in every if name not in present],
        "repeated": merger.repeated,
        "contradicted": merger.contradicted,
        "first_contradicted": merger.first_contradicted,
    }


def _settle(session: Mapping[str, Any]) -> dict[str, Any]:
    """Return a session as it is kept: void records of its excluded workers were left out."""
    if not session.get("excluded"):
        return dict(session)
    return {**session, "excluded": [{**entry, "begin": 0, "end": 0} for entry in session["excluded"]]}


def _disclose_rules(parts: Sequence[RunPart]) -> list[dict[str, Any]]:
    """Tell where the runs were to be judged by other rules."""
    first = parts[0].manifest["settings"]
    names = [name for name in _RULES if any(part.manifest["settings"].get(name) != first.get(name) for part in parts)]
    if not names:
        return []
    message = f"the runs that were put together differ in {', '.join(names)}: those of {parts[0].run.name} count"
    return [encode_disclosure(Disclosure(factor="D", severity="note", message=message))]


def _join_models(manifests: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return each model once, with all that was seen of it when it was attached."""
    known: dict[str, list[Mapping[str, Any]]] = {}
    for manifest in manifests:
        for identity in manifest["models"]:
            known.setdefault(identity["spec"], []).append(identity)
    return [_join_identities(identities) for identities in known.values()]


def _join_identities(identities: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    seen = [found for identity in identities for found in _list_evidence(identity["evidence"])]
    kinds: dict[str, Mapping[str, Any]] = {}
    for found in seen:
        kind = _name_kind(found)
        if kind not in kinds or _first_seconds(found) < _first_seconds(kinds[kind]):
            kinds[kind] = found
    first, *others = kinds.values()
    evidence = dict(first)
    trips = [found["round_trip"] for found in seen if found.get("round_trip") is not None]
    if trips:
        # nothing is too fast for one host that is not so for the nearest
        evidence["round_trip"] = min(trips)
    if others:
        evidence[OTHERS] = others
    disclosures = _list_unique(
        [found for identity in identities for found in identity["disclosures"]], lambda found: found["message"]
    )
    return {**identities[0], "evidence": evidence, "disclosures": disclosures}


def _list_evidence(evidence: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    own = {name: value for name, value in evidence.items() if name != OTHERS}
    return [own, *evidence.get(OTHERS, ())]


def _name_kind(evidence: Mapping[str, Any]) -> str:
    """Return what judges look at in evidence, without what differs from one honest session to the next."""
    imported = evidence.get("imported", {})
    probes = [
        (
            *(probe.get(name) for name in ("kind", "echoed", "empty", "input_tokens")),
            is_proof(probe),
            bool(probe.get("opened")),
            bool(probe.get("processes")),
        )
        for probe in evidence.get("probes", ())
    ]
    started = [bool(imported.get(name)) for name in ("opened", "processes", "hidden")]
    return json.dumps([probes, started, evidence.get("tokenizer")])


def _first_seconds(evidence: Mapping[str, Any]) -> float:
    return min((probe.get("seconds") or 0.0 for probe in evidence.get("probes", ())[:1]), default=0.0)


def _list_unique(
    values: Iterable[Mapping[str, Any]], name: Callable[[Mapping[str, Any]], str] | None = None
) -> list[dict[str, Any]]:
    """Return values in their order, each once."""
    found: dict[str, dict[str, Any]] = {}
    for value in values:
        found.setdefault(name(value) if name else json.dumps(value, sort_keys=True), dict(value))
    return list(found.values())
