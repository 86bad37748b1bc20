"""Token counts without asking a server."""

from __future__ import annotations

import asyncio
import importlib
import math
import re
import threading
from concurrent.futures import Future
from typing import Any

from ..core.records import Request

__all__ = ["APPROXIMATION", "count_request", "count_text", "estimate_text", "estimate_tokens", "list_texts"]

#: The name of the estimate, which is no tokenizer.
APPROXIMATION = "approximation: a token a word, a mark, 2 digits, 6 further letters, 1.5 signs of other scripts"
_PIECES = re.compile(r"(?P<word>[A-Za-z]+)|(?P<digits>[0-9]+)|(?P<other>[^\W\d_A-Za-z]+)|(?P<marks>[^\w\s]+|_+)")
_ENCODINGS: dict[str, Future[Any]] = {}
_LOAD_SECONDS = 5.0
_LETTERS = 6
_DIGITS = 2
_SIGNS = 1.5
_MARKS = 2


def estimate_text(text: str) -> int:
    """Estimate the tokens of a text, within a factor of about two of any common tokenizer in any script."""
    total = 0.0
    for piece in _PIECES.finditer(text):
        size = piece.end() - piece.start()
        match piece.lastgroup:
            case "word":
                total += 1 + (size - 1) // (_LETTERS + 1) if size > 1 else 1
            case "digits":
                total += size / _DIGITS
            case "other":
                total += size / _SIGNS
            case _:
                total += size / _MARKS if size > 1 else 1
    # sums of thirds may differ by their order in the last bit
    return math.ceil(round(total, 6))


def estimate_tokens(request: Request) -> tuple[int, str]:
    """Estimate the input tokens of a request; also name the estimate."""
    return sum(map(estimate_text, list_texts(request))), APPROXIMATION


async def count_request(request: Request, model: str) -> tuple[int, str]:
    """Count a request's tokens with tiktoken where it is installed and knows `model`, else estimate them.

    The chat template's own tokens are not counted; the name returned says so.
    """
    encoding = await _load_encoding(model)
    if encoding is None:
        return estimate_tokens(request)
    # Text that looks like a special token is data here.
    count = sum(len(encoding.encode(text, disallowed_special=())) for text in list_texts(request))
    return count, f"tiktoken {encoding.name}, without the chat template"


async def count_text(text: str, model: str) -> tuple[int, str]:
    """Count a text's tokens as `count_request` counts a request's."""
    encoding = await _load_encoding(model)
    if encoding is None:
        return estimate_text(text), APPROXIMATION
    return len(encoding.encode(text, disallowed_special=())), f"tiktoken {encoding.name}"


def list_texts(request: Request) -> list[str]:
    """Return the texts of a request: of each message, or the bare prompt."""
    return [message.content for message in request.messages] or [request.prompt]


async def _load_encoding(model: str) -> Any:
    """Return tiktoken's encoding; None where it cannot be had soon: its table is fetched on first use."""
    future = _ENCODINGS.get(model)
    if future is None:
        future = _ENCODINGS[model] = Future()
        # a daemon: whoever waits for a network that swallows packets must not hold up the end of the process
        threading.Thread(target=_find_encoding, args=(model, future), name="lleval-tokens", daemon=True).start()
    try:
        return await asyncio.wait_for(asyncio.shield(asyncio.wrap_future(future)), _LOAD_SECONDS)
    except TimeoutError:
        return None


def _find_encoding(model: str, future: Future[Any]) -> None:
    """Find tiktoken's encoding; None where it is not installed, does not know the model or cannot fetch its table."""
    try:
        future.set_result(importlib.import_module("tiktoken").encoding_for_model(model))
    except (ImportError, KeyError, OSError):
        future.set_result(None)
