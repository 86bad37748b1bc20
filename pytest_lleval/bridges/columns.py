"""Which column of a table is taken for what: by its usual name, or as ``--map`` says."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ..core.errors import UnknownNameError, UsageError
from .column_names import KEYS, SECONDS_OF, SIZE_UNITS, TIME_KEYS, Meaning, read_meaning

__all__ = ["ChosenColumn", "choose_columns", "parse_mapping"]

_OPTION = "lleval audit --map"
#: two columns for one of these are a question, not a choice
_UNIQUE = frozenset({"latency", "size", "prompt_tokens", "output_tokens"})
_TOLD_ABOUT_WORK = frozenset(KEYS) - {"sample", "host", "gpu", "python", "system", "version", "started", "provider"}
_WITH_UNIT = re.compile(r"(?P<column>.*)\[(?P<unit>[^\[\]]*)\]")


@dataclass(frozen=True, kw_only=True)
class ChosenColumn:
    """What ``--map`` says of one key: the column, empty for none, and its unit, empty for that of its name."""

    column: str
    unit: str = ""


def parse_mapping(words: Iterable[str]) -> dict[str, ChosenColumn]:
    """Read the values of ``--map``: ``KEY=COLUMN[UNIT],KEY=COLUMN,…``.

    :raises UsageError: when one is not of this form, or the key or the unit is not known
    """
    chosen: dict[str, ChosenColumn] = {}
    for word in words:
        for piece in _split_pieces(word):
            key, equals, column = piece.partition("=")
            key = key.strip()
            if not equals:
                raise UsageError(f"{_OPTION}={word}: {piece!r} is not of the form KEY=COLUMN")
            if key not in KEYS:
                raise UnknownNameError(f"{_OPTION}={word}", "key", key, KEYS)
            if key in chosen:
                raise UsageError(f"{_OPTION}={word}: {key!r} is mapped twice; name one column for it")
            chosen[key] = _read_choice(key, column.strip(), word)
    return chosen


def choose_columns(
    columns: Sequence[str], mapping: Mapping[str, ChosenColumn], place: str
) -> dict[str, tuple[str, Meaning]]:
    """Return for each key the column that is taken for it, with its meaning.

    :param columns: the names in the file, dotted where they are nested
    :param mapping: what the user says of some keys
    :param place: the file, for messages
    :raises UsageError: when a mapped column is not there, two columns could be the same thing, or none is known
    """
    found: dict[str, tuple[str, Meaning]] = {}
    for key, choice in mapping.items():
        if choice.column:
            found[key] = (choice.column, _use_choice(key, choice, columns, place))
    taken = {column for column, _ in found.values()}
    candidates: dict[str, list[tuple[str, Meaning]]] = {}
    for column in columns:
        meaning = read_meaning(column)
        if meaning and column not in taken and meaning.key not in mapping:
            candidates.setdefault(meaning.key, []).append((column, meaning))
    for key, several in candidates.items():
        found[key] = _pick_one(key, several, place)
    if not _TOLD_ABOUT_WORK & set(found):
        raise UsageError(
            f"{place}: no column tells of prompts, answers, sizes or times by a usual name; it has {_list(columns)}: "
            "say what they are, e.g. --map latency=COLUMN,size=COLUMN"
        )
    return found


def _split_pieces(word: str) -> list[str]:
    """Split at commas; a comma that is followed by no key belongs to a column's name."""
    pieces: list[str] = []
    for part in word.split(","):
        if "=" in part or not pieces:
            pieces.append(part)
        else:
            pieces[-1] += f",{part}"
    return pieces


def _read_choice(key: str, text: str, word: str) -> ChosenColumn:
    match = _WITH_UNIT.fullmatch(text)
    if not match:
        return ChosenColumn(column=text)
    units = tuple(SECONDS_OF) if key in TIME_KEYS else SIZE_UNITS
    if match["unit"] not in units:
        raise UsageError(f"{_OPTION}={word}: {match['unit']!r} is no unit of {key!r}; use one of {', '.join(units)}")
    return ChosenColumn(column=match["column"].strip(), unit=match["unit"])


def _use_choice(key: str, choice: ChosenColumn, columns: Sequence[str], place: str) -> Meaning:
    if choice.column not in columns:
        raise UnknownNameError(f"{_OPTION} {key}={choice.column}: {place}", "column", choice.column, columns)
    named = read_meaning(choice.column)
    fixed = next((unit for unit in ("tokens", "chars") if key in (f"prompt_{unit}", f"output_{unit}")), "")
    unit = choice.unit or fixed or (named.unit if named else "")
    timed = key in TIME_KEYS
    return Meaning(key, unit if (unit in SECONDS_OF) == timed else "", 0)


def _pick_one(key: str, several: Sequence[tuple[str, Meaning]], place: str) -> tuple[str, Meaning]:
    depth = min(meaning.rank // 100 for _, meaning in several)
    near = [candidate for candidate in several if candidate[1].rank // 100 == depth]
    if key in _UNIQUE and len(near) > 1:
        names = " and ".join(repr(column) for column, _ in near)
        raise UsageError(f"{place}: {names} could each be the {key}; say which one: --map {key}={near[0][0]}")
    # a rate in tokens goes before one in characters, which is then no more than an addition
    return min(near, key=lambda candidate: (candidate[1].unit == "chars", candidate[1].rank))


def _list(columns: Sequence[str]) -> str:
    shown = ", ".join(repr(column) for column in columns[:12])
    return shown + (f" and {len(columns) - 12} more" if len(columns) > 12 else "")
