"""What went wrong on the wire, in words that are safe to print."""

from __future__ import annotations

import os
import re
import socket
import ssl
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

__all__ = ["Failure", "clean_url", "read_failure", "redact_secrets", "shorten_text"]

_MESSAGE_CHARACTERS = 300
_KEY_SHAPES = re.compile(r"\bsk-[\w*.\-]{4,}|(?<=Bearer )[^\s'\"]+")
_URL_SECRETS = re.compile(r"(https?://)[^\s/@'\"]+@")
_REDACTED = "[key]"
#: Names in httpx and in httpx2, which is why they are names.
_NOT_CONNECTED = frozenset({"ConnectError", "ConnectTimeout", "ProxyError", "UnsupportedProtocol"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Failure:
    """A call that failed for good, as the client of either protocol reports it.

    :param status: the HTTP status; None where no answer came
    :param message: what the server said, or why no answer came; without keys, at most about 300 characters
    :param code: the server's own word for the error, e.g. ``model_not_found``
    :param attempts: requests sent
    :param connected: False where not even a connection came about
    """

    message: str
    status: int | None = None
    code: str = ""
    attempts: int = 1
    connected: bool = True

    def describe(self) -> str:
        """Return half a sentence, e.g. ``HTTP 500 after 3 attempts: overloaded``."""
        what = f"HTTP {self.status}" if self.status else "no answer"
        tries = f" after {self.attempts} attempts" if self.attempts > 1 else ""
        return f"{what}{tries}: {self.message}"


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


def read_failure(error: Exception, *, attempts: int, secrets: Iterable[str] = ()) -> Failure:
    """Read an error of the `openai` or `anthropic` client; both have the same shapes.

    :param error: an ``APIError`` of either client, or an exception raised before anything was sent
    :param attempts: requests sent
    :param secrets: keys that must not appear in the message
    """
    status = getattr(error, "status_code", None)
    body = _find_detail(getattr(error, "body", None))
    said = body.get("message") or body.get("detail") or body.get("text")
    chain = list(_walk_causes(error))
    if status is None:
        said = said or _find_reason(chain)
    return Failure(
        message=shorten_text(redact_secrets(str(said or error), secrets)),
        status=status,
        code=str(body.get("code") or body.get("type") or ""),
        attempts=max(attempts, 1),
        connected=not any(type(link).__name__ in _NOT_CONNECTED for link in chain),
    )


def _find_detail(body: object) -> Mapping[str, object]:
    """Return the innermost error object: servers wrap it in ``error`` or do not."""
    if isinstance(body, Mapping):
        inner = body.get("error")
        return _find_detail(inner) if inner else body
    return {"text": body} if isinstance(body, str) else {}


def _find_reason(chain: Sequence[BaseException]) -> str:
    names = [type(link).__name__ for link in chain]
    if "ConnectTimeout" in names:
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
