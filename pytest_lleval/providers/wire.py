"""What carries one request to a server and its answer back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

from ..core.records import Timing
from .failures import Failure

__all__ = ["CONNECT_SECONDS", "Reply", "Wire", "encode_body", "start_earlier"]

#: until a connection must have come about, and for a look at the list of models
CONNECT_SECONDS = 10.0

# the same bytes as the official clients send, but for the order of keys
_ENCODE = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode


@dataclass(frozen=True, kw_only=True, slots=True)
class Reply:
    """An HTTP answer of whatever status, before it is understood; header names are found in any case."""

    status: int
    content: bytes
    headers: Mapping[str, str]
    timing: Timing
    #: the body as it left the process; None where the client does not show it
    sent: bytes | None = None
    #: how long the HTTP client says that body was, which whoever sits between us and it may have changed
    declared: int | None = None
    #: connections opened for it; None where no transport was seen at work
    opened: int | None = None
    #: how many bytes of the body had come after how many seconds; nothing where the client does not show it
    arrivals: tuple[tuple[int, float], ...] = ()


def start_earlier(reply: Reply, seconds: float) -> Reply:
    """Return a reply whose moments count from so many seconds before."""
    timing = reply.timing
    first = None if timing.first_byte is None else timing.first_byte + seconds
    return replace(
        reply,
        timing=replace(timing, first_byte=first, total=timing.total + seconds),
        arrivals=tuple((size, moment + seconds) for size, moment in reply.arrivals),
    )


class Wire(Protocol):
    """Sends requests to one server, each once; a failure is a value, so that no traceback shows what was sent."""

    async def post(self, path: str, body: Mapping[str, Any]) -> Reply | Failure:
        """Post `body` as JSON to `path` below the base URL."""

    async def get_models(self) -> Reply | Failure:
        """Ask for the list of models, within `CONNECT_SECONDS`."""

    async def aclose(self) -> None:
        """Release connections."""


def encode_body(body: Mapping[str, Any]) -> bytes:
    """Return `body` as the UTF-8 JSON that the official clients send.

    :raises ValueError: for text with lone surrogates, which UTF-8 cannot carry, and for numbers JSON does not have
    """
    return _ENCODE(body).encode()
