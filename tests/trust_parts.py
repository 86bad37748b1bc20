"""Runs as a real model server leaves them, for tests that plant one fault in them."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from run_parts import make_evidence, make_identity, make_record, make_request

from pytest_lleval.core.canonical import canonical_prompt, digest_prompt
from pytest_lleval.core.encoding import encode_verdict
from pytest_lleval.core.records import BackendIdentity, Completion, Record, Request, Timing, Trace, Usage, Verdict
from pytest_lleval.disclosure.evidence import RunEvidence
from pytest_lleval.providers.counting import estimate_text

WORDS = ("the", "model", "reads", "a", "question", "about", "rivers", "and", "answers", "some", "other", "thing")
#: tokens of a chat template around one question
TEMPLATE = 12
STARTED = 1_750_000_000.0

#: what a model that reads its prompt said to the probe before the run
PROOF = {
    "kind": "chat",
    "prompt": {"system": "", "turns": [["user", "Repeat this number: 4711"]]},
    "text": "4711",
    "repeated": True,
    "echoed": False,
    "empty": False,
    "input_tokens": 18,
    "output_tokens": 3,
    "seconds": 0.4,
    "connect": 0.02,
    "opened": 1,
    "model": "m-2026",
    "fingerprint": "fp1",
}
SERVER = make_identity(url="http://host/v1", evidence={"probes": [PROOF], "round_trip": 0.02})


def make_server(spec: str = "openai/m", **evidence: Any) -> BackendIdentity:
    """A model server as it was attached; `evidence` is laid over what was seen then."""
    return replace(SERVER, spec=spec, evidence={**SERVER.evidence, **evidence})


def make_function(**evidence: Any) -> BackendIdentity:
    """A function as it was attached, which names itself as the model."""
    seen = {"probes": [{**PROOF, "opened": 0}], "imported": {"seconds": 0.0, "opened": 0, "processes": 0}}
    return make_identity(
        spec="callable/bot:answer",
        provider="callable",
        kind="callable",
        requested_model="bot:answer",
        served_model="bot:answer",
        fingerprint=None,
        evidence={**seen, **evidence},
    )


def make_trace(request: Request, **changes: Any) -> Trace:
    """What is seen of a call over HTTP on a connection that was kept."""
    values: dict[str, Any] = {
        "prompt": digest_prompt(canonical_prompt(request)),
        "sent": 300,
        "received": 500,
        "opened": 0,
    }
    return Trace(**{**values, **changes})


def answer_one(number: int, model: str = "openai/m", *, words: tuple[int, int] = (10, 150)) -> Record:
    """The answer of a real server to a question of a random size."""
    rng = random.Random(number)
    request = make_request(f"{number}: " + " ".join(rng.choices(WORDS, k=rng.randint(*words))))
    text = f"{number}. " + " ".join(random.Random(f"{number}{model}").choices(WORDS, k=rng.randint(5, 80)))
    out = estimate_text(text) + rng.randint(0, 2)
    completion = Completion(
        text=text,
        model="m-2026",
        fingerprint="fp1",
        response_id=f"chatcmpl-{number}x{rng.randrange(10**9)}",
        stop_reason="stop",
        usage=Usage(
            input_tokens=estimate_text(request.messages[0].content) + TEMPLATE + rng.randint(0, 2), output_tokens=out
        ),
        timing=Timing(total=0.3 + out / 60, first_byte=0.29, connect=0.02 if number == 0 else None),
        trace=make_trace(request, opened=int(number == 0), created=float(int(STARTED + number))),
    )
    return make_record(
        f"q{number}", request=request, completion=completion, started=STARTED + number, model=model, worker="main"
    )


def answer_all(count: int = 60, model: str = "openai/m", **changes: Any) -> list[Record]:
    """The answers of a run in which nothing is wrong."""
    return [answer_one(number, model, **changes) for number in range(count)]


def alter(record: Record, *, trace: Any = None, timing: Any = None, usage: Any = None, **changes: Any) -> Record:
    """A record with changes laid over its completion, and over that one's parts."""
    completion = record.completion
    assert completion is not None
    parts: dict[str, Any] = {}
    if trace:
        parts["trace"] = replace(completion.trace or Trace(), **trace)
    if timing:
        parts["timing"] = replace(completion.timing, **timing)
    if usage:
        parts["usage"] = replace(completion.usage, **usage)
    return replace(record, completion=replace(completion, **parts, **changes))


def see(records: Sequence[Record], identities: Sequence[BackendIdentity] = (SERVER,), **changes: Any) -> RunEvidence:
    """What is seen of a run with model servers."""
    return make_evidence(records, identities, **changes)


def messages_of(verdict: Verdict, *severities: str) -> str:
    """All findings of a verdict as one text; checks that a report can hold it."""
    encoded = encode_verdict(verdict)
    assert json.loads(json.dumps(encoded, allow_nan=False)) == encoded
    return "\n".join(found.message for found in verdict.disclosures if not severities or found.severity in severities)
