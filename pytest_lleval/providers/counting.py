"""Token counts without asking a server."""

from __future__ import annotations

import asyncio
import importlib
import math
from functools import lru_cache
from typing import Any

from ..core.records import Request

__all__ = ["APPROXIMATION", "count_request", "estimate_tokens"]

#: The name of the estimate, which is no tokenizer: about right for English prose, too low for code and most scripts.
APPROXIMATION = "approximation: characters / 4"
_CHARACTERS_PER_TOKEN = 4


def estimate_tokens(request: Request) -> tuple[int, str]:
    """Return a quarter of the characters of a request, rounded up, and the name of this estimate."""
    return math.ceil(sum(map(len, _list_texts(request))) / _CHARACTERS_PER_TOKEN), APPROXIMATION


async def count_request(request: Request, model: str) -> tuple[int, str]:
    """Count a request's tokens with tiktoken where it is installed and knows `model`, else estimate them.

    The chat template's own tokens are not counted; the name returned says so.
    """
    encoding = await asyncio.to_thread(_find_encoding, model)
    if encoding is None:
        return estimate_tokens(request)
    # Text that looks like a special token is data here.
    count = sum(len(encoding.encode(text, disallowed_special=())) for text in _list_texts(request))
    return count, f"tiktoken {encoding.name}, without the chat template"


def _list_texts(request: Request) -> list[str]:
    return [message.content for message in request.messages] or [request.prompt]


@lru_cache(maxsize=8)
def _find_encoding(model: str) -> Any:
    """Return tiktoken's encoding; None where it is not installed, does not know the model or cannot fetch its table."""
    try:
        return importlib.import_module("tiktoken").encoding_for_model(model)
    except (ImportError, KeyError, OSError):
        return None
