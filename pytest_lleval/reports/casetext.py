"""Everything that is known of one epoch of a case, as lines of text."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

from ..core.records import Completion, Exchange, FailedAttempt, Record, Request, Score
from .escaping import escape_text
from .sampletable import list_flags

__all__ = ["render_case"]

#: characters of one text that are shown unless all are wanted
_MOST = 2_000
#: stands before each line of what others wrote, which could look like a line of ours
_MARGIN = "  | "


def render_case(record: Record, *, epochs: int, full: bool = False) -> Iterator[str]:
    """Yield the case: what was asked, what came back, and what became of it; safe to print.

    :param record: of the epoch
    :param epochs: how many the case has
    :param full: leave nothing out of long texts
    """
    yield _state("case", record.case + (f", epoch {record.epoch} of {epochs}" if epochs > 1 else ""))
    yield _state(
        "suite", f"{record.suite}, sample {record.sample}" + (f", group {record.group}" if record.group else "")
    )
    if record.cluster:
        yield _state("cluster", record.cluster)
    yield _state("model", record.model)
    calls = record.exchanges
    for number, call in enumerate(calls, start=1):
        if len(calls) > 1:
            yield _state("call", f"{number} of {len(calls)}")
        yield from _render_call(call, full)
    if not calls and record.completion is not None:
        yield from _render_completion(record.completion, full)
    yield _state("target", " | ".join(record.target) or "none")
    for score in record.scores:
        yield from _render_score(score, full)
    if record.outcome != "scored":
        yield _state("unscored", f"{record.cause or 'error'}: {record.error}")
    yield from _render_checks(record, full)


def _render_checks(record: Record, full: bool) -> Iterator[str]:
    yield _state("flags", ", ".join(list_flags(record)) or "none")
    check = record.seed_check
    if check is not None:
        apart = "" if check.logprob_difference is None else f", log probabilities {check.logprob_difference:.4g} apart"
        yield _state("again", ("the same text" if check.same_text else "another text") + apart)
        if check.text:
            yield from _indent(check.text, full)
    began = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(record.started))
    yield _state("asked", f"{began}, by worker {record.worker}")


def _state(name: str, text: str) -> str:
    return escape_text(f"{name:<9}{text}")


def _render_call(call: Exchange, full: bool) -> Iterator[str]:
    yield from _render_request(call.request, full)
    for number, failure in enumerate(call.failures, start=1):
        yield _state("attempt", f"{number} failed: {_tell_failure(failure)}")
    if call.completion is None:
        yield _state("answer", "none")
    else:
        yield from _render_completion(call.completion, full)


def _render_request(request: Request, full: bool) -> Iterator[str]:
    generation = request.generation
    asked = {
        "temperature": generation.temperature,
        "top_p": generation.top_p,
        "max_tokens": generation.max_tokens,
        "seed": generation.seed,
        "stop": list(generation.stop) or None,
        "top_logprobs": generation.top_logprobs or None,
    }
    sent = ", ".join(f"{name} {value!r}" for name, value in asked.items() if value is not None)
    yield _state("prompt", f"{request.kind}: {sent}")
    if request.prompt:
        yield from _indent(request.prompt, full)
    for message in request.messages:
        yield f" {message.role}"
        yield from _indent(message.content, full)


def _render_completion(completion: Completion, full: bool) -> Iterator[str]:
    source = ", from the response cache" if completion.cached else ""
    yield _state("answer", f"of {completion.model}, ended by {completion.stop_reason}{source}")
    yield from _indent(completion.text, full)
    usage, timing = completion.usage, completion.timing
    counts = {"in": usage.input_tokens, "out": usage.output_tokens, "cached": usage.cached_tokens}
    yield _state("tokens", ", ".join(f"{name} {_tell(count)}" for name, count in counts.items()))
    times = {"queued": timing.queued, "connect": timing.connect, "first byte": timing.first_byte}
    parts = ", ".join(f"{name} {_tell_seconds(value)}" for name, value in times.items())
    yield _state("time", f"{timing.total:.3f} s ({parts})")
    names = {"response": completion.response_id, "fingerprint": completion.fingerprint}
    known = ", ".join(f"{name} {value}" for name, value in names.items() if value)
    if known:
        yield _state("id", known)
    if completion.trace is not None and full:
        seen = {name: getattr(completion.trace, name) for name in type(completion.trace).__slots__}
        yield _state("seen", json.dumps({name: value for name, value in seen.items() if value}, default=str))
    for token in completion.logprobs[: None if full else 1]:
        top = ", ".join(f"{text!r} {value:.4f}" for text, value in list(token.top.items())[: None if full else 5])
        yield _state("logprob", f"{token.token!r} {token.logprob:.4f}" + (f" among {top}" if top else ""))


def _render_score(score: Score, full: bool) -> Iterator[str]:
    read = "no answer read" if score.answer is None else f"read {score.answer!r}"
    yield _state("score", f"{score.value:.4g} by {score.name}, {read}")
    if score.explanation:
        yield from _indent(score.explanation, full)


def _tell_failure(failure: FailedAttempt) -> str:
    status = f", status {failure.status}" if failure.status is not None else ""
    return f"{failure.error} (after {failure.seconds:.3f} s{status}, waited {failure.waited:.3f} s)"


def _tell(count: int | None) -> str:
    return "not reported" if count is None else f"{count:,}"


def _tell_seconds(value: float | None) -> str:
    return "not seen" if value is None else f"{value:.3f} s"


def _indent(text: str, full: bool) -> Iterator[str]:
    """Yield the lines of a foreign text behind a margin."""
    shown = text if full else text[:_MOST]
    for line in shown.split("\n"):
        yield _MARGIN + escape_text(line, keep="\t")
    if len(shown) < len(text):
        yield f"  ... {len(text) - len(shown):,} more characters; --full shows them"
