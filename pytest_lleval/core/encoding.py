"""Records to plain JSON values and back; the schema of `samples.jsonl`.

The text form is ASCII: a lone surrogate, which models do emit and which neither UTF-8 nor the wire between
workers can carry, stays an escape.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from .errors import RunDirectoryError
from .records import (
    BackendIdentity,
    Completion,
    Disclosure,
    Generation,
    Message,
    Record,
    Request,
    Score,
    Timing,
    TokenLogprob,
    Usage,
)

__all__ = [
    "SCHEMA_VERSION",
    "decode_identity",
    "decode_record",
    "dump_record",
    "encode_disclosure",
    "encode_identity",
    "encode_request",
    "load_record",
]

#: of `manifest.json`, `samples.jsonl` and `report.json`
SCHEMA_VERSION = 1


def dump_record(record: Record) -> str:
    """Return a record as one line of ASCII JSON, without the line end."""
    return json.dumps(_encode_record(record), separators=(",", ":"))


def load_record(line: str) -> Record:
    """Read what `dump_record` wrote.

    :raises RunDirectoryError: when the line is not a record of this schema
    """
    try:
        return decode_record(json.loads(line))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise RunDirectoryError(f"not a record of schema {SCHEMA_VERSION}: {line[:80]!r} ({error})") from error


def _encode_record(record: Record) -> dict[str, Any]:
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
        encoded["completion"] = _encode_completion(record.completion)
    return encoded


def decode_record(raw: Mapping[str, Any]) -> Record:
    """Rebuild a record from JSON values."""
    if raw["schema"] != SCHEMA_VERSION:
        raise ValueError(f"schema {raw['schema']!r}")
    request, completion = raw.get("request"), raw.get("completion")
    return Record(
        case=raw["case"],
        suite=raw["suite"],
        sample=raw["sample"],
        group=raw["group"],
        model=raw["model"],
        epoch=raw["epoch"],
        outcome=raw["outcome"],
        cause=raw.get("cause"),
        error=raw.get("error", ""),
        scores=tuple(Score(**score) for score in raw["scores"]),
        request=_decode_request(request) if request else None,
        completion=_decode_completion(completion) if completion else None,
        target=tuple(raw["target"]),
        worker=raw["worker"],
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


def _encode_completion(completion: Completion) -> dict[str, Any]:
    usage, timing = completion.usage, completion.timing
    encoded: dict[str, Any] = {
        "text": completion.text,
        "model": completion.model,
        "fingerprint": completion.fingerprint,
        "response_id": completion.response_id,
        "stop_reason": completion.stop_reason,
        "usage": {"input": usage.input_tokens, "output": usage.output_tokens, "cached": usage.cached_tokens},
        "timing": {
            "queued": round(timing.queued, 6),
            "connect": timing.connect,
            "first_byte": timing.first_byte,
            "total": round(timing.total, 6),
        },
        "attempts": completion.attempts,
        "cached": completion.cached,
    }
    if completion.logprobs:
        encoded["logprobs"] = [
            {"token": t.token, "logprob": t.logprob, "top": dict(t.top)} for t in completion.logprobs
        ]
    return encoded


def _decode_completion(raw: Mapping[str, Any]) -> Completion:
    usage = raw["usage"]
    return Completion(
        text=raw["text"],
        model=raw["model"],
        fingerprint=raw["fingerprint"],
        response_id=raw["response_id"],
        stop_reason=raw["stop_reason"],
        usage=Usage(input_tokens=usage["input"], output_tokens=usage["output"], cached_tokens=usage["cached"]),
        timing=Timing(**raw["timing"]),
        attempts=raw["attempts"],
        logprobs=tuple(TokenLogprob(**token) for token in raw.get("logprobs", ())),
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
        "disclosures": [encode_disclosure(disclosure) for disclosure in identity.disclosures],
    }


def decode_identity(raw: Mapping[str, Any]) -> BackendIdentity:
    """Rebuild an identity from JSON values."""
    return BackendIdentity(**{**raw, "disclosures": tuple(Disclosure(**item) for item in raw["disclosures"])})
