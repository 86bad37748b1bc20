"""Answers that come in pieces: server-sent events put together to the answer they would have been in one piece.

The format: https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation. Nothing is read
before the last byte has come, so that reading takes no part in the times.
"""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..core.records import Trace
from .wire import Reply

__all__ = ["Streamed", "forgive_extra", "is_stream", "join_events", "parse_event", "read_events"]

_LAST = b"[DONE]"
#: what reasoning models think is written by the token too
_TEXTS = ("content", "reasoning_content", "reasoning")
#: of a message, in pieces
_TOLD = ("content", "refusal")
#: of the events, as they stand in an answer of one piece
_ALIKE = ("id", "created", "model", "system_fingerprint", "usage", "timings")


@dataclass(frozen=True, kw_only=True, slots=True)
class Streamed:
    """An answer put together again, and when its text came, in seconds from before the request was sent."""

    #: as it would have come in one piece
    body: Mapping[str, Any]
    first_token: float | None
    last_token: float | None
    #: whether the stream came to its end
    whole: bool

    @classmethod
    def make(cls, body: Mapping[str, Any], moments: Sequence[float], *, whole: bool) -> Streamed:
        """Return an answer.

        :param body: as it would have come in one piece
        :param moments: at which pieces of text came, in order
        :param whole: whether the stream came to its end
        """
        first, last = (moments[0], moments[-1]) if moments else (None, None)
        return cls(body=body, first_token=first, last_token=last, whole=whole)

    @classmethod
    def fail(cls, event: Mapping[str, Any]) -> Streamed:
        """Return the answer of a server that says in its midst what went wrong."""
        return cls.make(event, (), whole=True)


def is_stream(reply: Reply) -> bool:
    """Tell whether an answer came as events; servers that cannot do that answer in one piece."""
    return reply.headers.get("content-type", "").partition(";")[0].strip().lower() == "text/event-stream"


def join_events(reply: Reply) -> Streamed:
    """Put the events of a chat answer together.

    :param reply: a stream
    :raises AttributeError, TypeError, ValueError: when an event is no JSON object of this protocol
    """
    body: dict[str, Any] = {"object": "chat.completion"}
    message = dict.fromkeys(_TOLD, "")
    chosen = False
    moments: list[float] = []
    reason: object = None
    ended = False
    for moment, data in read_events(reply):
        if data == _LAST:
            ended = True
            break
        event = parse_event(data)
        if event.get("error"):
            return Streamed.fail(event)
        body |= {name: event[name] for name in _ALIKE if event.get(name) is not None}
        choice: dict[str, Any] | None = next(iter(event.get("choices") or ()), None)
        if choice is None:
            continue
        chosen = True
        delta = choice.get("delta") or {}
        if any(delta.get(name) for name in _TEXTS) and moment is not None:
            moments.append(moment)
        for name in _TOLD:
            message[name] += delta.get(name) or ""
        reason = choice.get("finish_reason") or reason
    if chosen:
        body["choices"] = [{"index": 0, "message": message, "finish_reason": reason}]
    return Streamed.make(body, moments, whole=ended or reason is not None)


def parse_event(data: bytes) -> dict[str, Any]:
    """Read the data of an event as a JSON object.

    :raises TypeError, ValueError: when it is none
    """
    event = json.loads(data)
    if not isinstance(event, dict):
        raise TypeError(f"an event is no JSON object: {data!r:.100}")
    return event


def read_events(reply: Reply) -> Iterator[tuple[float | None, bytes]]:
    """Yield the data of each event with the moment at which its last byte had come; None where nobody took it."""
    arrivals = reply.arrivals
    ends = [size for size, _ in arrivals]
    place = 0
    # events of one data line each, as every server of these protocols sends them
    for line in reply.content.splitlines(keepends=True):
        place += len(line)
        if line.startswith(b"data:"):
            index = bisect_left(ends, place)
            yield (arrivals[index][1] if index < len(ends) else None), line[len(b"data:") :].strip()


def forgive_extra(trace: Trace, extra: Mapping[str, Any]) -> Trace:
    """Return a trace without parameters that the caller has asked for beside the request's own."""
    sampling = trace.altered.get("sampling")
    if not sampling:
        return trace
    left = {name: value for name, value in sampling.items() if name not in extra or extra[name] != value}
    rest = {name: value for name, value in trace.altered.items() if name != "sampling"}
    return replace(trace, altered={**rest, **({"sampling": left} if left else {})})
