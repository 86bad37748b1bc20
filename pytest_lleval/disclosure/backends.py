"""F3, the backend: was a real one attached, and did it compute the answers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..core.records import BackendIdentity, Disclosure, Verdict
from ..providers.canary import is_proof
from .answers import find_constant, find_fallback, find_frame, find_repeated, find_stale
from .attachments import list_attachments
from .evidence import Evidence, RunEvidence, warn
from .functions import judge_function
from .verdicts import make_verdict

__all__ = ["judge_backends"]

#: no model yields an answer's tokens faster, nor the first one sooner
_TOKEN_SECONDS = 1e-4
_CALL_SECONDS = 1e-3
#: nor reads prompts faster, in tokens a second
_READ_SPEED = 2e6
#: a round trip below that is lost in the clock
_LEAST_TRIP = 1e-3


def judge_backends(run: RunEvidence) -> Verdict:
    """Look for the traces that a model leaves when it answers, and for those that something else leaves.

    :param run: what was seen of the run
    """
    findings: list[Disclosure] = []
    proofs: list[str] = []
    doubts: list[str] = []
    evidence: dict[str, Any] = {}
    for identity in run.identities:
        rows = run.rows.of_model(identity.spec)
        evidence[identity.spec] = {"fresh": len(rows), "probes": list(_list_probes(identity))}
        findings += [found for found in identity.disclosures if found.factor == "F3"]
        findings += _find_mock(identity)
        findings += _count_cached(identity, run.rows.of_model(identity.spec, fresh=False))
        proof, doubt, found = _judge_one(run, identity, rows)
        findings += found
        proofs += [proof] if proof else []
        doubts += [doubt] if doubt else []
    return make_verdict("F3", findings, clean="; ".join(proofs), unverified="; ".join(doubts), evidence=evidence)


def _judge_one(run: RunEvidence, identity: BackendIdentity, rows: Evidence) -> tuple[str, str, list[Disclosure]]:
    """Return what proves a backend real, what leaves it in doubt, and findings."""
    if identity.kind == "mock":
        return "", f"{identity.spec} is a mock", []
    if not len(rows):
        return "", f"{identity.spec}: no answer was made in this run", []
    if identity.url is None:
        return _judge_function(identity, rows)
    counters = _read_counters(run, identity)
    findings = [
        *_find_no_connection(identity, rows),
        *(
            found
            for attached in list_attachments(identity)
            for found in _read_probes(attached, computes=bool(counters and counters[0]))
        ),
        *find_constant(identity, rows, reads_prompts=_reads_prompts(identity, rows)),
        *find_frame(identity, rows),
        *find_fallback(identity, rows),
        *find_repeated(identity, rows),
        *find_stale(identity, rows),
        *_find_implausible(identity, rows),
    ]
    if counters is not None:
        computed, answered = counters
        findings += _compare_counters(identity, computed, answered)
        return f"{identity.spec}: its own counters say it computed {computed:,} tokens of answers", "", findings
    opened = int(_sum(rows, "opened"))
    if not _reads_prompts(identity, rows):
        return "", f"{identity.spec}: nothing shows that its answers depend on what it is asked", findings
    if _was_watched(rows) and not opened and not int(_sum(rows, "processes")):
        doubt = f"{identity.spec}: its provider was seen to open no connection and to start no process"
        return "", doubt, findings
    proof = f"{identity.spec}: {len(rows):,} answers over {opened:,} connections, from something that reads its prompts"
    return proof, "", findings


def _judge_function(identity: BackendIdentity, rows: Evidence) -> tuple[str, str, list[Disclosure]]:
    judged = [judge_function(attached, rows) for attached in list_attachments(identity)]
    doubt = next((found for _, found, _ in judged if found), "")
    return "" if doubt else judged[0][0], doubt, [found for _, _, findings in judged for found in findings]


def _was_watched(rows: Evidence) -> bool:
    """Tell whether a provider of somebody else's was looked at from outside, because it shows no request itself."""
    import numpy as np

    return bool(np.isfinite(rows["opened"]).any()) and not np.isfinite(rows["sent"]).any()


def _sum(rows: Evidence, column: str) -> float:
    import numpy as np

    return float(np.nansum(rows[column], dtype=np.float64))


def _list_probes(identity: BackendIdentity) -> Iterator[dict[str, Any]]:
    probes: Any = identity.evidence.get("probes", ())
    yield from probes


def _reads_prompts(identity: BackendIdentity, rows: Evidence) -> bool:
    """Tell whether a probe was answered, or counters of tokens computed came with the answers."""
    proven = all(any(map(is_proof, _list_probes(attached))) for attached in list_attachments(identity))
    return proven or bool((rows["computed_tokens"] > 0).any())


def _find_mock(identity: BackendIdentity) -> Iterator[Disclosure]:
    if identity.kind == "mock" and not any(known.factor == "F3" for known in identity.disclosures):
        yield warn("F3", f"{identity.spec}: a mock answers, no model was asked", severity="critical")


