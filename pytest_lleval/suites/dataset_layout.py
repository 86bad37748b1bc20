"""How rows lie in a document: in a list, under ``samples``, or as promptfoo's ``tests`` with their ``vars``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..core.errors import DatasetError

__all__ = ["ROW_KEYS", "find_rows", "open_vars"]

#: the keys rows can lie under
ROW_KEYS = ("samples", "tests")
_REFERENCE = "file://"


def find_rows(document: object, place: str) -> Sequence[object]:
    """Return the rows of a JSON or YAML document.

    They are a list, or lie under ``samples`` or ``tests``; the ``vars`` of promptfoo's ``defaultTest`` are filled in.

    :param document: what was read
    :param place: the file, for messages
    :raises DatasetError: when there are no rows, or they are in another file
    """
    if not isinstance(document, Mapping):
        return _expect_rows(document, "the document", place)
    found = [key for key in ROW_KEYS if key in document]
    if len(found) != 1:
        keys = ", ".join(map(repr, document)) or "none"
        raise DatasetError(
            place, f"must be a list of rows, or have one of the keys 'samples' and 'tests' (it has {keys})"
        )
    rows = _expect_rows(document[found[0]], repr(found[0]), place)
    reference = next((row for row in rows if isinstance(row, str)), None) if found == ["tests"] else None
    if reference is not None:
        raise DatasetError(place, f"'tests' refers to {reference!r}, which is not read; write its rows in place")
    defaults = document.get("defaultTest") or {}
    if isinstance(defaults, str):
        raise DatasetError(
            place, f"'defaultTest' is in another file, {defaults!r}, which is not read; write it in place"
        )
    shared = defaults.get("vars") if isinstance(defaults, Mapping) else None
    return [_fill_in(row, shared) for row in rows] if isinstance(shared, Mapping) else rows


def open_vars(row: Mapping[str, object], place: str) -> Mapping[str, object]:
    """Return a row with promptfoo's ``vars``, if it has them, as columns of their own beside the others.

    :param place: the row, for messages
    :raises DatasetError: when a variable is called like another column, or its value is in another file
    """
    inner = row.get("vars")
    if isinstance(inner, str) and row.keys() <= {"vars", "assert", "description", "options", "metadata"}:
        raise DatasetError(place, f"'vars' are in another file, {inner!r}, which is not read; write them in place")
    if not isinstance(inner, Mapping):
        return row
    for name, value in inner.items():
        if name in row:
            raise DatasetError(place, f"the variable {name!r} is called like a key of the test; rename the variable")
        if isinstance(value, str) and value.startswith(_REFERENCE):
            raise DatasetError(place, f"{name!r} is in another file, {value!r}, which is not read; write it in place")
    return {**inner, **{name: value for name, value in row.items() if name != "vars"}}


def _expect_rows(rows: object, what: str, place: str) -> Sequence[object]:
    if rows is None:
        return ()
    if isinstance(rows, str):
        raise DatasetError(
            place, f"{what} is {rows!r}, not a list of rows; name the file that holds them as the dataset"
        )
    if not isinstance(rows, list):
        raise DatasetError(place, f"{what} must be a list of rows, not {type(rows).__name__}")
    return rows


def _fill_in(row: object, shared: Mapping[str, object]) -> object:
    if not isinstance(row, Mapping):
        return row
    own = row.get("vars", {})
    return {**row, "vars": {**shared, **own}} if isinstance(own, Mapping) else row
