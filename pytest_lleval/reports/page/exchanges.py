"""What was asked and answered in one record, as the page holds it."""

from __future__ import annotations

from typing import Any

from ...core.records import Completion, Record, Request

__all__ = ["clip", "encode_details", "flatten"]

#: characters of one text that a page holds
_LONGEST = 20_000
#: what stands before a role and before what it says
_TURN, _SAYS = "\x1e", "\x1f"


def flatten(request: Request) -> str:
    """Return all turns of a request as one text, each behind its role."""
    turns: list[tuple[str, str]] = [(turn.role, turn.content) for turn in request.messages]
    turns = turns or [("prompt", request.prompt)]
    return "".join(f"{_TURN}{role}{_SAYS}{_clean(text)}" for role, text in turns)


def _clean(text: str) -> str:
    return text.replace(_TURN, "␞").replace(_SAYS, "␟")


def clip(text: str) -> str:
    """Return a text as far as a page holds it; it says how much is left out."""
    left = len(text) - _LONGEST
    return text if left <= 0 else f"{text[:_LONGEST]}… {left:,} more characters are in the run directory"


def encode_details(record: Record) -> dict[str, Any]:
    """Return what a row does not show; what says nothing is left out."""
    answer, timing = record.completion, record.completion.timing if record.completion else None
    scores = [[score.name, score.value, score.answer, clip(score.explanation)] for score in record.scores]
    found = {
        "scores": scores if len(scores) > 1 or any(score[3] for score in scores) else None,
        "error": clip(record.error) if record.error else None,
        "failures": [[clip(failure.error), failure.status, round(failure.seconds, 3)] for failure in record.failures],
        "earlier": [_encode_call(call.request, call.completion) for call in record.earlier],
        "stop": answer.stop_reason if answer and answer.stop_reason != "stop" else None,
        "times": [_round(timing.queued), _round(timing.connect), _round(timing.first_byte)] if timing else None,
        "worker": record.worker if record.worker != "main" else None,
        "served": answer.model if answer else None,
        "again": clip(record.seed_check.text) if record.seed_check and not record.seed_check.same_text else None,
    }
    return {name: value for name, value in found.items() if value not in (None, [], "")}


def _encode_call(request: Request, answer: Completion | None) -> list[str | None]:
    return [clip(flatten(request)), None if answer is None else clip(answer.text)]


def _round(seconds: float | None) -> float | None:
    return None if seconds is None else float(f"{seconds:.2g}")
