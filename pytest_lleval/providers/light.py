"""The light client: one HTTP request on aiohttp, with as little around it as the protocol allows.

The official client takes seven times the CPU a call and a second to import, which bounds a run long before the
network does.
"""

from __future__ import annotations

import asyncio
import base64
import io
import time
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import aiohttp
import aiohttp.http
from multidict import CIMultiDict
from yarl import URL

from ..core.records import Timing
from .failures import Failure, clean_url, read_exception, redact_secrets, shorten_text
from .network import find_proxy, make_tls
from .wire import CONNECT_SECONDS, Reply, encode_body

if TYPE_CHECKING:
    from aiohttp.client_proto import ResponseHandler
    from aiohttp.tracing import Trace

__all__ = ["MOST_BYTES", "LightWire", "WireOptions"]

#: A longer answer is an error.
MOST_BYTES = 64 * 1024 * 1024
_TOO_LONG = f"its answer is longer than {MOST_BYTES // 1024**2} MB"
_MOST_REDIRECTS = 20
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_TO_GET = frozenset({301, 302, 303})
#: aiohttp warns of longer bodies as plain bytes, which it writes in one go
_LARGE_BODY = 512 * 1024
_NOT_CONNECTED = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.ClientHttpProxyError)
#: connections the current task has opened, and seconds that took
_CONNECTING: ContextVar[tuple[int, float]] = ContextVar("pytest_lleval_connecting", default=(0, 0.0))


class _UselessError(aiohttp.ClientError):
    """An answer that another attempt would not mend."""


@dataclass(frozen=True, kw_only=True, slots=True)
class WireOptions:
    """How a server is reached.

    :param base_url: of the API; user and password in it are sent instead of the key
    :param api_key: sent as bearer token
    :param headers: further ones
    :param timeout: seconds without a byte until a request is given up
    :param idle: seconds after which an unused connection is closed
    :param trust_env: whether proxies of the environment are asked
    :param close_streams: whether a connection is used for nothing else after an answer that came in pieces
    """

    base_url: str = field(repr=False)
    api_key: str = field(repr=False)
    headers: Mapping[str, str]
    timeout: float
    idle: float
    trust_env: bool = True
    close_streams: bool = False


