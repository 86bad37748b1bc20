"""The official clients of both protocols as a wire: each request once, timed on their transport."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from .failures import Failure, read_exception
from .tracing import watch_call
from .wire import Reply

__all__ = ["OfficialCalls", "OfficialWire"]

_Call = Callable[..., Awaitable[Any]]


@dataclass(frozen=True, kw_only=True)
class OfficialCalls:
    """The methods of an official client that send requests and return raw responses.

    :param posts: by path
    :param list_models: takes no arguments
    :param errors: what they raise when a call fails
    """

    posts: Mapping[str, _Call]
    list_models: _Call
    errors: tuple[type[Exception], ...]


class OfficialWire:
    """Sends requests through an official client, which must not retry them.

    :param client: with `trace_request` hooked in
    :param calls: its methods
    :param secrets: keys that must not appear in messages
    """

    def __init__(self, client: Any, calls: OfficialCalls, secrets: Iterable[str]) -> None:
        self._client = client
        self._calls = calls
        self._secrets = tuple(secrets)

    async def post(self, path: str, body: Mapping[str, Any]) -> Reply | Failure:
        """Post `body` as JSON to `path` below the base URL."""
        return await self._send(self._calls.posts[path], body)

    async def get_models(self) -> Reply | Failure:
        """Ask for the list of models."""
        return await self._send(self._calls.list_models, {})

    async def aclose(self) -> None:
        """Release connections."""
        await self._client.close()

    async def _send(self, call: _Call, arguments: Mapping[str, Any]) -> Reply | Failure:
        with watch_call() as trace:
            try:
                response = (await call(**arguments)).http_response
            except UnicodeEncodeError as error:
                # text with lone surrogates is known only when the client builds the body
                return Failure(message=f"the request is no JSON in UTF-8: {error}", sent=False)
            except DeprecationWarning as error:
                # of models near their end, where strict warning filters turn it into an error
                return Failure(message=f"the client warns: {error}", sent=False)
            except self._calls.errors as error:
                response = getattr(error, "response", None)
                if response is None:
                    return read_exception(error, secrets=self._secrets)
            return Reply(
                status=response.status_code,
                content=response.content,
                headers=response.headers,
                timing=trace.read_timing(),
                sent=trace.sent,
                opened=trace.opened,
            )
