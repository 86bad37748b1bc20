"""What went wrong on the wire, in words that are safe to print."""

from __future__ import annotations

import json
import os
import re
import socket
import ssl
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import urlsplit, urlunsplit

from ..core.errors import CallError
from .ratelimits import read_wait

__all__ = [
    "Failure",
    "clean_url",
    "is_transport_error",
    "read_error_body",
    "read_exception",
    "read_status",
    "redact_secrets",
    "shorten_text",
]

_MESSAGE_CHARACTERS = 300
_KEY_SHAPES = re.compile(r"\bsk-[\w*.\-]{4,}|(?<=Bearer )[^\s'\"]+")
_URL_SECRETS = re.compile(r"(https?://)[^\s/@'\"]+@")
_REDACTED = "[key]"
#: Names in httpx and in httpx2, which is why they are names.
_NOT_CONNECTED = frozenset({"ConnectError", "ConnectTimeout", "ProxyError", "UnsupportedProtocol"})
#: what all errors of their transports are
_TRANSPORT_ERROR = "HTTPError"
#: of httpx and of aiohttp
_CONNECT_TIMEOUTS = frozenset({"ConnectTimeout", "ConnectionTimeoutError"})
#: of the statuses below 500, those that may be gone the next time
_PASSING = frozenset({408, 409, 429})
_OVERLOADED = frozenset({429, 503, 529})


@dataclass(frozen=True, kw_only=True, slots=True)
class Failure:
    """An attempt that failed, whichever client made it.

    :param status: the HTTP status; None where no answer came
    :param message: what the server said, or why no answer came; without keys, at most about 300 characters
    :param code: the server's own word for the error, e.g. ``model_not_found``
    :param sent: False where the request never left
    :param connected: False where not even a connection came about
    :param retryable: whether the same request may succeed when it is sent again
    :param overloaded: whether the server said that it is asked too much at once
    :param wait: seconds after which the server wants to be asked again; None where it did not say
    """

    message: str
    status: int | None = None
    code: str = ""
    sent: bool = True
    connected: bool = True
    retryable: bool = False
    overloaded: bool = False
    wait: float | None = None

    def describe(self) -> str:
        """Return half a sentence, e.g. ``HTTP 500: overloaded``."""
        if self.status:
            return f"HTTP {self.status}: {self.message}"
        return f"no answer: {self.message}" if self.sent else f"not sent: {self.message}"

    def as_error(self, place: str) -> CallError:
        """Return what a provider raises.

        :param place: the model as printed
        """
        return CallError(
            f"{place}: {self.describe()}",
            status=self.status,
            retryable=self.retryable,
            overloaded=self.overloaded,
            wait=self.wait,
        )


def shorten_text(text: str) -> str:
    """Return `text` on one line and not much longer than 300 characters."""
    line = " ".join(text.split())
    return line if len(line) <= _MESSAGE_CHARACTERS else line[: _MESSAGE_CHARACTERS - 1] + "…"


def redact_secrets(text: str, secrets: Iterable[str] = ()) -> str:
    """Replace the given secrets, and whatever is shaped like a key, by ``[key]``."""
    for secret in secrets:
        if secret:
            text = text.replace(secret, _REDACTED)
    return _KEY_SHAPES.sub(_REDACTED, _URL_SECRETS.sub(r"\1", text))


