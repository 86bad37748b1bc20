"""Rows of the files a test can name as its dataset, each with the place it was found at."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from ..core.errors import DatasetError
from ..core.extras import import_extra
from .dataset_layout import find_rows
from .dataset_yaml import read_yaml_rows
from .parquet import read_table_rows
from .sources import read_json_rows

__all__ = ["SUFFIXES", "read_file_rows"]

#: in the first row they are what a table without a header looks like, whose first row would be lost
_NUMBER = re.compile(r"[-+]?[0-9]*\.?[0-9]+")
_LONGEST_NAME = 80


def read_file_rows(path: Path) -> Iterator[tuple[str, object]]:
    """Yield the rows of a file, each with its place: the file and the line, or the row counted from 0.

    :param path: it ends in one of `SUFFIXES`, which says what it holds
    :raises DatasetError: with file and line, when the file is broken
    :raises UsageError: when a package that is needed is not installed
    """
    return _READERS[path.suffix.lower()](path)


def _read_jsonl(path: Path) -> Iterator[tuple[str, object]]:
    name = str(path)
    for line, row in read_json_rows(path):
        yield f"{name}:{line}", row


def _read_json(path: Path) -> Iterator[tuple[str, object]]:
    try:
        document = json.loads(_read_text(path))
    except json.JSONDecodeError as error:
        hint = "; a file with one object a line is called .jsonl" if error.msg == "Extra data" else ""
        raise DatasetError(f"{path}:{error.lineno}", f"not JSON: {error}{hint}") from error
    except (ValueError, RecursionError) as error:
        raise DatasetError(str(path), f"not JSON: {error}") from error
    for number, row in enumerate(find_rows(document, str(path))):
        yield f"{path}, row {number}", row


def _read_yaml(path: Path) -> Iterator[tuple[str, object]]:
    return read_yaml_rows(_read_text(path), str(path))


def _read_csv(path: Path) -> Iterator[tuple[str, object]]:
    return _read_cells(path, ",")


def _read_tsv(path: Path) -> Iterator[tuple[str, object]]:
    return _read_cells(path, "\t")


def _read_cells(path: Path, delimiter: str) -> Iterator[tuple[str, Mapping[str, str]]]:
    """Yield the rows of a table with a header; every cell is a text."""
    reader = csv.reader(io.StringIO(_read_text(path), newline=""), delimiter=delimiter, strict=True)
    header: Sequence[str] = ()
    start = 1
    try:
        for cells in reader:
            place = f"{path}:{start}"
            start = reader.line_num + 1
            if not cells:
                continue
            if header:
                yield place, _name_cells(header, cells, place)
            else:
                header = _check_header(cells, delimiter, place)
    except csv.Error as error:
        hint = "quotes inside a quoted cell are doubled, and very long cells need JSON lines"
        raise DatasetError(f"{path}:{start}", f"not a row of the table: {error}; {hint}") from error


def _check_header(cells: Sequence[str], delimiter: str, place: str) -> Sequence[str]:
    for number, name in enumerate(cells, start=1):
        if not name:
            raise DatasetError(place, f"column {number} of {len(cells)} has no name; the first row names the columns")
        if name in cells[: number - 1]:
            raise DatasetError(place, f"two columns are called {name!r}; rename one of them")
        if len(name) > _LONGEST_NAME or _NUMBER.fullmatch(name):
            shown = name if len(name) <= _LONGEST_NAME else name[:_LONGEST_NAME] + "…"
            raise DatasetError(place, f"{shown!r} is no name of a column; the first row must name the columns")
    other = next((sign for sign in ",;\t" if sign != delimiter and sign in cells[0]), None)
    if len(cells) == 1 and other:
        raise DatasetError(place, f"the header is one column, {cells[0]!r}; separate columns by {delimiter!r}")
    return cells


def _name_cells(header: Sequence[str], cells: Sequence[str], place: str) -> Mapping[str, str]:
    if len(cells) != len(header):
        names = ", ".join(map(repr, header))
        raise DatasetError(
            place,
            f"has {len(cells)} cells for {len(header)} columns ({names}); put a cell that holds a separator in quotes",
        )
    return dict(zip(header, cells, strict=True))


def _read_parquet(path: Path) -> Iterator[tuple[str, object]]:
    parquet = import_extra(str(path), "pyarrow.parquet", "pyarrow", "hub")
    try:
        names = parquet.read_schema(path).names
    except (ValueError, OSError) as error:
        raise DatasetError(str(path), f"not a Parquet file: {error}") from error
    for number, values in read_table_rows(path, names):
        yield f"{path}, row {number}", dict(zip(names, values, strict=True))


def _read_text(path: Path) -> str:
    try:
        raw = path.read_bytes()
        return raw.decode("utf-8-sig")
    except OSError as error:
        raise DatasetError(str(path), f"cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        bad, line = error.object[error.start], error.object.count(b"\n", 0, error.start) + 1
        raise DatasetError(f"{path}:{line}", f"not UTF-8: byte 0x{bad:02x}; save the file as UTF-8") from error


_READERS: Mapping[str, Callable[[Path], Iterator[tuple[str, object]]]] = {
    ".csv": _read_csv,
    ".json": _read_json,
    ".jsonl": _read_jsonl,
    ".ndjson": _read_jsonl,
    ".parquet": _read_parquet,
    ".tsv": _read_tsv,
    ".yaml": _read_yaml,
    ".yml": _read_yaml,
}
#: the endings of the files that can be read
SUFFIXES = tuple(_READERS)
