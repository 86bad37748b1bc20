"""What was asked and answered, as much of it as the page has room for."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ...core.records import Record
from .exchanges import clip, encode_details, flatten
from .packing import pack
from .rows import Row

__all__ = ["Kept", "Texts"]

#: characters of all texts that are kept while the journal is read, several times what any page has room for
_MOST = 16_000_000
#: one in so many right answers is as good as a wrong one
_EIGHTH = 8
_TRIES = 6
#: behind all others
_NOT_ASKED = 4


class _Text(NamedTuple):
    """The texts of one row."""

    number: int
    rank: tuple[int, int]
    base: str
    #: how much of the prompt is that of its base
    shared: int
    rest: str
    answer: str | None
    details: Mapping[str, Any]
    size: int


class Kept(NamedTuple):
    """The texts that fit."""

    packed: str
    rows: int


class Texts:
    """Takes the records as they are read, and keeps the texts people look for first.

    Those that could not be scored come first, then those that changed against the baseline, then wrong answers with an
    eighth of the right ones among them, then the others; of each kind a choice spread over all groups.
    """

    def __init__(self) -> None:
        self._texts: list[_Text] = []
        self._bases: dict[str, str] = {}
        self._size = 0

    def add(self, number: int, record: Record, row: Row) -> None:
        """Take a record.

        :param number: its place in the journal
        :param row: how the list shows it
        """
        prompt = clip(flatten(record.request) if record.request else "")
        base = f"{record.suite} {record.group}"
        shared = _count_shared(self._bases.setdefault(base, prompt), prompt)
        answer = clip(record.completion.text) if record.completion else None
        details = encode_details(record)
        rest = prompt[shared:]
        size = len(rest) + len(answer or "") + sum(map(len, map(str, details.values())))
        # an answer that was read whole is in its row already
        shown = None if answer is not None and answer == row.answer else answer
        self._texts.append(_Text(number, _rank(row), base, shared, rest, shown, details, size))
        self._size += size
        if self._size > _MOST:
            self._prune()

    def _prune(self) -> None:
        self._texts.sort(key=lambda text: text.rank)
        while self._size > _MOST // 2:
            self._size -= self._texts.pop().size

    def fit(self, places: Mapping[int, int], room: int) -> Kept:
        """Return as many texts as there is room for.

        :param places: where the row of each record stands in the list
        :param room: characters
        """
        ranked = sorted(self._texts, key=lambda text: text.rank)
        best, share, refused = Kept(pack(self._encode([], places)), 0), 0.3, len(ranked) + 1
        for _ in range(_TRIES):
            count = min(_count_fitting(ranked, room / share), refused - 1)
            if count <= best.rows:
                break
            packed = pack(self._encode(ranked[:count], places))
            share = len(packed) / max(1, sum(text.size for text in ranked[:count])) * 1.005
            if len(packed) <= room:
                best = Kept(packed, count)
            else:
                refused = count
        return best

    def _encode(self, texts: Sequence[_Text], places: Mapping[int, int]) -> dict[str, Any]:
        """Return columns: rows, the prompt and the answer of each, and what else is known.

        A prompt is the place of its base, how much of that it begins with, and what follows; several rows may share it.
        """
        chosen = sorted((places[text.number], text) for text in texts)
        names = dict.fromkeys(text.base for _, text in chosen)
        bases = {name: place for place, name in enumerate(names)}
        longest = dict.fromkeys(bases, 0)
        prompts: dict[tuple[int, int, str], int] = {}
        columns: dict[str, list[Any]] = {"row": [], "prompt": [], "answer": [], "details": []}
        for row, text in chosen:
            longest[text.base] = max(longest[text.base], text.shared)
            units = _count_units(self._bases[text.base][: text.shared])
            prompt = prompts.setdefault((bases[text.base], units, text.rest), len(prompts))
            values = (row, prompt, text.answer if text.answer is not None else 0, dict(text.details))
            for column, value in zip(columns.values(), values, strict=True):
                column.append(value)
        heads = [self._bases[name][: longest[name]] for name in bases]
        return {"bases": heads, "prompts": list(zip(*prompts, strict=True)) or [[], [], []], **columns}


def _rank(row: Row) -> tuple[int, int]:
    """Return what brings a row's texts into the page: a small one comes first."""
    spread = zlib.crc32(row.sample.encode("utf-8", "replace"))
    if row.cause:
        return (_NOT_ASKED if row.cause == "decided" else 0), spread
    if row.moved:
        return 1, spread
    is_right = row.score is not None and row.score >= 1
    return (3 if is_right and spread % _EIGHTH else 2), spread // _EIGHTH


def _count_shared(base: str, text: str) -> int:
    """Return how many characters two texts begin with alike."""
    low, high = 0, min(len(base), len(text))
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if base[low:middle] == text[low:middle] else (low, middle - 1)
    return low


def _count_units(text: str) -> int:
    """Return the length of a text as browsers count it."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def _count_fitting(texts: Sequence[_Text], most: float) -> int:
    total = 0
    for count, text in enumerate(texts):
        total += text.size
        if total > most:
            return count
    return len(texts)