def clean_url(url: str) -> str:
    """Return `url` without user, password, query and fragment."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path.rstrip("/"), "", ""))


def is_transport_error(error: Exception) -> bool:
    """Tell whether an error is one of httpx or httpx2: official clients let those of a broken stream through."""
    return any(base.__name__ == _TRANSPORT_ERROR for base in type(error).__mro__)


def read_exception(error: Exception, *, secrets: Iterable[str] = (), connected: bool | None = None) -> Failure:
    """Read an exception of a client that got no answer.

    :param error: what was raised
    :param secrets: keys that must not appear in the message
    :param connected: False where not even a connection came about; None to tell by the names of httpx's errors
    """
    chain = list(_walk_causes(error))
    if connected is None:
        connected = not any(type(link).__name__ in _NOT_CONNECTED for link in chain)
    # a certificate that does not prove itself now will not do so in a second
    trusted = not any(isinstance(link, ssl.SSLCertVerificationError) for link in chain)
    message = shorten_text(redact_secrets(_find_reason(chain), secrets))
    return Failure(message=message, connected=connected, retryable=trusted)


def read_status(status: int, content: bytes, headers: Mapping[str, str], secrets: Iterable[str] = ()) -> Failure:
    """Read an answer whose status says that the request failed.

    :param secrets: keys that must not appear in the message
    """
    text = content.decode("utf-8", "replace")
    try:
        detail = _find_detail(json.loads(text))
    except (ValueError, RecursionError):
        detail = {}
    code = str(detail.get("code") or detail.get("type") or "")
    exhausted = _is_exhausted(detail)
    told = headers.get("x-should-retry")
    again = told == "true" if told in ("true", "false") else _may_pass(status)
    said = detail.get("message") or detail.get("detail") or detail.get("text") or text.strip() or _name_status(status)
    return Failure(
        message=shorten_text(redact_secrets(str(said), secrets)),
        status=status,
        code=code,
        retryable=again and not exhausted,
        overloaded=status in _OVERLOADED and not exhausted,
        wait=read_wait(status, headers),
    )


def read_error_body(body: Mapping[str, object], headers: Mapping[str, str], secrets: Iterable[str] = ()) -> Failure:
    """Read an answer whose status is 200 and whose body is an error all the same, as gateways send them.

    :param body: the JSON object, with a key ``error``
    :param secrets: keys that must not appear in the message
    """
    detail = _find_detail(body)
    meant = _find_meant_status(detail)
    exhausted = _is_exhausted(detail)
    said = detail.get("message") or body["error"]
    return Failure(
        message=f"with an error in its body: {shorten_text(redact_secrets(str(said), secrets))}",
        status=200,
        code=str(detail.get("code") or detail.get("type") or ""),
        retryable=not exhausted and (meant is None or not 400 <= meant < 500 or meant in _PASSING),
        overloaded=not exhausted and meant in _OVERLOADED,
        wait=read_wait(meant or 200, headers),
    )


def _may_pass(status: int) -> bool:
    return status in _PASSING or status >= 500


def _is_exhausted(detail: Mapping[str, object]) -> bool:
    return "insufficient_quota" in (detail.get("code"), detail.get("type"))


def _find_meant_status(detail: Mapping[str, object]) -> int | None:
    """Return the HTTP status an error object carries, as a number or in digits, where it carries one."""
    for name in ("code", "status"):
        value = str(detail.get(name, ""))
        if len(value) == len("400") and value.isascii() and value.isdigit():
            return int(value)
    return None


def _name_status(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "no reason given"


def _find_detail(body: object) -> Mapping[str, object]:
    """Return the innermost error object: servers wrap it in ``error`` or do not."""
    while isinstance(body, Mapping) and body.get("error"):
        body = body["error"]
    if isinstance(body, Mapping):
        return body
    return {"text": body} if isinstance(body, str) else {}


def _find_reason(chain: Sequence[BaseException]) -> str:
    names = [type(link).__name__ for link in chain]
    if not _CONNECT_TIMEOUTS.isdisjoint(names):
        return "no connection in time"
    if any(name.endswith(("TimeoutError", "Timeout")) for name in names):
        return "no answer in time"
    return next((text for text in map(_name_cause, reversed(chain)) if text), names[-1])


def _walk_causes(error: BaseException) -> Iterator[BaseException]:
    link: BaseException | None = error
    while link is not None:
        yield link
        link = link.exceptions[0] if isinstance(link, BaseExceptionGroup) else link.__cause__ or link.__context__


def _name_cause(error: BaseException) -> str:
    # Event loops write their own words into strerror, and Windows numbers these errors differently.
    if isinstance(error, ConnectionRefusedError):
        return "Connection refused"
    if isinstance(error, ConnectionResetError):
        return "Connection reset by peer"
    if isinstance(error, (socket.gaierror, ssl.SSLError)):
        return str(error.strerror or error)
    if isinstance(error, OSError) and error.errno:
        return os.strerror(error.errno)
    return str(error)
