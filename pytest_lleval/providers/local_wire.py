"""Plain requests to the local server, beside the client that asks the model."""

from __future__ import annotations

import json
import re
import urllib.error
import urllib.request
from collections.abc import Mapping
from http.client import HTTPException

__all__ = ["ask_server", "find_root", "is_answering", "read_computed"]

_COMPUTED = re.compile(r"^llamacpp:tokens_predicted_total\s+([0-9.eE+]+)$", re.MULTILINE)

# The server is on this machine: a proxy set in the environment must not be asked.
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def find_root(url: str) -> str:
    """Return the root of the server that speaks a protocol at ``root/v1``."""
    return url.rstrip("/").removesuffix("/v1")


def ask_server(url: str, body: Mapping[str, object] | None = None, *, seconds: float = 60.0) -> dict[str, object]:
    """Get `url`, or post `body` to it, and return the JSON object that comes back.

    :param seconds: how long to wait
    :raises OSError: when no answer comes, or one that says it failed
    """
    data = None if body is None else json.dumps(body).encode("ascii")
    request = urllib.request.Request(url, data=data, headers={"Content-Type": "application/json"})  # noqa: S310
    with _OPENER.open(request, timeout=seconds) as response:
        answer = json.load(response)
    if not isinstance(answer, dict):
        raise OSError(f"{url} answered {answer!r} instead of a JSON object")
    return answer


def read_computed(url: str, *, seconds: float = 5.0) -> int | None:
    """Return how many tokens of answers the server that speaks a protocol at `url` has computed since its start.

    Its counters are in Prometheus' text format; None where they cannot be read.

    :param seconds: how long to wait
    """
    try:
        with _OPENER.open(find_root(url) + "/metrics", timeout=seconds) as response:
            text = response.read().decode("utf-8", "replace")
    except (OSError, HTTPException):
        return None
    found = _COMPUTED.search(text)
    return int(float(found[1])) if found else None


def is_answering(url: str, *, seconds: float = 5.0) -> bool:
    """Tell whether the server that speaks a protocol at `url` says that it is well."""
    try:
        return ask_server(find_root(url) + "/health", seconds=seconds).get("status") == "ok"
    except (OSError, ValueError):
        return False
