"""``anthropic/MODEL[@base_url]``: Anthropic, and every server that speaks its messages protocol.

The protocol: https://docs.anthropic.com/en/api/messages
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from ..core.errors import RefusedError
from ..core.records import Completion, Disclosure, Request, StopReason, Usage
from ..core.settings import ModelSpec
from .failures import Failure, shorten_text
from .fields import read_count, read_string
from .message_streams import join_message
from .official import OfficialCalls, OfficialWire
from .options import require_official
from .ratelimits import read_hold
from .remote import RemoteProvider
from .streaming import Streamed
from .tracing import trace_request
from .wire import CONNECT_SECONDS, Reply, Wire

__all__ = ["DEFAULT_MAX_TOKENS", "AnthropicProvider"]

#: The protocol demands a limit; this one is sent where the suite and the user set none.
DEFAULT_MAX_TOKENS = 1024
_MESSAGES = "/v1/messages"
_STOP_REASONS: Mapping[object, StopReason] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool",
}


class AnthropicProvider(RemoteProvider):
    """Asks chat requests through the official `anthropic` client; parameters as for `RemoteProvider`.

    The key is ``ANTHROPIC_API_KEY``; ``ANTHROPIC_BASE_URL`` counts where neither argument nor spec names a server.
    The protocol has no seed, no bare prompts and no log probabilities.
    """

    key_variable = "ANTHROPIC_API_KEY"
    url_variable = "ANTHROPIC_BASE_URL"
    default_url = "https://api.anthropic.com"

    def __init__(self, spec: ModelSpec, *, base_url: str | None = None, api_key: str | None = None) -> None:
        super().__init__(spec, base_url=base_url, api_key=api_key)
        require_official(spec)

    def _open_wire(self) -> Wire:
        from anthropic import APIError, AsyncAnthropic, DefaultAsyncHttpxClient, Timeout

        timeout = Timeout(self._timeout, connect=CONNECT_SECONDS)
        client = AsyncAnthropic(
            api_key=self._api_key,
            # This client adds /v1 itself, and users write the URL as for every other provider.
            base_url=self._base_url.rstrip("/").removesuffix("/v1"),
            timeout=timeout,
            max_retries=0,
            http_client=DefaultAsyncHttpxClient(timeout=timeout, event_hooks={"request": [trace_request]}),
        )
        listing = client.with_options(timeout=CONNECT_SECONDS).models.with_raw_response.list
        calls = OfficialCalls(
            posts={_MESSAGES: client.messages.with_raw_response.create},
            streams={_MESSAGES: client.messages.with_streaming_response.create},
            list_models=partial(listing, limit=1000),
            error=APIError,
        )
        return OfficialWire(client, calls, (self._api_key,), close_streams=self._closes_streams)

    async def stream(self, request: Request, extra: Mapping[str, Any]) -> Completion:
        """Answer one chat request in pieces; a server that cannot do that answers in one.

        :param request: a chat request
        :param extra: further parameters to send
        :raises RefusedError: when the model declined
        :raises CallError: when the attempt failed, saying whether another may succeed
        """
        message = self._build_message(request)
        asked = {**message, "stream": True, "extra_body": {**message["extra_body"], **extra}}
        return self._read_stream(await self._send(lambda wire: wire.post(_MESSAGES, asked)), request, extra)

    def _join(self, reply: Reply) -> Streamed:
        return join_message(reply)

    def _refuse_probe(self, probe: Request) -> str | None:
        if probe.kind == "completion":
            return "the Anthropic protocol takes no bare prompts (completion requests); use style=chat"
        if probe.generation.top_logprobs:
            return "the Anthropic protocol gives no log probabilities; use method=generate"
        return None

    async def _post(self, wire: Wire, request: Request) -> Reply | Failure:
        return await wire.post(_MESSAGES, self._build_message(request))

    def _build_message(self, request: Request) -> dict[str, Any]:
        generation = request.generation
        system = "\n\n".join(message.content for message in request.messages if message.role == "system")
        limit = DEFAULT_MAX_TOKENS if generation.max_tokens is None else generation.max_tokens
        optional = {"system": system or None, "stop_sequences": list(generation.stop) or None}
        sampling = {"temperature": generation.temperature, "top_p": generation.top_p}
        turns = [message for message in request.messages if message.role != "system"]
        return {
            "model": self._spec.model,
            "max_tokens": limit,
            "messages": [{"role": message.role, "content": message.content} for message in turns],
            **self._keep_sent(optional),
            # Newer clients have no arguments for these, though the protocol has.
            "extra_body": self._keep_sent(sampling),
        }

    def _read(self, body: Mapping[str, Any], request: Request, reply: Reply) -> Completion:  # noqa: ARG002 - one kind
        blocks = body.get("content")
        if not isinstance(blocks, list):
            raise self._broken(f"the answer has no content: {shorten_text(str(dict(body)))}")
        reason = body.get("stop_reason")
        spoken = [block for block in blocks if isinstance(block, dict) and block.get("type") == "text"]
        texts = [str(block.get("text", "")) for block in spoken]
        if reason == "refusal":
            said = f": {shorten_text(' '.join(texts))}" if texts else ""
            raise RefusedError(f"{self.place}: the model declined{said}")
        return Completion(
            text="".join(texts),
            model=read_string(body.get("model")) or "",
            response_id=read_string(body.get("id")),
            stop_reason=_STOP_REASONS.get(reason, "unknown"),
            usage=_read_usage(body.get("usage")),
            timing=reply.timing,
            hold=read_hold(reply.headers),
        )

    def _disclose_parameters(self) -> tuple[Disclosure, ...]:
        seedless = Disclosure(
            factor="E",
            severity="note",
            message="the provider takes no seed, so sampled answers cannot be repeated",
            evidence={"parameter": "seed", "sent": False},
        )
        return (*super()._disclose_parameters(), seedless)


def _read_usage(usage: object) -> Usage:
    """Read token counts; what came from or went into the prompt cache is counted beside ``input_tokens``."""
    fresh = read_count(usage, "input_tokens")
    cached = read_count(usage, "cache_read_input_tokens")
    written = read_count(usage, "cache_creation_input_tokens")
    return Usage(
        input_tokens=None if fresh is None else fresh + (cached or 0) + (written or 0),
        output_tokens=read_count(usage, "output_tokens"),
        cached_tokens=cached,
    )
