"""F2, the model: did the one asked for answer, all the time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..core.records import BackendIdentity, Disclosure, Verdict
from .evidence import Evidence, RunEvidence, warn
from .groups import find_group
from .verdicts import make_verdict

__all__ = ["judge_models"]

#: servers give ids of one form; a proxy that asks others mixes them
_FEWEST_IDS = 10
_MOST_KINDS = 4


def judge_models(run: RunEvidence, baseline: RunEvidence | None = None) -> Verdict:
    """Compare the model asked for with the one each response names, over time, between workers and with a baseline.

    :param run: what was seen of the run
    :param baseline: what was seen of an earlier one
    """
    findings: list[Disclosure] = []
    silent: list[str] = []
    evidence: dict[str, Any] = {}
    for identity in run.identities:
        rows = run.rows.of_model(identity.spec, fresh=False)
        served = rows.count("served")
        evidence[identity.spec] = {"requested": identity.requested_model, "served": served}
        findings += [found for found in identity.disclosures if found.factor == "F2"]
        findings += _find_others(identity, served)
        findings += _find_changes(identity, rows)
        findings += _find_tokenizers(identity, run.rows.of_model(identity.spec))
        if _says_nothing(identity, served):
            silent.append(identity.spec)
        if baseline is not None:
            findings += _compare_baseline(identity, rows, baseline)
    named = ", ".join(dict.fromkeys(f"{identity.served_model!r}" for identity in run.identities))
    return make_verdict(
        "F2",
        findings,
        clean=f"every answer came from the model asked for: {named}",
        unverified=f"nothing says which model answers for {', '.join(silent)}" if silent else "",
        evidence=evidence,
    )


def _says_nothing(identity: BackendIdentity, served: Mapping[str, int]) -> bool:
    """A script has no model, and for that of a function there is nothing but the function's own word."""
    return identity.kind != "real" or not served


def _find_others(identity: BackendIdentity, served: Mapping[str, int]) -> Iterator[Disclosure]:
    others = {model: count for model, count in served.items() if model != identity.served_model}
    if others:
        names = ", ".join(f"{model!r} {count} times" for model, count in sorted(others.items()))
        message = f"{identity.spec}: attached to {identity.served_model!r}, but answers came from {names}"
        yield warn("F2", message, served, "critical")
    elif identity.kind == "callable" and identity.served_model != identity.requested_model:
        message = f"{identity.spec}: the function says that {identity.served_model!r} answers"
        yield warn("F2", message, served, "note")


def _find_changes(identity: BackendIdentity, rows: Evidence) -> Iterator[Disclosure]:
    prints = rows.count("fingerprint")
    if len(prints) > 1:
        workers = _spread(rows, "fingerprint")
        message = (
            f"{identity.spec}: the fingerprint of the backend changed during the run ({len(prints)} different"
            f"{', by worker' if workers else ''})"
        )
        # None, as it is recorded
        evidence = {name or "None": count for name, count in prints.items()}
        yield warn("F2", message, {**evidence, **({"workers": workers} if workers else {})})
    elif prints and identity.fingerprint not in (None, *prints) and not _is_file_digest(identity.fingerprint):
        message = (
            f"{identity.spec}: attached to a backend of fingerprint {identity.fingerprint}, answers have "
            f"{next(iter(prints)) or 'none'}"
        )
        yield warn("F2", message, {"attached": identity.fingerprint, **prints})
    # ids that are drawn at random begin alike now and then
    kinds = {kind: count for kind, count in rows.count("kind").items() if count > 1 and kind.endswith("-")}
    if 1 < len(kinds) <= _MOST_KINDS and len(rows) >= _FEWEST_IDS:
        named = ", ".join(f"{kind!r} {count} times" for kind, count in kinds.items())
        message = f"{identity.spec}: different servers answered: response ids begin with {named}"
        yield warn("F2", message, kinds)


def _is_file_digest(fingerprint: str | None) -> bool:
    """Tell whether a fingerprint is that of a local model's file, which its answers do not carry."""
    return bool(fingerprint) and str(fingerprint).startswith("sha256:")


def _find_tokenizers(identity: BackendIdentity, rows: Evidence) -> Iterator[Disclosure]:
    """Models of two families count the same text differently, whatever they are called."""
    group = find_group(rows)
    if group is not None and group.multiplies:
        message = (
            f"{identity.spec}: {group.prompts:,} of {group.of:,} prompts were counted about {group.more:.0f} tokens "
            "higher than others of their size, the longer the more: another model, with another tokenizer, answers some"
        )
        yield warn("F2", message, {"prompts": group.prompts, "of": group.of, "tokens": round(group.more)})


def _spread(rows: Evidence, column: str) -> dict[str, list[str]]:
    """Return which words each worker saw, when workers saw different ones."""
    words, workers = rows.words[column], rows.words["worker"]
    seen: dict[str, set[str]] = {}
    for worker, code in zip(rows["worker"].tolist(), rows[column].tolist(), strict=True):
        seen.setdefault(str(workers[worker]), set()).add(str(words[code]))
    return {name: sorted(found) for name, found in seen.items()} if len(set(map(frozenset, seen.values()))) > 1 else {}


def _compare_baseline(identity: BackendIdentity, rows: Evidence, baseline: RunEvidence) -> Iterator[Disclosure]:
    before = next((known for known in baseline.identities if known.spec == identity.spec), None)
    if before is None:
        return
    if before.served_model != identity.served_model:
        message = f"{identity.spec}: {identity.served_model!r} answered, in the baseline it was {before.served_model!r}"
        yield warn("F2", message, {"baseline": before.served_model, "run": identity.served_model})
    earlier = baseline.rows.of_model(identity.spec, fresh=False)
    pairs = {
        "attached": (before.fingerprint, identity.fingerprint),
        "answers": (sorted(earlier.count("fingerprint")), sorted(rows.count("fingerprint"))),
    }
    if not pairs["answers"][0] or not pairs["answers"][1]:
        del pairs["answers"]
    changed = {name: {"baseline": old, "run": new} for name, (old, new) in pairs.items() if old != new}
    if changed:
        old, new = pairs["attached"] if "attached" in changed else pairs["answers"]
        message = f"{identity.spec}: the fingerprint of the backend is {new}, in the baseline it was {old}"
        yield warn("F2", message, changed)
