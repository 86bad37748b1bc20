"""The samples of a run as columns: every epoch has a row, whatever room there is for texts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ...core.records import Record
from ..sampletable import list_flags

__all__ = ["Flips", "Row", "encode_rows", "make_row", "sort_rows"]

#: suite, model and sample to the score it had in the baseline and the one it has now
Flips = Mapping[tuple[str, str, str], tuple[float, float]]

#: characters of a text that a row shows
_SHOWN = 80
_DIGITS = re.compile(r"(\d+)")


class Row(NamedTuple):
    """One epoch of a case, as the list of samples shows it; None where something is not known."""

    suite: str
    model: str
    group: str
    sample: str
    epoch: int
    #: of the first scorer; None where it could not be scored
    score: float | None
    answer: str | None
    target: str
    flags: tuple[str, ...]
    cause: str
    error: str
    seconds: float | None
    input: int | None
    output: int | None
    #: what the sample came to in the baseline, where it came to something else
    was: float | None
    #: 1 where it rose, -1 where it fell
    moved: int


def make_row(record: Record, flips: Flips) -> Row:
    """Return the row of a record."""
    score, answer = record.primary, record.completion
    scored = record.outcome == "scored" and score is not None
    was, now = flips.get((record.suite, record.model, record.sample), (None, None))
    return Row(
        suite=record.suite,
        model=record.model,
        group=record.group,
        sample=record.sample,
        epoch=record.epoch,
        score=round(score.value, 4) if scored and score else None,
        answer=_clip(score.answer) if score and score.answer is not None else None,
        target=_clip(" | ".join(record.target)),
        flags=tuple(sorted(set(list_flags(record)))),
        cause="" if scored else record.cause or "unscored",
        error=_clip(record.error),
        seconds=_shorten(answer.timing.total) if answer else None,
        input=answer.usage.input_tokens if answer else None,
        output=answer.usage.output_tokens if answer else None,
        was=None if was is None else round(was, 4),
        moved=0 if was is None or now is None else 1 if now > was else -1,
    )


def _clip(text: str) -> str:
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


def _shorten(seconds: float) -> float:
    """Return seconds in three digits: more are noise, and take room."""
    return float(f"{seconds:.3g}")


def sort_rows(rows: Iterable[tuple[int, Row]], order: Sequence[tuple[str, str]]) -> list[tuple[int, Row]]:
    """Return numbered rows in the order people look for them in; it does not depend on which answer came first.

    :param rows: each with its number
    :param order: suites and models as they were asked
    """
    places = {place: number for number, place in enumerate(order)}

    def rank(pair: tuple[int, Row]) -> tuple[int, str, list[tuple[str, int]], int]:
        row = pair[1]
        return places.get((row.suite, row.model), len(places)), row.suite, _split_digits(row.sample), row.epoch

    return sorted(rows, key=rank)


def _split_digits(name: str) -> list[tuple[str, int]]:
    """Return a name so that 9 sorts before 10."""
    parts = _DIGITS.split(name)
    numbers = [*(int(digits[:15]) for digits in parts[1::2]), -1]
    return list(zip(parts[::2], numbers, strict=True))


def encode_rows(rows: Iterable[Row]) -> dict[str, Any]:
    """Return the columns: words stand in lists of their own, and columns hold their places."""
    columns = list(zip(*rows, strict=True)) or [()] * len(Row._fields)
    encoded: dict[str, Any] = {"words": {}}
    for name, column in zip(Row._fields, columns, strict=True):
        encoded[name] = list(column)
        if name in ("suite", "model", "group", "answer", "target", "flags", "cause", "error"):
            words = {word: place for place, word in enumerate(dict.fromkeys(column))}
            encoded["words"][name] = list(words)
            encoded[name] = [words[word] for word in column]
    encoded["sample"] = list(_shorten_names(columns))
    return encoded


def _shorten_names(columns: list[tuple[Any, ...]]) -> Iterator[str]:
    """Yield the samples' ids, ``/`` in place of a group they begin with."""
    group, sample = Row._fields.index("group"), Row._fields.index("sample")
    for prefix, name in zip(columns[group], columns[sample], strict=True):
        yield name[len(prefix) :] if prefix and name.startswith(f"{prefix}/") else f"={name}"
