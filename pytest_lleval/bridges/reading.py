"""Result files as plain values: JSON, JSON lines and CSV, with an error that names the line where it is broken."""

from __future__ import annotations

import codecs
import csv
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from ..core.errors import DatasetError

__all__ = ["Content", "describe_value", "read_content"]

_DELIMITERS = ",;\t|"
#: an answer may be longer than the csv module takes by default
_FIELD_LIMIT = 1 << 28


@dataclass(frozen=True, kw_only=True)
class Content:
    """A file's values before anything is known of their meaning."""

    path: Path
    kind: Literal["json", "jsonl", "csv"]
    #: of a JSON file
    document: Any = None
    #: of JSON lines and CSV: line number and value, the header of a CSV left out
    lines: list[tuple[int, Any]] = field(default_factory=list)
    header: tuple[str, ...] = ()
    delimiter: str = ""


def read_content(path: Path) -> Content:
    """Read a file as JSON, JSON lines or CSV, whichever it is.

    :raises DatasetError: when it is missing, empty, not text, or broken; with the line
    """
    text = _decode(_read_bytes(path), path)
    stripped = text.lstrip()
    if not stripped:
        raise DatasetError(str(path), "is empty")
    if stripped[0] in "{[":
        return _read_json(text, path)
    return _read_csv(text, path)


def describe_value(value: object) -> str:
    """Show a value of the file in a message, shortened."""
    shown = repr(value)
    return shown if len(shown) <= 60 else shown[:59] + "…"


def _read_bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DatasetError(str(path), f"cannot be read: {error.strerror or error}") from error


def _decode(raw: bytes, path: Path) -> str:
    wide = raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        return raw.decode("utf-16" if wide else "utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        name = "UTF-16" if wide else "UTF-8"
        raise DatasetError(f"{path}:{line}", f"not {name} text: {error.reason} at byte {error.start}") from error


def _read_json(text: str, path: Path) -> Content:
    """Read one JSON value, or one on each line."""
    try:
        return Content(path=path, kind="json", document=json.loads(text))
    except (ValueError, RecursionError) as error:
        if not _is_lines(text):
            raise DatasetError(f"{path}:{_line_of(error)}", f"not JSON: {_reason_of(error)}") from error
    return Content(path=path, kind="jsonl", lines=list(_parse_lines(text, path)))


def _is_lines(text: str) -> bool:
    """Tell whether the first line that is not blank is a JSON value of its own."""
    first = next((line for line in text.split("\n") if line.strip()), "")
    try:
        json.loads(first)
    except (ValueError, RecursionError):
        return False
    return True


def _parse_lines(text: str, path: Path) -> Iterator[tuple[int, Any]]:
    # only line feeds end a line: texts may hold the other separators that splitlines() knows
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            yield number, json.loads(line)
        except (ValueError, RecursionError) as error:
            raise DatasetError(f"{path}:{number}", f"not JSON: {_reason_of(error)}") from error


def _line_of(error: Exception) -> int:
    return error.lineno if isinstance(error, json.JSONDecodeError) else 1


def _reason_of(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    return error.msg if isinstance(error, json.JSONDecodeError) else str(error)


def _read_csv(text: str, path: Path) -> Content:
    delimiter = _find_delimiter(text)
    limit = csv.field_size_limit(_FIELD_LIMIT)
    try:
        rows = list(_parse_csv(text, delimiter, path))
    finally:
        csv.field_size_limit(limit)
    if not rows:
        raise DatasetError(str(path), "is empty but for separators")
    (line, header), *rest = rows
    header = [name.strip() for name in header]
    if all(_is_number(name) for name in header if name):
        raise DatasetError(f"{path}:{line}", f"has no header: the first line is {describe_value(header)}")
    if not rest:
        raise DatasetError(str(path), f"has no rows below its first line, {describe_value(header)}")
    for number, row in rest:
        if len(row) > len(header) and any(cell.strip() for cell in row[len(header) :]):
            raise DatasetError(f"{path}:{number}", f"has {len(row)} columns, the header has {len(header)}")
    return Content(path=path, kind="csv", lines=rest, header=tuple(header), delimiter=delimiter)


def _find_delimiter(text: str) -> str:
    first = next(line for line in text.split("\n") if line.strip())
    return max(_DELIMITERS, key=first.count)


def _parse_csv(text: str, delimiter: str, path: Path) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    start = 1
    try:
        for row in reader:
            if any(cell.strip() for cell in row):
                yield start, row
            start = reader.line_num + 1
    except csv.Error as error:
        raise DatasetError(f"{path}:{reader.line_num}", f"not a CSV row: {error}") from error


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
