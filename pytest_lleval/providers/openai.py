"""``openai/MODEL[@base_url]``: OpenAI, and every server that speaks its protocol.

The protocol: https://platform.openai.com/docs/api-reference/chat and ``…/completions``.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from ..core.errors import CallError, RefusedError
from ..core.records import Completion, Request, StopReason, TokenLogprob, Usage
from .failures import shorten_text
from .remote import CONNECT_SECONDS, RemoteProvider, Reply, read_count, read_string
from .tracing import trace_request

__all__ = ["OpenAIProvider", "read_logprobs"]

_STOP_REASONS: Mapping[object, StopReason] = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool",
    "function_call": "tool",
}
_TOKEN_LIMITS = ("max_tokens", "max_completion_tokens")


class OpenAIProvider(RemoteProvider):
    """Asks chat and bare completions through the official `openai` client; parameters as for `RemoteProvider`.

    The key is ``OPENAI_API_KEY``, which is sent to another `base_url` too (that is how gateways work); a server named
    by `base_url` gets a placeholder when it is not set. The client itself reads ``OPENAI_ORG_ID`` and
    ``OPENAI_PROJECT_ID``; ``OPENAI_BASE_URL`` counts where neither argument nor spec names a server.
    """

    key_variable = "OPENAI_API_KEY"
    url_variable = "OPENAI_BASE_URL"
    default_url = "https://api.openai.com/v1"

    #: what the server calls the limit of output tokens in chat requests; None until it has said otherwise
    _limit_name: str | None = None

    def _open_client(self) -> Any:
        from openai import AsyncOpenAI, DefaultAsyncHttpxClient, Timeout

        timeout = Timeout(self._timeout, connect=CONNECT_SECONDS)
        return AsyncOpenAI(
            api_key=self._api_key,
            base_url=self._base_url,
            timeout=timeout,
            max_retries=self._max_retries,
            http_client=DefaultAsyncHttpxClient(timeout=timeout, event_hooks={"request": [trace_request]}),
        )

    def _errors(self) -> tuple[type[Exception], ...]:
        from openai import APIError

        # Text with lone surrogates cannot be encoded, and is known only when the client builds the body.
        return (APIError, UnicodeEncodeError)

    def _refuse_probe(self, probe: Request) -> str | None:  # noqa: ARG002 - this protocol carries every kind
        return None

    async def _get_models(self) -> Reply:
        client = self._use_client().with_options(max_retries=0, timeout=CONNECT_SECONDS)
        response = await client.models.with_raw_response.list()
        return Reply(content=response.http_response.content, headers=response.headers)

    async def _post(self, request: Request) -> Reply:
        client = self._use_client()
        if request.kind == "completion":
            response = await client.completions.with_raw_response.create(**self._build_completion(request))
        else:
            response = await self._post_chat(client, request)
        return Reply(content=response.http_response.content, headers=response.headers)

    async def _post_chat(self, client: Any, request: Request) -> Any:
        from openai import BadRequestError

        create = client.chat.completions.with_raw_response.create
        name = self._limit_name or self._guess_limit_name()
        try:
            return await create(**self._build_chat(request, name))
        except BadRequestError as error:
            other = _TOKEN_LIMITS[1 - _TOKEN_LIMITS.index(name)]
            if request.generation.max_tokens is None or other not in str(error):
                raise
            # Set, not toggled: several calls may be told at once.
            self._limit_name = other
        return await create(**self._build_chat(request, other))

    def _guess_limit_name(self) -> str:
        """OpenAI's newer models take only ``max_completion_tokens``, most other servers only know ``max_tokens``."""
        host = urlsplit(self._base_url).hostname or ""
        return "max_completion_tokens" if host == "openai.com" or host.endswith(".openai.com") else "max_tokens"

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

    def _read(self, body: Mapping[str, Any], request: Request) -> Completion:
        choices = body.get("choices")
        choice = choices[0] if isinstance(choices, list) and choices else None
        if not isinstance(choice, Mapping):
            raise CallError(f"{self.place}: the answer has no choices: {shorten_text(str(dict(body)))}")
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
            logprobs=self._read_logprobs(choice.get("logprobs")),
        )

    def _read_logprobs(self, raw: object) -> tuple[TokenLogprob, ...]:
        try:
            return read_logprobs(raw)
        except (AttributeError, KeyError, TypeError, ValueError):
            raise CallError(f"{self.place}: log probabilities of no known form: {shorten_text(str(raw))}") from None

    def _check_refusal(self, choice: Mapping[str, Any], reason: object) -> None:
        message = choice.get("message")
        refusal = message.get("refusal") if isinstance(message, Mapping) else None
        if refusal:
            raise RefusedError(f"{self.place}: the model declined: {shorten_text(str(refusal))}")
        if reason == "content_filter":
            raise RefusedError(f"{self.place}: the content filter of the server withheld the answer")

    def _read_text(self, choice: Mapping[str, Any], request: Request) -> str:
        holder = choice if request.kind == "completion" else choice.get("message")
        name = "text" if request.kind == "completion" else "content"
        if not isinstance(holder, Mapping):
            raise CallError(f"{self.place}: the answer's choice has no message: {shorten_text(str(dict(choice)))}")
        text = holder.get(name)
        # An empty answer is legal: the model stopped at once, called a tool, or thought up to its limit.
        if text is None:
            return ""
        if not isinstance(text, str):
            raise CallError(f"{self.place}: the answer's {name} is {type(text).__name__}, not text: {text!r:.100}")
        return text


def _read_usage(usage: object) -> Usage:
    details = usage.get("prompt_tokens_details") if isinstance(usage, Mapping) else None
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
