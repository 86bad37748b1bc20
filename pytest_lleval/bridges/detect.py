"""Which tool wrote a result file, by its content."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ..core.errors import DatasetError, UnknownNameError, UsageError
from ..core.observations import Observations
from .columns import ChosenColumn
from .lm_eval import find_lm_eval_files, holds_lm_eval, read_lm_eval
from .ours import holds_journal, holds_run, read_run
from .promptfoo import holds_promptfoo, read_promptfoo
from .reading import Content, read_content
from .tabular import read_table

__all__ = ["FORMATS", "read_observations"]

FORMATS = ("auto", "lleval", "lm-eval", "promptfoo", "table")


def read_observations(
    place: Path, form: str = "auto", mapping: Mapping[str, ChosenColumn] | None = None
) -> Observations:
    """Read a result file of any known format.

    :param place: the file, or the directory of a run
    :param form: one of `FORMATS`; ``auto`` decides by the content
    :param mapping: which columns of a table are what
    :raises UsageError: when the file is not of the format, or a column is not to be had
    :raises DatasetError: when the file is missing or broken; with the line
    :raises RunDirectoryError: when a run of ours is broken
    """
    if form not in FORMATS:
        raise UnknownNameError("lleval audit --format", "format", form, FORMATS)
    if not place.exists():
        raise DatasetError(str(place), "there is no such file or directory")
    if place.is_dir():
        return _read_directory(place, form, mapping)
    if form == "lleval":
        return read_run(place)
    content = read_content(place)
    form = _detect_form(content) if form == "auto" else form
    if mapping and form != "table":
        raise UsageError(
            f"lleval audit --map: {place} is read as {form}, whose fields are known; add --format table to read columns"
        )
    if form == "lleval":
        return read_run(place)
    if form == "lm-eval":
        return read_lm_eval(place, [content])
    return read_promptfoo(content) if form == "promptfoo" else read_table(content, mapping or {})


def _read_directory(place: Path, form: str, mapping: Mapping[str, ChosenColumn] | None) -> Observations:
    files = find_lm_eval_files(place)
    if mapping:
        raise UsageError(f"lleval audit --map: {place} is a directory; name the table in it")
    if form in ("auto", "lleval") and holds_run(place):
        return read_run(place)
    if form in ("auto", "lm-eval") and files:
        return read_lm_eval(place, [read_content(file) for file in files])
    raise UsageError(
        f"lleval audit: the directory {place} holds neither a run of ours (samples.jsonl) nor results of lm-eval "
        "(results_*.json, samples_*.jsonl); name the file"
    )


def _detect_form(content: Content) -> str:
    if holds_journal(content):
        return "lleval"
    if holds_lm_eval(content):
        return "lm-eval"
    return "promptfoo" if holds_promptfoo(content) else "table"
