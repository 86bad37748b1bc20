"""``openai/MODEL[@base_url]``: OpenAI, and every server that speaks its protocol.

The protocol: https://platform.openai.com/docs/api-reference/chat and ``…/completions``.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, ClassVar
from urllib.parse import urlsplit

from ..core.errors import CallError, RefusedError
from ..core.records import Completion, Request, StopReason, TokenLogprob, Usage
from ..core.settings import ModelSpec
from .failures import Failure, shorten_text
from .fields import read_count, read_string
from .options import read_client
from .ratelimits import read_hold
from .remote import RemoteProvider
from .streaming import Streamed, join_events
from .wire import CONNECT_SECONDS, Reply, Wire, start_earlier

__all__ = ["OpenAIProvider", "read_logprobs"]

_STOP_REASONS: Mapping[object, StopReason] = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool",
    "function_call": "tool",
}
_TOKEN_LIMITS = ("max_tokens", "max_completion_tokens")
_CHAT = "/chat/completions"
_COMPLETION = "/completions"
#: Headers by the variables from which the official client takes their values.
_HEADERS = {"OPENAI_ORG_ID": "OpenAI-Organization", "OPENAI_PROJECT_ID": "OpenAI-Project"}


class OpenAIProvider(RemoteProvider):
    """Asks chat and bare completions; parameters as for `RemoteProvider`.

    The option ``client`` says how: ``light`` (the default) by requests of our own, ``official`` through the `openai`
    client. Both send the same.

    The key is ``OPENAI_API_KEY``, which is sent to another `base_url` too (that is how gateways work); a server named
    by `base_url` gets a placeholder when it is not set. ``OPENAI_ORG_ID`` and ``OPENAI_PROJECT_ID`` are sent along;
    ``OPENAI_BASE_URL`` counts where neither argument nor spec names a server.
    """

    key_variable = "OPENAI_API_KEY"
    url_variable = "OPENAI_BASE_URL"
    default_url = "https://api.openai.com/v1"

    #: seconds an unused connection is kept: servers close theirs after 5 s or later, and ours must be closed first
    idle_seconds: ClassVar[float] = 4.0
    #: whether the proxies of the environment are asked
    trust_env: ClassVar[bool] = True

    def __init__(
        self,
        spec: ModelSpec,
        *,
        base_url: str | None = None,
        api_key: str | None = None,
        kind_details: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(spec, base_url=base_url, api_key=api_key, kind_details=kind_details)
        self._client_kind = read_client(spec)
        #: what the server calls the limit of output tokens in chat requests, until it says otherwise
        self._limit_name = _guess_limit_name(self._base_url)

    def _open_wire(self) -> Wire:
        return self._open_official() if self._client_kind == "official" else self._open_light()

    def _open_light(self) -> Wire:
        from .light import LightWire, WireOptions

        found = {header: os.environ.get(variable, "").strip() for variable, header in _HEADERS.items()}
        options = WireOptions(
            base_url=self._base_url,
            api_key=self._api_key,
            headers={header: value for header, value in found.items() if value},
            timeout=self._timeout,
            idle=self.idle_seconds,
            trust_env=self.trust_env,
            close_streams=self._closes_streams,
        )
        return LightWire(options)

    def _open_official(self) -> Wire:
        from openai import DEFAULT_CONNECTION_LIMITS, APIError, AsyncOpenAI, DefaultAsyncHttpxClient, Timeout

        from .official import OfficialCalls, OfficialWire
        from .tracing import trace_request

        timeout = Timeout(self._timeout, connect=CONNECT_SECONDS)
        http_client = DefaultAsyncHttpxClient(
            timeout=timeout,
            # likewise without a limit of its own
            limits=type(DEFAULT_CONNECTION_LIMITS)(keepalive_expiry=self.idle_seconds),
            event_hooks={"request": [trace_request]},
            trust_env=self.trust_env,
        )
        client = AsyncOpenAI(
            api_key=self._api_key,
            base_url=self._base_url,
            timeout=timeout,
            max_retries=0,
            http_client=http_client,
        )
        calls = OfficialCalls(
            posts={
                _CHAT: client.chat.completions.with_raw_response.create,
                _COMPLETION: client.completions.with_raw_response.create,
            },
            streams={_CHAT: client.chat.completions.with_streaming_response.create},
            list_models=client.with_options(timeout=CONNECT_SECONDS).models.with_raw_response.list,
            error=APIError,
        )
        return OfficialWire(client, calls, (self._api_key,), close_streams=self._closes_streams)

    async def stream(self, request: Request, extra: Mapping[str, Any]) -> Completion:
        """Answer one chat request in pieces; a server that cannot do that answers in one.

        :param request: a chat request
        :param extra: further parameters to send, e.g. ``{"cache_prompt": False}``
        :raises RefusedError: when the model or its filter declined
        :raises CallError: when the attempt failed, saying whether another may succeed
        """
        asked = {"stream": True, "stream_options": {"include_usage": True}}
        # the official client has no arguments for what only some servers take
        further = {"extra_body": dict(extra)} if self._client_kind == "official" else extra
        reply = await self._send(lambda wire: self._post_chat(wire, request, {**asked, **further}))
        return self._read_stream(reply, request, {**asked, **extra})

    def _join(self, reply: Reply) -> Streamed:
        return join_events(reply)

    def _refuse_probe(self, probe: Request) -> str | None:  # noqa: ARG002 - this protocol carries every kind
        return None

    async def _post(self, wire: Wire, request: Request) -> Reply | Failure:
        if request.kind == "completion":
            return await wire.post(_COMPLETION, self._build_completion(request))
        return await self._post_chat(wire, request, {})

    async def _post_chat(self, wire: Wire, request: Request, extra: Mapping[str, Any]) -> Reply | Failure:
        name = self._limit_name
        reply = await wire.post(_CHAT, {**self._build_chat(request, name), **extra})
        if isinstance(reply, Failure) or reply.status != 400 or request.generation.max_tokens is None:
            return reply
        other = _TOKEN_LIMITS[1 - _TOKEN_LIMITS.index(name)]
        if other.encode() not in reply.content:
            return reply
        # Set, not toggled: several calls may be told at once.
        self._limit_name = other
        again = await wire.post(_CHAT, {**self._build_chat(request, other), **extra})
        return again if isinstance(again, Failure) else _join_calls(reply, again)

    def _build_chat(self, request: Request, limit_name: str) -> dict[str, Any]:
        body = self._build_common(request, limit_name)
        body["messages"] = [{"role": message.role, "content": message.content} for message in request.messages]
        if request.generation.top_logprobs:
            body |= {"logprobs": True, "top_logprobs": request.generation.top_logprobs}
        return body

    def _build_completion(self, request: Request) -> dict[str, Any]:
        body = self._build_common(request, "max_tokens")
        body["prompt"] = request.prompt
        if request.generation.top_logprobs:
            body["logprobs"] = request.generation.top_logprobs
        return body

    def _build_common(self, request: Request, limit_name: str) -> dict[str, Any]:
        generation = request.generation
        optional = {
            "temperature": generation.temperature,
            "top_p": generation.top_p,
            limit_name: generation.max_tokens,
            "seed": generation.seed,
            "stop": list(generation.stop) or None,
        }
        return {"model": self._spec.model, **self._keep_sent(optional)}

    def _read(self, body: Mapping[str, Any], request: Request, reply: Reply) -> Completion:
        choices = body.get("choices")
        choice = choices[0] if isinstance(choices, list) and choices else None
        if not isinstance(choice, dict):
            raise self._broken(f"the answer has no choices: {shorten_text(str(dict(body)))}")
        reason = choice.get("finish_reason")
        text = self._read_text(choice, request)
        self._check_refusal(choice, reason)
        return Completion(
            text=text,
            model=read_string(body.get("model")) or "",
            fingerprint=read_string(body.get("system_fingerprint")),
            response_id=read_string(body.get("id")),
            stop_reason=_STOP_REASONS.get(reason, "unknown"),
            usage=_read_usage(body.get("usage")),
            timing=reply.timing,
            hold=read_hold(reply.headers),
            logprobs=self._read_logprobs(choice.get("logprobs")),
        )

    def _read_logprobs(self, raw: object) -> tuple[TokenLogprob, ...]:
        try:
            return read_logprobs(raw)
        except (AttributeError, KeyError, TypeError, ValueError):
            raise CallError(f"{self.place}: log probabilities of no known form: {shorten_text(str(raw))}") from None

    def _check_refusal(self, choice: Mapping[str, Any], reason: object) -> None:
        message = choice.get("message")
        refusal = message.get("refusal") if isinstance(message, dict) else None
        if refusal:
            raise RefusedError(f"{self.place}: the model declined: {shorten_text(str(refusal))}")
        if reason == "content_filter":
            raise RefusedError(f"{self.place}: the content filter of the server withheld the answer")

    def _read_text(self, choice: Mapping[str, Any], request: Request) -> str:
        holder = choice if request.kind == "completion" else choice.get("message")
        name = "text" if request.kind == "completion" else "content"
        if not isinstance(holder, dict):
            raise self._broken(f"the answer's choice has no message: {shorten_text(str(dict(choice)))}")
        text = holder.get(name)
        # An empty answer is legal: the model stopped at once, called a tool, or thought up to its limit.
        if text is None:
            return ""
        if not isinstance(text, str):
            raise CallError(f"{self.place}: the answer's {name} is {type(text).__name__}, not text: {text!r:.100}")
        return text


def _guess_limit_name(url: str) -> str:
    """OpenAI's newer models take only ``max_completion_tokens``, most other servers only know ``max_tokens``."""
    host = urlsplit(url).hostname or ""
    return "max_completion_tokens" if host == "openai.com" or host.endswith(".openai.com") else "max_tokens"


