"""The official clients of both protocols as a wire: each request once, timed on their transport."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any

from .failures import Failure, is_transport_error, read_exception
from .tracing import CallTrace, watch_call
from .wire import Reply

__all__ = ["OfficialCalls", "OfficialWire"]

_Call = Callable[..., Awaitable[Any]]
_StreamingCall = Callable[..., AbstractAsyncContextManager[Any]]
_Arrivals = tuple[tuple[int, float], ...]


@dataclass(frozen=True, kw_only=True)
class OfficialCalls:
    """The methods of an official client that send requests and return raw responses.

    :param posts: by path
    :param streams: likewise, for answers that come in pieces
    :param list_models: takes no arguments
    :param error: what they raise when a call fails
    """

    posts: Mapping[str, _Call]
    streams: Mapping[str, _StreamingCall]
    list_models: _Call
    error: type[Exception]


class OfficialWire:
    """Sends requests through an official client, which must not retry them.

    :param client: with `trace_request` hooked in
    :param calls: its methods
    :param secrets: keys that must not appear in messages
    :param close_streams: whether a connection is used for nothing else after an answer that came in pieces
    """

    def __init__(
        self, client: Any, calls: OfficialCalls, secrets: Iterable[str], *, close_streams: bool = False
    ) -> None:
        self._client = client
        self._calls = calls
        self._secrets = tuple(secrets)
        self._headers = {"Connection": "close"} if close_streams else {}

    async def post(self, path: str, body: Mapping[str, Any]) -> Reply | Failure:
        """Post `body` as JSON to `path` below the base URL; the key ``extra_body`` holds further parameters."""
        if not body.get("stream"):
            return await self._send(lambda _: _read_whole(self._calls.posts[path](**body)))
        streaming = self._calls.streams[path]
        return await self._send(lambda trace: _read_pieces(streaming(**body, extra_headers=self._headers), trace))

    async def get_models(self) -> Reply | Failure:
        """Ask for the list of models."""
        return await self._send(lambda _: _read_whole(self._calls.list_models()))

    async def aclose(self) -> None:
        """Release connections."""
        await self._client.close()

    async def _send(self, call: Callable[[CallTrace], Awaitable[tuple[Any, bytes, _Arrivals]]]) -> Reply | Failure:
        with watch_call() as trace:
            try:
                response, content, arrivals = await call(trace)
            except UnicodeEncodeError as error:
                # text with lone surrogates is known only when the client builds the body
                return Failure(message=f"the request is no JSON in UTF-8: {error}", sent=False)
            except DeprecationWarning as error:
                # of models near their end, where strict warning filters turn it into an error
                return Failure(message=f"the client warns: {error}", sent=False)
            except Exception as error:
                if not isinstance(error, self._calls.error) and not is_transport_error(error):
                    raise
                response = getattr(error, "response", None)
                if response is None:
                    return read_exception(error, secrets=self._secrets)
                content, arrivals = response.content, ()
            return Reply(
                status=response.status_code,
                content=content,
                headers=response.headers,
                timing=trace.read_timing(),
                sent=trace.sent,
                opened=trace.opened,
                arrivals=arrivals,
            )


async def _read_whole(call: Awaitable[Any]) -> tuple[Any, bytes, _Arrivals]:
    response = (await call).http_response
    return response, response.content, ()


async def _read_pieces(call: AbstractAsyncContextManager[Any], trace: CallTrace) -> tuple[Any, bytes, _Arrivals]:
    """Read a response piece by piece, and note how much of it had come after how many seconds."""
    chunks: list[bytes] = []
    arrivals: list[tuple[int, float]] = []
    size = 0
    async with call as found:
        async for chunk in found.http_response.aiter_bytes():
            size += len(chunk)
            chunks.append(chunk)
            arrivals.append((size, time.perf_counter() - trace.started))
        return found.http_response, b"".join(chunks), tuple(arrivals)
