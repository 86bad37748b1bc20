"""Tables of any tool: columns to observations."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ..core.errors import UsageError
from ..core.observations import ColumnUse, Observation, Observations, RowStatus, SizeUnit
from .cells import ABSENT, describe_failure, read_count, read_flag, read_moment, read_number, read_status, read_text
from .column_names import SECONDS_OF, TIME_KEYS, Meaning
from .columns import ChosenColumn, choose_columns
from .reading import Content
from .tables import Table, find_table

__all__ = ["read_table"]

_COUNTS = ("prompt_chars", "prompt_tokens", "output_chars", "output_tokens")
_MACHINE = ("host", "gpu", "python", "system", "version")
#: whole numbers without a unit, of this size, were not measured in seconds
_LIKE_MS, _LIKE_NS = 100.0, 1e7
_GRADES = frozenset({"pass", "passed", "incorrect", "correct"})

Cells = Mapping[str, Any]


def read_table(content: Content, mapping: Mapping[str, ChosenColumn]) -> Observations:
    """Read a table, with columns as they are usually called or as the user maps them.

    :raises UsageError: when a column is missing, could be two things, or holds no value of its kind
    :raises DatasetError: when the file has no rows
    """
    table, place = find_table(content), str(content.path)
    chosen = _settle_meanings(choose_columns(table.columns, mapping, place), table, mapping, place)
    reader = _Reader(table, chosen)
    rows = tuple(reader.read_row(number, cells) for number, cells in table.rows)
    reader.check_columns(place)
    unit_of = {key: _size_unit(meaning) for key, (_, meaning) in chosen.items()}
    return Observations(
        place=place,
        format={"csv": "CSV table", "json": "JSON table", "jsonl": "JSON-lines table"}[content.kind],
        rows=_complete_sizes(rows, unit_of),
        columns=tuple(reader.uses),
        size_unit=unit_of.get("size", ""),
        output_unit=unit_of.get("output_length", ""),
        rate_unit=unit_of.get("rate", ""),
        notes=tuple(reader.describe_losses()),
        facts={name: (value,) for name, value in table.facts.items()},
    )


def _settle_meanings(
    chosen: Mapping[str, tuple[str, Meaning]], table: Table, mapping: Mapping[str, ChosenColumn], place: str
) -> dict[str, tuple[str, Meaning]]:
    """Correct by the values what names alone leave open."""
    settled = dict(chosen)
    for key, (column, _) in chosen.items():
        if column in table.repeated:
            raise UsageError(f"{place}: the header has {column!r} twice; rename one to have it read")
        if key not in mapping and not _fits_values(key, column, table):
            del settled[key]
    if "latency" not in settled and "total" in settled and "latency" not in mapping:
        column, meaning = settled.pop("total")
        settled["latency"] = (column, meaning._replace(key="latency"))
    return settled


def _fits_values(key: str, column: str, table: Table) -> bool:
    """Tell whether a column that was found by its name holds what the name says."""
    values = [cells[column] for _, cells in table.rows[:200] if read_text(cells.get(column)).strip()]
    numeric = sum(read_number(value, table.comma) is not None for value in values)
    if key in ("prompt", "output"):
        return numeric < len(values) or not values
    if key == "latency":
        # not a time of day, nor seconds since 1970
        return not values or not all((moment := read_moment(value)) is not None and moment > 1e8 for value in values)
    if key == "status":
        return not any(read_text(value).strip().lower() in _GRADES for value in values)
    return True


def _size_unit(meaning: Meaning) -> SizeUnit:
    return meaning.unit if meaning.unit in ("tokens", "chars", "words", "bytes") else ""  # type: ignore[return-value]


class _Reader:
    """Turns the cells of a row into an observation, and remembers what had no value of its kind."""

    def __init__(self, table: Table, chosen: Mapping[str, tuple[str, Meaning]]) -> None:
        self._columns = {key: column for key, (column, _) in chosen.items()}
        self._comma = table.comma
        self._broken: Counter[str] = Counter()
        self._read: Counter[str] = Counter()
        self._first: dict[str, tuple[int, str]] = {}
        self._scale: dict[str, float] = {}
        self.uses: list[ColumnUse] = []
        self._model = table.facts.get("model", "")
        for key, (column, meaning) in chosen.items():
            unit, assumed = meaning.unit, ""
            if key in TIME_KEYS:
                unit, assumed = self._find_time_unit(column, meaning.unit, table)
                self._scale[key] = SECONDS_OF[unit]
            elif key in ("size", "output_length", "rate") and not unit:
                assumed = "its name has no unit"
            self.uses.append(ColumnUse(key=key, column=column, unit=unit, assumed=assumed))

    def _find_time_unit(self, column: str, unit: str, table: Table) -> tuple[str, str]:
        if unit:
            return unit, ""
        numbers = [n for _, cells in table.rows if (n := read_number(cells.get(column), table.comma)) is not None]
        middle = statistics.median(numbers) if numbers else 0.0
        if middle >= _LIKE_MS and all(number == int(number) for number in numbers):
            unit = "ns" if middle >= _LIKE_NS else "ms"
            return unit, f"its name has no unit; whole numbers around {middle:,.0f} were taken for {unit}"
        return "s", "its name has no unit; taken for seconds"

    def read_row(self, number: int, cells: Cells) -> Observation:
        """Return what a row says."""
        status, error = self._status(cells)
        prompt, output = self._cell("prompt", cells), self._cell("output", cells)
        return Observation(
            row=number,
            model=self._text("model", cells) or self._text("provider", cells) or self._model,
            provider=self._text("provider", cells),
            requested=self._text("requested", cells),
            served=self._text("served", cells),
            fingerprint=self._text("fingerprint", cells),
            response_id=self._text("response_id", cells),
            sample=self._text("sample", cells),
            prompt=None if prompt is None else read_text(prompt),
            prompt_digest=self._text("prompt_hash", cells),
            prompt_chars=self._count("prompt_chars", number, cells),
            prompt_tokens=self._count("prompt_tokens", number, cells),
            size=self._number("size", number, cells),
            output=None if output is None else read_text(output),
            output_chars=self._count("output_chars", number, cells),
            output_tokens=self._count("output_tokens", number, cells),
            output_size=self._number("output_length", number, cells),
            latency=self._number("latency", number, cells),
            first_byte=self._number("first_byte", number, cells),
            startup=self._number("startup", number, cells),
            total=self._number("total", number, cells),
            rate=self._number("rate", number, cells),
            status=status,
            error=error,
            cached=read_flag(self._cell("cached", cells)),
            started=read_moment(self._cell("started", cells)),
            environment=self._machine(cells),
        )

    def _text(self, key: str, cells: Cells) -> str:
        return read_text(self._cell(key, cells)).strip()

    def _cell(self, key: str, cells: Cells) -> Any:
        column = self._columns.get(key)
        return None if column is None else cells.get(column)

    def _machine(self, cells: Cells) -> dict[str, str]:
        pairs = ((key, read_text(self._cell(key, cells)).strip()) for key in _MACHINE if key in self._columns)
        return {key: text for key, text in pairs if text.lower() not in ABSENT}

    def _number(self, key: str, row: int, cells: Cells) -> float | None:
        if key not in self._columns:
            return None
        raw = self._cell(key, cells)
        value = read_number(raw, self._comma)
        self._remember(key, row, raw, value is None)
        return None if value is None else value * self._scale.get(key, 1.0)

    def _count(self, key: str, row: int, cells: Cells) -> int | None:
        if key not in self._columns:
            return None
        raw = self._cell(key, cells)
        value = read_count(raw, self._comma)
        self._remember(key, row, raw, value is None)
        return value

    def _remember(self, key: str, row: int, raw: Any, lost: bool) -> None:
        if not lost:
            self._read[key] += 1
        elif raw is not None and read_text(raw).strip() and not (key == "latency" and read_status(raw)):
            self._broken[key] += 1
            self._first.setdefault(key, (row, read_text(raw)[:40]))

    def _status(self, cells: Cells) -> tuple[RowStatus | None, str]:
        """Return what became of the call; a word such as ``timeout`` may stand where the time should."""
        error = read_text(self._cell("error", cells)).strip()
        error = "" if error.lower() in ABSENT or read_flag(error) is False else error
        if error:
            return describe_failure(error), error
        status = read_status(self._cell("status", cells))
        if status is None and isinstance(time := self._cell("latency", cells), str) and read_number(time) is None:
            status = read_status(time)
        return status or ("ok" if "error" in self._columns else None), ""

    def check_columns(self, place: str) -> None:
        """Stop at a column that holds no value of its kind.

        :raises UsageError: with the column, the line and the first value
        """
        for key, (row, text) in self._first.items():
            if not self._read[key]:
                kind = "count" if key in _COUNTS else "number"
                raise UsageError(
                    f"{place}:{row}: column {self._columns[key]!r}, taken for {key}, holds no {kind} "
                    f"(first: {text!r}); name another one: --map {key}=COLUMN, or none: --map {key}="
                )

    def describe_losses(self) -> list[str]:
        """Say what was not read."""
        return [
            f"{count:,} values of column {self._columns[key]!r} are no usable numbers and were left out "
            f"(first in row {self._first[key][0]}: {self._first[key][1]!r})"
            for key, count in self._broken.items()
        ]


def _complete_sizes(rows: Sequence[Observation], unit_of: Mapping[str, SizeUnit]) -> tuple[Observation, ...]:
    """Put sizes that are tokens or characters where both are looked for, when no other column has them."""
    rules: list[tuple[str, Callable[[Observation], float | None]]] = []
    if (unit := unit_of.get("size")) in ("tokens", "chars"):
        rules.append((f"prompt_{unit}", lambda row: row.size))
    if (unit := unit_of.get("output_length")) in ("tokens", "chars"):
        rules.append((f"output_{unit}", lambda row: row.output_size))
    rules = [(name, read) for name, read in rules if all(getattr(row, name) is None for row in rows)]
    return tuple(_fill(row, rules) for row in rows) if rules else tuple(rows)


def _fill(row: Observation, rules: Sequence[tuple[str, Callable[[Observation], float | None]]]) -> Observation:
    values = {name: int(value) for name, read in rules if (value := read(row)) is not None and value >= 0}
    return replace(row, **values)  # type: ignore[arg-type]  # counts only
