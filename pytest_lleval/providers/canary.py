"""Small requests before a run that only something which reads its prompt can answer.

A probe asks for a number nobody could know before. The smallest models repeat it; a script, a cassette and whatever
else answers without looking at the question do not.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ..core.canonical import canonical_prompt
from ..core.records import Completion, Generation, Message, Request, RequestKind

__all__ = ["add_system", "describe_answer", "has_repeated", "is_proof", "make_probe", "renew_probe"]

_NUMBER = re.compile(r"\d{4,}")
#: a conversation in words that are one token each to most tokenizers; what is left out or put in shows in its count
_SYSTEM = (
    "You are here to help people with small tasks. Read what they ask, do what they say, and say no more than that. "
    "If a number is in what they ask, give back the number as it is, with no other words, marks or lines around it. "
    "If there is no number, say that there is none."
)
_SHOT = (
    "Here is a note I found in an old book: the road to the town goes along the river, past the house of the doctor, "
    "and then over the hill to the sea. Below it is a number that I would like to have from you now, as it is. "
    "Repeat this number: {number}"
)


def make_probe(kind: RequestKind, generation: Generation) -> Request:
    """Return a small request of a kind that asks for a new number."""
    number = 1000 + secrets.randbelow(9000)
    if kind == "completion":
        return Request(prompt=f"Number: {number}\nNumber: {number}\nNumber: {number}\nNumber:", generation=generation)
    content = f"Repeat this number: {number}"
    return Request(messages=(Message(role="user", content=content),), generation=generation)


def renew_probe(probe: Request) -> Request:
    """Return the same probe with another number."""
    return make_probe(probe.kind, probe.generation)


def add_system(probe: Request) -> Request:
    """Return a chat probe with a system prompt and a turn before it, so that nothing in it is the template's choice."""
    asked = int(_find_number(probe) or 0)
    # any but the one that is asked for
    number = str(1000 + (asked - 1000 + 1 + secrets.randbelow(8999)) % 9000)
    shot = (Message(role="user", content=_SHOT.format(number=number)), Message(role="assistant", content=number))
    return replace(probe, messages=(Message(role="system", content=_SYSTEM), *shot, *probe.messages))


def has_repeated(probe: Request, completion: Completion) -> bool:
    """Tell whether an answer holds the number the probe asked for."""
    number = _find_number(probe)
    return number is not None and number in completion.text


def is_proof(found: Mapping[str, Any]) -> bool:
    """Tell whether an answer shows that the prompt was read: it holds the number, and is not the question itself."""
    return bool(found["repeated"]) and not found["echoed"]


def describe_answer(probe: Request, completion: Completion) -> dict[str, Any]:
    """Return what the answer to a probe shows, as JSON values."""
    asked = probe.prompt or probe.messages[-1].content
    return {
        "kind": probe.kind,
        "prompt": canonical_prompt(probe),
        "text": completion.text[:200],
        "repeated": has_repeated(probe, completion),
        # whoever gives the whole question back, in whatever frame, has not answered it
        "echoed": asked.strip() in completion.text,
        # thought up to its limit, or says nothing: no evidence either way
        "empty": not completion.text.strip(),
        "input_tokens": completion.usage.input_tokens,
        "output_tokens": completion.usage.output_tokens,
        "seconds": round(completion.timing.total, 6),
        "connect": completion.timing.connect,
        "opened": completion.trace.opened if completion.trace else None,
        "processes": completion.trace.processes if completion.trace else None,
        "model": completion.model,
        "fingerprint": completion.fingerprint,
    }


def _find_number(probe: Request) -> str | None:
    found = _NUMBER.search(probe.prompt or probe.messages[-1].content)
    return found[0] if found else None
