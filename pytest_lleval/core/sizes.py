"""Prompt sizes of the size matrix, by name or by number of tokens."""

from __future__ import annotations

import re
from dataclasses import dataclass

from .errors import UsageError

__all__ = ["SIZES", "PromptSize", "parse_sizes"]

#: the sizes that have a name, in tokens
SIZES = {"xs": 128, "s": 512, "m": 2048, "l": 8192, "xl": 32_768}
_TOKENS = re.compile(r"(?P<number>[1-9][0-9]{0,8})(?P<kilo>k?)")
_KILO = 1024


@dataclass(frozen=True, kw_only=True, slots=True)
class PromptSize:
    """A size as it was named, and what it is in tokens."""

    name: str
    tokens: int


def parse_sizes(place: str, text: str) -> tuple[PromptSize, ...]:
    """Read sizes such as ``xs,m,4k,1000`` in ascending order; each once, under the name it first has.

    ``k`` stands for 1,024 tokens, as it does in what models are said to hold: ``2k`` is the size ``m``.

    :param place: where it was written, e.g. ``--lleval-matrix``
    :param text: names of sizes and numbers of tokens, separated by commas
    :raises UsageError: naming the place and what cannot be read
    """
    found: dict[int, PromptSize] = {}
    for word in (part.strip() for part in text.split(",")):
        tokens = _read_tokens(word.lower())
        if tokens is None:
            names = ", ".join(f"{name} ({size:,})" for name, size in SIZES.items())
            raise UsageError(
                f"{place}: {word!r} is no prompt size; write {names}, or a number of tokens above 0 such as 256 or 4k"
            )
        found.setdefault(tokens, PromptSize(name=word.lower(), tokens=tokens))
    return tuple(found[tokens] for tokens in sorted(found))


def _read_tokens(word: str) -> int | None:
    if word in SIZES:
        return SIZES[word]
    match = _TOKENS.fullmatch(word)
    return int(match["number"]) * (_KILO if match["kilo"] else 1) if match else None