class _TimedConnector(aiohttp.TCPConnector):
    """Tells the current task how long it took to open a connection.

    aiohttp's own tracing would tell the same at a tenth more CPU for every call.
    """

    opened = 0

    async def connect(
        self,
        req: aiohttp.ClientRequest,
        traces: list[Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - as the method that is extended has it
    ) -> aiohttp.connector.Connection:
        """Return a connection; one that a request asks to close is kept for no other, whatever its answer says."""
        connection = await super().connect(req, traces, timeout)
        if connection.protocol is not None and req.headers.get("Connection") == "close":
            connection.protocol.force_close()
        return connection

    async def _create_connection(
        self,
        req: aiohttp.ClientRequest,
        traces: list[Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - as the method that is extended has it
    ) -> ResponseHandler:
        started = time.perf_counter()
        try:
            return await super()._create_connection(req, traces, timeout)
        finally:
            self.opened += 1
            count, seconds = _CONNECTING.get()
            _CONNECTING.set((count + 1, seconds + time.perf_counter() - started))


class LightWire:
    """Sends requests through one aiohttp session; to be made and used on one event loop.

    It follows redirects as the official client does and, like it, sends the key to no other host.

    :param options: how the server is reached
    :raises UsageError: for a proxy it cannot use, or certificates that cannot be read
    """

    def __init__(self, options: WireOptions) -> None:
        base = URL(options.base_url)
        self._options = options
        self._base = str(base.with_user(None)).rstrip("/")
        self._urls: dict[str, URL] = {}
        self._headers: CIMultiDict[str] = CIMultiDict(
            {
                "Accept": "application/json",
                "Authorization": _authorize(base, options.api_key),
                "Content-Type": "application/json",
                "User-Agent": f"pytest-lleval/{version('pytest-lleval')} {aiohttp.http.SERVER_SOFTWARE}",
                **options.headers,
            }
        )
        self._proxy = self._find_proxy(base)
        # without a limit of its own: the engine bounds what is in flight
        self._connector = _TimedConnector(
            limit=0, keepalive_timeout=options.idle, ssl=make_tls() if base.scheme == "https" else True
        )
        self._session = aiohttp.ClientSession(
            connector=self._connector,
            timeout=aiohttp.ClientTimeout(total=None, connect=CONNECT_SECONDS, sock_read=options.timeout),
            cookie_jar=aiohttp.DummyCookieJar(),
        )

    async def post(self, path: str, body: Mapping[str, Any]) -> Reply | Failure:
        """Post `body` as JSON to `path` below the base URL."""
        try:
            data = encode_body(body)
        except ValueError as error:
            return Failure(message=f"the request is no JSON in UTF-8: {error}", sent=False)
        return await self._send(path, data, closing=self._options.close_streams and bool(body.get("stream")))

    async def get_models(self) -> Reply | Failure:
        """Ask for the list of models, within `CONNECT_SECONDS`."""
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                return await self._send("/models", None)
        except TimeoutError as error:
            return self._fail(error)

    async def aclose(self) -> None:
        """Release connections."""
        await self._session.close()

    async def _send(self, path: str, data: bytes | None, *, closing: bool = False) -> Reply | Failure:
        headers = self._headers
        if closing:
            headers = headers.copy()
            headers["Connection"] = "close"
        url = self._urls.get(path)
        if url is None:
            url = self._urls[path] = URL(self._base + path)
        _CONNECTING.set((0, 0.0))
        started = time.perf_counter()
        response: aiohttp.ClientResponse | None = None
        try:
            response = await self._request(url, data, headers, self._proxy)
            if response.status in _REDIRECTS:
                response = await self._follow(response, data)
            answered = time.perf_counter()
            content, arrivals = await _read_body(response, started)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return self._fail(error)
        finally:
            # closes the connection if the body was not read to its end
            if response is not None:
                response.release()
        opened, connecting = _CONNECTING.get()
        # an answer without any connection ever opened came from somewhere else than a server
        seen = bool(self._connector.opened)
        timing = Timing(
            connect=connecting if seen else None, first_byte=answered - started, total=time.perf_counter() - started
        )
        return Reply(
            status=response.status,
            content=content,
            headers=response.headers,
            timing=timing,
            sent=data,
            declared=_read_declared(response),
            opened=opened if seen else None,
            arrivals=arrivals,
        )

    async def _request(
        self, url: URL, data: bytes | None, headers: CIMultiDict[str], proxy: str | None
    ) -> aiohttp.ClientResponse:
        if data is None:
            return await self._session.get(url, headers=headers, allow_redirects=False, proxy=proxy)
        body = data if len(data) < _LARGE_BODY else io.BytesIO(data)
        return await self._session.post(url, data=body, headers=headers, allow_redirects=False, proxy=proxy)

    async def _follow(self, response: aiohttp.ClientResponse, data: bytes | None) -> aiohttp.ClientResponse:
        headers = self._headers.copy()
        for _ in range(_MOST_REDIRECTS):
            location = response.headers.get("Location")
            if response.status not in _REDIRECTS or not location:
                return response
            response.release()
            target = _find_target(response.url, location)
            if not _keeps_key(response.url, target):
                headers.popall("Authorization", None)
            # as browsers and the official client do
            data = None if response.status in _TO_GET else data
            response = await self._request(target, data, headers, self._find_proxy(target))
        response.release()
        raise _UselessError(f"it redirects more than {_MOST_REDIRECTS} times")

    def _find_proxy(self, url: URL) -> str | None:
        return find_proxy(str(url)) if self._options.trust_env else None

    def _fail(self, error: Exception) -> Failure:
        failure = read_exception(
            error, secrets=(self._options.api_key,), connected=not isinstance(error, _NOT_CONNECTED)
        )
        if isinstance(error.__cause__, aiohttp.http.HttpProcessingError):
            # as text it would begin with a status that no server has sent
            said = redact_secrets(error.__cause__.message, (self._options.api_key,))
            failure = replace(failure, message=shorten_text(said))
        if isinstance(error, aiohttp.ClientHttpProxyError):
            failure = replace(failure, message=f"HTTP {error.status}", retryable=error.status >= 500)
        if isinstance(error, (aiohttp.ClientHttpProxyError, aiohttp.ClientProxyConnectionError)) and self._proxy:
            failure = replace(failure, message=f"{failure.message} from the proxy {clean_url(self._proxy)}")
        return replace(failure, retryable=failure.retryable and not isinstance(error, (_UselessError, ValueError)))


def _read_declared(response: aiohttp.ClientResponse) -> int | None:
    """Return the length of the body that was sent; None after a redirect to GET, and where nobody says."""
    try:
        return int(response.request_info.headers["Content-Length"])
    except (AttributeError, KeyError, ValueError):
        return None


async def _read_body(response: aiohttp.ClientResponse, started: float) -> tuple[bytes, tuple[tuple[int, float], ...]]:
    """Return the body, and how much of it had come after how many seconds."""
    if (response.content_length or 0) > MOST_BYTES:
        raise _UselessError(_TOO_LONG)
    stream = response.content
    chunks: list[bytes] = []
    arrivals: list[tuple[int, float]] = []
    size = 0
    while chunk := await stream.readany():
        size += len(chunk)
        if size > MOST_BYTES:
            raise _UselessError(_TOO_LONG)
        chunks.append(chunk)
        arrivals.append((size, time.perf_counter() - started))
    return b"".join(chunks), tuple(arrivals)


def _authorize(base: URL, api_key: str) -> str:
    if base.user is None:
        return f"Bearer {api_key}"
    pair = f"{base.user}:{base.password or ''}"
    return "Basic " + base64.b64encode(pair.encode()).decode("ascii")


def _find_target(source: URL, location: str) -> URL:
    try:
        # no header but ours says who asks
        target = source.join(URL(location)).with_user(None)
    except ValueError:
        target = URL()
    if target.scheme not in ("http", "https") or not target.host:
        raise _UselessError(f"it redirects to {location!r:.200}, which is no address")
    return target


def _keeps_key(source: URL, target: URL) -> bool:
    """Tell whether the key may go to where a redirect leads: the same origin, or the same host by TLS."""
    if source.host != target.host:
        return False
    here, there = (source.scheme, source.port), (target.scheme, target.port)
    return here == there or (here, there) == (("http", 80), ("https", 443))