def _count_cached(identity: BackendIdentity, rows: Evidence) -> Iterator[Disclosure]:
    cached = int((rows["cached"] > 0).sum())
    if cached:
        message = (
            f"{cached:,} of {len(rows):,} answers came from the response cache, of earlier runs; "
            "they are left out of times and speeds (--lleval-cache=refresh asks again)"
        )
        yield warn("F3", message, {"cached": cached, "model": identity.spec}, "note")


def _find_no_connection(identity: BackendIdentity, rows: Evidence) -> Iterator[Disclosure]:
    """An answer over HTTP needs a connection; a cassette in the process does not."""
    import numpy as np

    seen, sent = np.isfinite(rows["opened"]), np.isfinite(rows["sent"])
    if sent.any() and not seen.any():
        message = (
            f"{identity.spec}: {len(rows):,} answers came without any connection: they are replayed in this process"
        )
        yield warn("F3", message, {"answers": len(rows), "connections": 0}, "critical")


def _read_probes(identity: BackendIdentity, *, computes: bool) -> Iterator[Disclosure]:
    """Look at the answers to the probes.

    :param computes: whether its host's own counters say that it computed tokens of answers, as no echo does
    """
    told = [probe for probe in _list_probes(identity) if not probe["empty"]]
    if len(told) > 1 and all(probe["echoed"] for probe in told):
        what = "a weak model, whose host did compute its answers" if computes else "an echo, not a model"
        message = f"{identity.spec}: it gives questions back as answers: {what}"
        yield warn("F3", message, severity="note" if computes else "critical")
    elif len(told) > 1 and not any(probe["repeated"] for probe in told):
        said = " and ".join(repr(probe["text"][:40]) for probe in told[:2])
        message = (
            f"{identity.spec}: asked {len(told)} times before the run to repeat a number, it answered {said}: "
            "its answers do not depend on what it is asked"
        )
        yield warn("F3", message, {"answers": [probe["text"] for probe in told]})
    for probe in told[:1]:
        spent = probe["seconds"] - (probe["connect"] or 0.0)
        least = _CALL_SECONDS + _TOKEN_SECONDS * (probe["output_tokens"] or 1)
        if probe["seconds"] and spent < least:
            message = (
                f"{identity.spec}: it answered a request before the run within {spent * 1000:.2f} ms: no model does"
            )
            yield warn("F3", message, {"seconds": spent, "least": least})


def _find_implausible(identity: BackendIdentity, rows: Evidence) -> Iterator[Disclosure]:
    import numpy as np

    total, out, into = rows["total"], np.nan_to_num(rows["output_tokens"]), np.nan_to_num(rows["input_tokens"])
    spent = total - np.nan_to_num(rows["connect"])
    fast = (spent < _TOKEN_SECONDS * out) | (spent < into / _READ_SPEED)
    if fast.any():
        at = int(np.argmax(np.where(fast, out / np.maximum(spent, 1e-9), 0)))
        message = (
            f"{identity.spec}: {int(fast.sum()):,} of {len(rows):,} answers are faster than any model: "
            f"{out[at]:,.0f} tokens of answer in {spent[at] * 1000:.1f} ms"
        )
        yield warn("F3", message, {"answers": int(fast.sum()), "tokens": float(out[at]), "seconds": float(spent[at])})
    trip: Any = identity.evidence.get("round_trip")
    if trip and trip > _LEAST_TRIP and (sooner := int((spent < 0.8 * trip).sum())):
        message = (
            f"{identity.spec}: {sooner:,} of {len(rows):,} answers were there before a packet could go to its host and "
            f"back ({trip * 1000:.1f} ms): they come from somewhere nearer"
        )
        yield warn("F3", message, {"answers": sooner, "round_trip": trip})


def _read_counters(run: RunEvidence, identity: BackendIdentity) -> tuple[int, int] | None:
    """Return the tokens a local server says it computed in this run's sessions, and those its answers report.

    None where no server counts, or what is missing may have been computed in a session that was killed before its
    end, when nobody could read its counters.
    """
    found = [session.get("counters", {}).get(identity.spec, {}) for session in run.sessions]
    whole = [counters for counters in found if counters.keys() == {"before", "after"}]
    computed = int(sum(counters["after"] - counters["before"] for counters in whole))
    answered = int(_sum(run.rows.of_model(identity.spec), "output_tokens"))
    if not whole or (computed < answered and len(whole) < len(found)):
        return None
    return computed, answered


def _compare_counters(identity: BackendIdentity, computed: int, answered: int) -> Iterator[Disclosure]:
    if computed < answered:
        message = (
            f"{identity.spec}: answers report {answered:,} tokens, the server's own counters say it computed "
            f"{computed:,}"
        )
        yield warn("F3", message, {"computed": computed, "answered": answered})
