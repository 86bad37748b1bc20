"""What a result file says of each answer in it, whoever wrote the file.

`None` and empty texts mean that the file does not say. Times are in seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

__all__ = ["ColumnUse", "Observation", "Observations", "RowStatus", "SizeUnit"]

RowStatus = Literal["ok", "error", "timeout"]
#: empty where the file does not name it
SizeUnit = Literal["tokens", "chars", "words", "bytes", ""]


@dataclass(frozen=True, kw_only=True, slots=True)
class ColumnUse:
    """A column of the file and what it was taken for."""

    key: str
    column: str
    #: seconds, ms, tokens, chars, …; empty where there is none
    unit: str = ""
    #: what was assumed, because the name does not say it
    assumed: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Observation:
    """One row of a result file: one answer, or one failure to get one."""

    #: line of a text file, number of an element in a JSON file; counted from 1
    row: int
    #: the model as the file names it, with its provider where that is part of the name
    model: str = ""
    provider: str = ""
    #: the model id that was asked for, where it is not `model`
    requested: str = ""
    #: the model id that the server says has answered
    served: str = ""
    fingerprint: str = ""
    response_id: str = ""
    #: rows of different models with the same sample are answers to the same question
    sample: str = ""
    prompt: str | None = None
    #: of the prompt, where its text is not in the file
    prompt_digest: str = ""
    prompt_chars: int | None = None
    prompt_tokens: int | None = None
    #: the work as the file counts it, in `Observations.size_unit`
    size: float | None = None
    output: str | None = None
    output_chars: int | None = None
    output_tokens: int | None = None
    #: in `Observations.output_unit`, where that is neither characters nor tokens
    output_size: float | None = None
    latency: float | None = None
    first_byte: float | None = None
    startup: float | None = None
    #: a second time of the same row that claims to be the whole of it
    total: float | None = None
    #: in `Observations.rate_unit` a second
    rate: float | None = None
    status: RowStatus | None = None
    error: str = ""
    cached: bool | None = None
    #: seconds since 1970
    started: float | None = None
    #: facts of the machine and its software: host, gpu, python, …
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Observations:
    """All that a result file says, and what it does not."""

    #: the file or directory as it was named
    place: str
    #: e.g. ``promptfoo JSON``
    format: str
    rows: tuple[Observation, ...]
    columns: tuple[ColumnUse, ...] = ()
    size_unit: SizeUnit = ""
    output_unit: SizeUnit = ""
    rate_unit: SizeUnit = ""
    #: what could not be read or was left out, one sentence each
    notes: tuple[str, ...] = ()
    #: facts of the whole file: versions, host, hardware; several values where parts of it differ
    facts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    #: seconds the whole file took by its own account
    wall: float | None = None
    #: models that the file itself calls mocks
    mocks: tuple[str, ...] = ()
    #: where answers may have come from instead of from a model, e.g. the file of a cache
    replays: tuple[str, ...] = ()

    def column_of(self, key: str) -> str:
        """Return the name of the column that was taken for `key`, or the key where the format names it."""
        return next((use.column for use in self.columns if use.key == key), key.replace("_", " "))

    @cached_property
    def models(self) -> tuple[str, ...]:
        """The models in the order they come."""
        return tuple(dict.fromkeys(row.model for row in self.rows))
