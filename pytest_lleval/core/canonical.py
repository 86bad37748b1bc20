"""The canonical form of a prompt: the same for the same words, whichever protocol carried them."""

from __future__ import annotations

from typing import Any

from ..support.digest import digest_json
from .records import Generation, Request

__all__ = ["canonical_prompt", "canonical_sampling", "digest_prompt", "join_system"]


def canonical_prompt(request: Request) -> dict[str, Any]:
    """Return what a request says to the model, as JSON values.

    Protocols place the system prompt differently: here all of it is one text beside the turns.
    """
    if request.kind == "completion":
        return {"prompt": request.prompt}
    return join_system([(message.role, message.content) for message in request.messages])


def join_system(turns: list[tuple[str, str]]) -> dict[str, Any]:
    """Return chat turns in canonical form, with their system texts joined by a blank line."""
    system = "\n\n".join(text for role, text in turns if role == "system")
    return {"system": system, "turns": [[role, text] for role, text in turns if role != "system"]}


def canonical_sampling(generation: Generation) -> dict[str, Any]:
    """Return the sampling parameters of a request that are to be sent, without its seed."""
    values = {
        "temperature": generation.temperature,
        "top_p": generation.top_p,
        "max_tokens": generation.max_tokens,
        "stop": list(generation.stop) or None,
        "top_logprobs": generation.top_logprobs or None,
    }
    return {name: value for name, value in values.items() if value is not None}


def digest_prompt(prompt: dict[str, Any]) -> str:
    """Return the sha256 of a prompt in canonical form, as 64 hex digits."""
    return digest_json(prompt)