def _join_calls(first: Reply, second: Reply) -> Reply:
    """Return the second reply with the time of both requests, which made one call."""
    one, other = first.timing.connect, second.timing.connect
    joined = start_earlier(second, first.timing.total)
    connect = None if one is None or other is None else one + other
    return replace(joined, timing=replace(joined.timing, connect=connect))


def _read_usage(usage: object) -> Usage:
    details = usage.get("prompt_tokens_details") if isinstance(usage, dict) else None
    return Usage(
        input_tokens=read_count(usage, "prompt_tokens"),
        output_tokens=read_count(usage, "completion_tokens"),
        cached_tokens=read_count(details, "cached_tokens"),
    )


def read_logprobs(raw: object) -> tuple[TokenLogprob, ...]:
    """Read the log probabilities of either protocol.

    Chat answers, and llama.cpp's bare completions, hold ``content``: a list of tokens with a list of alternatives.
    OpenAI's bare completions hold the parallel lists ``tokens``, ``token_logprobs`` and ``top_logprobs``.

    :raises AttributeError, KeyError, TypeError, ValueError: for any other form
    """
    if not isinstance(raw, Mapping):
        return ()
    if raw.get("content") is not None:
        return tuple(_read_entry(entry) for entry in raw["content"])
    return tuple(_read_columns(raw))


def _read_entry(entry: Mapping[str, Any]) -> TokenLogprob:
    pairs = [(other["token"], other["logprob"]) for other in entry.get("top_logprobs") or ()]
    return TokenLogprob(token=str(entry["token"]), logprob=float(entry["logprob"]), top=_read_top(pairs))


def _read_columns(raw: Mapping[str, Any]) -> Iterator[TokenLogprob]:
    tokens = raw.get("tokens") or []
    tops = raw.get("top_logprobs") or [None] * len(tokens)
    for token, value, top in zip(tokens, raw.get("token_logprobs") or [], tops, strict=True):
        # The first token of an echoed prompt has no probability.
        if value is not None:
            yield TokenLogprob(token=str(token), logprob=float(value), top=_read_top((top or {}).items()))


def _read_top(pairs: Iterable[tuple[object, Any]]) -> dict[str, float]:
    """Keep the likeliest of alternatives that read alike, and none without a finite value."""
    top: dict[str, float] = {}
    for token, value in pairs:
        if value is not None and math.isfinite(value):
            top[str(token)] = max(float(value), top.get(str(token), -math.inf))
    return top
