"""Records to plain JSON values and back; the schema of `samples.jsonl`.

The text form is ASCII: a lone surrogate, which models do emit and which neither UTF-8 nor the wire between
workers can carry, stays an escape.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from functools import lru_cache
from sys import intern
from typing import Any

from .errors import RunDirectoryError
from .records import (
    BackendIdentity,
    Completion,
    Disclosure,
    Exchange,
    FailedAttempt,
    Generation,
    Message,
    Record,
    Request,
    Score,
    SeedCheck,
    Timing,
    TokenLogprob,
    Trace,
    Usage,
    Verdict,
)

__all__ = [
    "SCHEMA_VERSION",
    "decode_completion",
    "decode_identity",
    "decode_record",
    "dump_line",
    "dump_record",
    "encode_completion",
    "encode_disclosure",
    "encode_identity",
    "encode_record",
    "encode_request",
    "encode_verdict",
    "load_record",
]

#: of `manifest.json`, `samples.jsonl` and `report.json`
SCHEMA_VERSION = 3


def dump_record(record: Record) -> str:
    """Return a record as one line of ASCII JSON, without the line end."""
    return dump_line(encode_record(record))


def dump_line(raw: Mapping[str, Any]) -> str:
    """Return an encoded record as one line of ASCII JSON, without the line end."""
    return json.dumps(raw, separators=(",", ":"))


def load_record(line: str, *, outline: bool = False) -> Record:
    """Read what `dump_record` wrote.

    :param outline: leave out request and target, the answer's text, id and log probabilities, and explanations
    :raises RunDirectoryError: when the line is not a record of this schema
    """
    try:
        return decode_record(json.loads(line), outline=outline)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise RunDirectoryError(f"not a record of schema {SCHEMA_VERSION}: {line[:80]!r} ({error})") from error


def encode_record(record: Record) -> dict[str, Any]:
    """Return a record as JSON values."""
    encoded: dict[str, Any] = {
        "schema": SCHEMA_VERSION,
        "case": record.case,
        "suite": record.suite,
        "sample": record.sample,
        "group": record.group,
        "model": record.model,
        "epoch": record.epoch,
        "outcome": record.outcome,
        "target": record.target,
        "scores": [_encode_score(score) for score in record.scores],
        "worker": record.worker,
        "started": round(record.started, 6),
    }
    if record.cause:
        encoded["cause"] = record.cause
        encoded["error"] = record.error
    if record.request:
        encoded["request"] = encode_request(record.request)
    if record.completion:
        encoded["completion"] = encode_completion(record.completion)
    if record.flags:
        encoded["flags"] = record.flags
    if record.cluster:
        encoded["cluster"] = record.cluster
    if record.seed_check:
        encoded["seed_check"] = asdict(record.seed_check)
    if record.failures:
        encoded["failures"] = [_encode_failure(failure) for failure in record.failures]
    if record.earlier:
        encoded["earlier"] = [_encode_exchange(exchange) for exchange in record.earlier]
    return encoded


def decode_record(raw: Mapping[str, Any], *, outline: bool = False) -> Record:
    """Rebuild a record from JSON values.

    :param outline: leave out request and target, the answer's text, id and log probabilities, and explanations
    """
    if raw["schema"] != SCHEMA_VERSION:
        raise ValueError(f"schema {raw['schema']!r}")
    request, completion = None if outline else raw.get("request"), raw.get("completion")
    return Record(
        case=intern(raw["case"]),
        suite=intern(raw["suite"]),
        sample=intern(raw["sample"]),
        group=intern(raw["group"]),
        model=intern(raw["model"]),
        epoch=raw["epoch"],
        outcome=raw["outcome"],
        cause=raw.get("cause"),
        error=raw.get("error", ""),
        scores=tuple(_decode_score(score, outline) for score in raw["scores"]),
        request=_decode_request(request) if request else None,
        completion=decode_completion(completion, outline=outline) if completion else None,
        failures=tuple(FailedAttempt(**failure) for failure in raw.get("failures", ())),
        flags=tuple(raw.get("flags", ())),
        cluster=intern(raw.get("cluster", "")),
        seed_check=SeedCheck(**raw["seed_check"]) if "seed_check" in raw else None,
        target=() if outline else tuple(raw["target"]),
        worker=intern(raw["worker"]),
        started=raw["started"],
        earlier=tuple(_decode_exchange(exchange, outline) for exchange in raw.get("earlier", ())),
    )


#: of a long run there are few different ones, and very many records
@lru_cache(maxsize=4096)
def _share_score(name: str, value: float, answer: str | None) -> Score:
    return Score(name=name, value=value, answer=answer)


def _encode_failure(failure: FailedAttempt) -> dict[str, Any]:
    return {
        "error": failure.error,
        "status": failure.status,
        "seconds": round(failure.seconds, 6),
        "waited": round(failure.waited, 6),
    }


def _encode_exchange(exchange: Exchange) -> dict[str, Any]:
    encoded: dict[str, Any] = {"request": encode_request(exchange.request), "started": round(exchange.started, 6)}
    if exchange.completion:
        encoded["completion"] = encode_completion(exchange.completion)
    if exchange.failures:
        encoded["failures"] = [_encode_failure(failure) for failure in exchange.failures]
    return encoded


def _decode_exchange(raw: Mapping[str, Any], outline: bool) -> Exchange:
    completion = raw.get("completion")
    return Exchange(
        request=Request() if outline else _decode_request(raw["request"]),
        completion=decode_completion(completion, outline=outline) if completion else None,
        failures=tuple(FailedAttempt(**failure) for failure in raw.get("failures", ())),
        started=raw["started"],
    )


def _encode_score(score: Score) -> dict[str, Any]:
    return {"name": score.name, "value": score.value, "answer": score.answer, "explanation": score.explanation}


def encode_request(request: Request) -> dict[str, Any]:
    """Return what was asked, parameters included; `None` parameters were not sent."""
    generation = request.generation
    encoded: dict[str, Any] = {
        "kind": request.kind,
        "temperature": generation.temperature,
        "top_p": generation.top_p,
        "max_tokens": generation.max_tokens,
        "stop": generation.stop,
        "seed": generation.seed,
        "top_logprobs": generation.top_logprobs,
    }
    if request.messages:
        encoded["messages"] = [{"role": turn.role, "content": turn.content} for turn in request.messages]
    else:
        encoded["prompt"] = request.prompt
    return encoded


def _decode_request(raw: Mapping[str, Any]) -> Request:
    return Request(
        messages=tuple(Message(**turn) for turn in raw.get("messages", ())),
        prompt=raw.get("prompt", ""),
        generation=Generation(
            temperature=raw["temperature"],
            top_p=raw["top_p"],
            max_tokens=raw["max_tokens"],
            stop=tuple(raw["stop"]),
            seed=raw["seed"],
            top_logprobs=raw["top_logprobs"],
        ),
    )


def encode_completion(completion: Completion) -> dict[str, Any]:
    """Return what came back as JSON values."""
    usage, timing = completion.usage, completion.timing
    encoded: dict[str, Any] = {
        "text": completion.text,
        "model": completion.model,
        "fingerprint": completion.fingerprint,
        "response_id": completion.response_id,
        "stop_reason": completion.stop_reason,
        "usage": {"input": usage.input_tokens, "output": usage.output_tokens, "cached": usage.cached_tokens},
        "timing": _encode_timing(timing),
        "cached": completion.cached,
    }
    if completion.trace:
        encoded["trace"] = _encode_trace(completion.trace)
    if completion.logprobs:
        encoded["logprobs"] = [
            {"token": t.token, "logprob": t.logprob, "top": dict(t.top)} for t in completion.logprobs
        ]
    return encoded


def _encode_timing(timing: Timing) -> dict[str, Any]:
    encoded = {
        "queued": round(timing.queued, 6),
        "connect": timing.connect,
        "first_byte": timing.first_byte,
        "total": round(timing.total, 6),
    }
    if timing.first_token is not None and timing.last_token is not None:
        encoded |= {"first_token": round(timing.first_token, 6), "last_token": round(timing.last_token, 6)}
    return encoded


def _encode_trace(trace: Trace) -> dict[str, Any]:
    """Return the fields that say something."""
    values = ((name, getattr(trace, name)) for name in Trace.__slots__)
    return {name: value for name, value in values if value is not None and value != () and value != {}}


def _decode_trace(raw: Mapping[str, Any]) -> Trace:
    return Trace(**{**raw, "peers": tuple(raw.get("peers", ()))})


def _decode_score(raw: Mapping[str, Any], outline: bool) -> Score:
    explanation = "" if outline else raw["explanation"]
    return Score(name=intern(raw["name"]), value=raw["value"], answer=raw["answer"], explanation=explanation)


def decode_completion(raw: Mapping[str, Any], *, outline: bool = False) -> Completion:
    """Rebuild a completion from JSON values.

    :param outline: leave out the text and the log probabilities
    """
    usage = raw["usage"]
    return Completion(
        text="" if outline else raw["text"],
        model=intern(raw["model"]),
        fingerprint=raw["fingerprint"] and intern(raw["fingerprint"]),
        response_id=None if outline else raw["response_id"],
        stop_reason=raw["stop_reason"],
        usage=Usage(input_tokens=usage["input"], output_tokens=usage["output"], cached_tokens=usage["cached"]),
        timing=Timing(**raw["timing"]),
        trace=None if outline or "trace" not in raw else _decode_trace(raw["trace"]),
        logprobs=() if outline else tuple(TokenLogprob(**token) for token in raw.get("logprobs", ())),
        cached=raw["cached"],
    )


def encode_disclosure(disclosure: Disclosure) -> dict[str, Any]:
    """Return a disclosure as JSON values."""
    return {
        "factor": disclosure.factor,
        "severity": disclosure.severity,
        "message": disclosure.message,
        "evidence": dict(disclosure.evidence),
    }


def encode_verdict(verdict: Verdict) -> dict[str, Any]:
    """Return what a factor says as JSON values."""
    return {
        "factor": verdict.factor,
        "state": verdict.state,
        "message": verdict.message,
        "disclosures": [encode_disclosure(found) for found in verdict.disclosures],
        "evidence": dict(verdict.evidence),
    }


def encode_identity(identity: BackendIdentity) -> dict[str, Any]:
    """Return who answers for a model as JSON values."""
    return {
        "spec": identity.spec,
        "provider": identity.provider,
        "kind": identity.kind,
        "requested_model": identity.requested_model,
        "served_model": identity.served_model,
        "url": identity.url,
        "fingerprint": identity.fingerprint,
        "server": identity.server,
        "context_tokens": identity.context_tokens,
        "details": dict(identity.details),
        "evidence": dict(identity.evidence),
        "disclosures": [encode_disclosure(disclosure) for disclosure in identity.disclosures],
    }


def decode_identity(raw: Mapping[str, Any]) -> BackendIdentity:
    """Rebuild an identity from JSON values."""
    return BackendIdentity(**{**raw, "disclosures": tuple(Disclosure(**item) for item in raw["disclosures"])})
