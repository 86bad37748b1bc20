"""Shards: a run divided over sessions that know nothing of each other."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .errors import UsageError

__all__ = ["Shard", "parse_shard"]

#: shards of a run; whoever puts them together names each that is missing
_MOST = 1_000_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Shard:
    """One of several equal parts of a run: `index` counts from 1 up to `count`, which is at least 2."""

    index: int
    count: int

    def __str__(self) -> str:
        return f"{self.index}/{self.count}"

    @classmethod
    def decode(cls, raw: Mapping[str, Any] | None) -> Shard | None:
        """Rebuild a shard from a manifest's settings; None where the run is not one."""
        return cls(index=raw["index"], count=raw["count"]) if raw else None


def parse_shard(place: str, text: str) -> Shard | None:
    """Parse ``I/N``: the I-th of N parts. ``1/1`` is the whole, and no shard.

    :raises UsageError: for anything else, or a part that does not exist
    """
    match = re.fullmatch(r"\s*([0-9]{1,9})\s*/\s*([0-9]{1,9})\s*", text)
    index, count = (int(match[1]), int(match[2])) if match else (0, 0)
    if not 1 <= index <= count <= _MOST:
        raise UsageError(
            f"{place}: {text!r} is no shard; write I/N with I from 1 to N, e.g. 1/8 for the first of eight, "
            f"and N of at most {_MOST:,}"
        )
    return Shard(index=index, count=count) if count > 1 else None
