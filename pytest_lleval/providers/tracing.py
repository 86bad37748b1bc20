"""What the transport of an official client really did in one call: connections opened, first byte."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Protocol

from ..core.records import Timing

__all__ = ["CallTrace", "trace_request", "watch_call"]

#: Steps of httpcore's ``trace`` extension that make up a connection, proxies and TLS included.
_CONNECT_STEPS = frozenset({"connect_tcp", "connect_unix_socket", "setup_socks5_connection", "start_tls"})


class _TracedRequest(Protocol):
    @property
    def extensions(self) -> dict[str, object]: ...

    @property
    def content(self) -> bytes: ...


@dataclass(kw_only=True, slots=True)
class CallTrace:
    """The clock of one call, fed by the transport; all times in seconds of `time.perf_counter`."""

    started: float = field(default_factory=time.perf_counter)
    #: connections opened for this call
    connections: int = 0
    #: the body of the request, where it is known before it is sent
    sent: bytes | None = None
    first_byte: float | None = None
    _connecting: float = 0.0
    _step_started: float = 0.0
    _seen: bool = False

    async def observe(self, event: str, info: Mapping[str, object]) -> None:  # noqa: ARG002 - httpcore passes both
        """Take one event of httpcore's ``trace`` extension, e.g. ``connection.connect_tcp.started``."""
        now = time.perf_counter()
        _, step, state = event.split(".", 2)
        self._seen = True
        if step in _CONNECT_STEPS:
            self._observe_connecting(step, state, now)
        elif step == "receive_response_headers" and state == "complete":
            self.first_byte = now - self.started

    def _observe_connecting(self, step: str, state: str, now: float) -> None:
        if state == "started":
            self._step_started = now
            return
        self._connecting += now - self._step_started
        if state == "complete" and step.startswith("connect_"):
            self.connections += 1

    @property
    def opened(self) -> int | None:
        """Connections opened for this call; None where no transport of the client's own was at work."""
        return self.connections if self._seen else None

    def read_timing(self) -> Timing:
        """Return the timing up to now; connecting is 0.0 where a kept connection was used again."""
        return Timing(
            connect=self._connecting if self._seen else None,
            first_byte=self.first_byte,
            total=time.perf_counter() - self.started,
        )


_CURRENT: ContextVar[CallTrace | None] = ContextVar("pytest_lleval_call_trace", default=None)


@contextmanager
def watch_call() -> Iterator[CallTrace]:
    """Trace every request that the current task sends inside the block."""
    trace = CallTrace()
    token = _CURRENT.set(trace)
    try:
        yield trace
    finally:
        _CURRENT.reset(token)


async def trace_request(request: _TracedRequest) -> None:
    """Attach the trace of the current call to a request; an httpx ``request`` event hook.

    A hook, unlike a transport of our own, leaves the client's proxies, certificates and socket options as they are.
    """
    trace = _CURRENT.get()
    # A redirected request inherits the extension of the one that was redirected.
    if trace is not None and "trace" not in request.extensions:
        request.extensions["trace"] = trace.observe
        # reading a body that is made while it is sent raises
        with suppress(Exception):
            trace.sent = request.content
