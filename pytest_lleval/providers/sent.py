"""What really left the process: a request body read back into the canonical form of its prompt."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ..core.canonical import canonical_prompt, canonical_sampling, digest_prompt, join_system
from ..core.records import Request, Trace
from .wire import Reply

__all__ = ["trace_reply"]

#: a number beyond is none of anything
_MOST = 1e15
#: seconds since 1970 do not get there before the year 5138
_MILLISECONDS = 1e11
_ANOTHER_NAME = {"max_completion_tokens": "max_tokens", "stop_sequences": "stop"}
#: neither prompt nor sampling; the seed is another one for every sample
_APART = frozenset({"model", "messages", "prompt", "system", "seed", "stream", "logprobs", "top_logprobs"})


def trace_reply(request: Request, reply: Reply, body: Mapping[str, Any]) -> Trace:
    """Return what was seen of a call over HTTP.

    :param request: as it was asked for
    :param reply: what came back
    :param body: the reply's JSON
    """
    digest, altered = None, {}
    if reply.sent is not None:
        sent = json.loads(reply.sent)
        prompt, wanted = _read_prompt(sent), canonical_prompt(request)
        digest = digest_prompt(prompt)
        altered = {"prompt": prompt} if prompt != wanted else {}
        if reply.declared is not None and reply.declared != len(reply.sent):
            # nobody saw what it was changed into
            digest, altered = None, {"prompt": {**prompt, "bytes": reply.declared - len(reply.sent)}}
        altered |= _compare_sampling(_read_sampling(sent), canonical_sampling(request.generation))
    tokens, seconds = _read_counters(body)
    return Trace(
        prompt=digest,
        altered=altered,
        sent=None if reply.sent is None else len(reply.sent),
        received=len(reply.content),
        opened=reply.opened,
        created=_read_moment(body.get("created")),
        computed_tokens=None if tokens is None else int(tokens),
        computed_seconds=seconds,
    )


def _read_prompt(sent: Mapping[str, Any]) -> dict[str, Any]:
    if "messages" not in sent:
        return {"prompt": sent.get("prompt")}
    system = [("system", _read_text(sent["system"]))] if sent.get("system") else []
    prompt = join_system(
        system + [(str(turn.get("role")), _read_text(turn.get("content"))) for turn in sent["messages"]]
    )
    # tools are part of what the model reads, and no suite's request has any
    return {**prompt, "tools": sent["tools"]} if sent.get("tools") else prompt


def _read_text(content: object) -> str:
    """Return the text of a message, which may come in blocks."""
    if isinstance(content, list):
        return "".join(str(block.get("text", "")) for block in content if isinstance(block, dict))
    return "" if content is None else str(content)


def _read_sampling(sent: Mapping[str, Any]) -> dict[str, Any]:
    found = {_ANOTHER_NAME.get(name, name): value for name, value in sent.items() if name not in _APART}
    # chat requests have a switch and a number, bare ones the number alone
    top = sent.get("top_logprobs") or (0 if sent.get("logprobs") is True else sent.get("logprobs")) or 0
    found |= {"top_logprobs": top} if top else {}
    found.pop("tools", None)
    return found


def _compare_sampling(sent: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters that were sent otherwise than wanted; a limit that was added is the protocol's."""
    names = [name for name in sorted(sent.keys() | wanted.keys()) if sent.get(name) != wanted.get(name)]
    differing = {name: sent.get(name) for name in names if name != "max_tokens" or name in wanted}
    return {"sampling": differing} if differing else {}


def _read_counters(body: Mapping[str, Any]) -> tuple[float | None, float | None]:
    """Return tokens and seconds of what the server itself says it computed: llama.cpp's timings, or Groq's usage."""
    timings, usage = body.get("timings"), body.get("usage")
    if isinstance(timings, dict):
        parts = [_read_number(timings.get(name)) for name in ("prompt_ms", "predicted_ms")]
        seconds = None if None in parts else round(sum(part or 0.0 for part in parts) / 1000, 6)
        counts = [_read_number(timings.get(name)) for name in ("prompt_n", "predicted_n")]
        return (None if None in counts else sum(count or 0.0 for count in counts)), seconds
    seconds = _read_number(usage.get("total_time")) if isinstance(usage, dict) else None
    return None, seconds


def _read_number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    # JSON has numbers no float holds, and Python reads 1e999 as infinite
    return float(value) if -_MOST < value < _MOST else None


def _read_moment(value: object) -> float | None:
    """Return seconds since 1970; some servers count milliseconds."""
    moment = _read_number(value)
    return moment / 1000 if moment is not None and moment > _MILLISECONDS else moment
