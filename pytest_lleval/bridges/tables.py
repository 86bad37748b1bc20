"""Rows and columns in JSON, JSON lines or CSV, nested values under dotted names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from ..core.errors import DatasetError
from .cells import read_text
from .reading import Content, describe_value

__all__ = ["Table", "find_table"]

#: how deep a file is searched for its rows
_DEPTH = 3
_MANY = 400


@dataclass(frozen=True, kw_only=True)
class Table:
    """Rows with the line or number of each, and what stands beside them in the file."""

    columns: tuple[str, ...]
    rows: Sequence[tuple[int, Mapping[str, Any]]]
    #: a comma stands before decimals
    comma: bool = False
    #: single values of the whole file
    facts: Mapping[str, str] = field(default_factory=dict)
    #: names that the header has more than once
    repeated: frozenset[str] = frozenset()


def find_table(content: Content) -> Table:
    """Return the rows of a file.

    :raises DatasetError: when it has none, or a line is no JSON object
    """
    if content.kind == "csv":
        return _from_csv(content)
    place = str(content.path)
    if content.kind == "jsonl":
        return _from_objects([(line, _expect_object(value, f"{place}:{line}")) for line, value in content.lines], {})
    found = _search_rows(content.document, _DEPTH)
    if found is None:
        raise DatasetError(place, "holds no list of rows: expected a JSON list of objects, or an object with one in it")
    rows = [(number, _expect_object(value, f"{place}, row {number}")) for number, value in enumerate(found, 1)]
    if not rows:
        raise DatasetError(place, "has no rows")
    facts = content.document if isinstance(content.document, dict) else {}
    return _from_objects(rows, {k: read_text(v) for k, v in facts.items() if isinstance(v, (str, int, float))})


def _from_csv(content: Content) -> Table:
    header = content.header
    rows = [(line, {n: c for n, c in zip(header, cells, strict=False) if n}) for line, cells in content.lines]
    repeated = frozenset(name for name in header if header.count(name) > 1)
    columns = tuple(dict.fromkeys(name for name in header if name))
    return Table(columns=columns, rows=rows, comma=content.delimiter != ",", repeated=repeated)


def _from_objects(rows: Sequence[tuple[int, Mapping[str, Any]]], facts: Mapping[str, str]) -> Table:
    flat = [(number, _flatten(value)) for number, value in rows]
    names = dict.fromkeys(name for _, value in flat for name in value)
    return Table(columns=tuple(islice(names, _MANY)), rows=flat, facts=facts)


def _expect_object(value: object, place: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise DatasetError(place, f"is {describe_value(value)}, not a JSON object")
    return value


def _flatten(value: Mapping[str, Any], prefix: str = "", depth: int = 6) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, inner in value.items():
        if isinstance(inner, dict) and inner and depth:
            flat.update(_flatten(inner, f"{prefix}{name}.", depth - 1))
        else:
            flat[f"{prefix}{name}"] = inner
    return flat


def _search_rows(document: Any, depth: int) -> list[Any] | None:
    """Return the longest list of objects in a JSON value; a table by columns is turned into rows."""
    if isinstance(document, list):
        return document if not document or isinstance(document[0], dict) else None
    if not isinstance(document, dict) or depth == 0:
        return None
    if by_columns := _turn_columns(document):
        return by_columns
    found = [rows for value in document.values() if (rows := _search_rows(value, depth - 1)) is not None]
    return max(found, key=len, default=None)


def _turn_columns(document: Mapping[str, Any]) -> list[Any] | None:
    """Return rows of an object that holds only lists of single values, all of one length."""
    lists = list(document.values())
    if len(lists) < 2 or not all(isinstance(values, list) and values for values in lists):
        return None
    if len({len(values) for values in lists}) > 1 or isinstance(lists[0][0], (dict, list)):
        return None
    return [dict(zip(document, values, strict=True)) for values in zip(*lists, strict=True)]
