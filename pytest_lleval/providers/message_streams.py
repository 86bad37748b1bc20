"""Answers of Anthropic's messages protocol that come in pieces, put together to the message they would have been.

The events: https://docs.anthropic.com/en/docs/build-with-claude/streaming
"""

from __future__ import annotations

from typing import Any

from .streaming import Streamed, parse_event, read_events
from .wire import Reply

__all__ = ["join_message"]

#: by the kind of a delta, the key of its block that grows by it; what is thought or called is written by the token too
_GROWING = {"text_delta": "text", "thinking_delta": "thinking", "input_json_delta": "partial_json"}


def join_message(reply: Reply) -> Streamed:
    """Put the events of a message together; kinds that nobody here knows are passed over, as the protocol asks.

    :param reply: a stream
    :raises AttributeError, TypeError, ValueError: when an event is no JSON object of this protocol
    """
    body: dict[str, Any] = {}
    blocks: dict[object, dict[str, Any]] = {}
    moments: list[float] = []
    ended = False
    for moment, data in read_events(reply):
        event = parse_event(data)
        match event:
            case {"type": "message_start", "message": dict(message)}:
                body |= message
            case {"type": "content_block_start"}:
                blocks[event.get("index")] = dict(event.get("content_block") or {})
            case {"type": "content_block_delta"}:
                grown = _grow(blocks.setdefault(event.get("index"), {}), event.get("delta") or {})
                moments += [moment] if grown and moment is not None else []
            case {"type": "message_delta"}:
                body |= event.get("delta") or {}
                # counted from the beginning of the message
                body["usage"] = {**(body.get("usage") or {}), **_keep_known(event.get("usage") or {})}
            case {"type": "message_stop"}:
                ended = True
            case {"type": "error"}:
                return Streamed.fail(event)
    if blocks:
        body["content"] = list(blocks.values())
    return Streamed.make(body, moments, whole=ended or body.get("stop_reason") is not None)


def _grow(block: dict[str, Any], delta: dict[str, Any]) -> bool:
    """Add a piece to its block; tell whether it was written by the model: signatures and citations are not."""
    kind = delta.get("type")
    key = _GROWING.get(str(kind))
    if key is None or not delta.get(key):
        return False
    if kind == "text_delta":
        block.setdefault("type", "text")
    block[key] = block.get(key, "") + delta[key]
    return True


def _keep_known(usage: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in usage.items() if value is not None}
