"""Journals of several runs into one: every line is checked, and what was asked in two runs counts once.

The first run that could score an epoch has it. What another run says of it is no evidence of a second sample, but it is
evidence: it goes into a journal of its own, so that runs can be put together in any order and again, and nothing is
lost or counted twice.
"""

from __future__ import annotations

import json
from array import array
from collections.abc import Mapping
from hashlib import blake2b
from pathlib import Path
from typing import Any, NamedTuple

from ..core.encoding import dump_line
from ..core.errors import RunDirectoryError
from ..core.schema import find_misfit
from .audit import AUDIT_JOURNAL
from .fresh import FreshRun
from .journal import JournalReader
from .rundir import JOURNAL

__all__ = ["REPEATED_JOURNAL", "Content", "JournalMerger", "Origin"]

#: records of epochs that another run has as well, in the run directory
REPEATED_JOURNAL = "repeated.jsonl"


class Origin(NamedTuple):
    """A run whose journals are taken, and what its records may be of."""

    run: Path
    #: stands behind the names of its workers
    label: str
    suites: frozenset[str]
    models: frozenset[str]


class Content(NamedTuple):
    """What was taken of a run's journal."""

    #: lines that count in the run, those included which another run has as well
    records: int
    #: the last link of its chain
    chain: str


class JournalMerger:
    """Takes the journals of one run after the other; about 170 bytes of memory a record.

    :param target: gets what counts
    """

    def __init__(self, target: FreshRun) -> None:
        self._target = target
        self._runs = 0
        #: the row of each epoch of a sample and model
        self._rows: dict[bytes, int] = {}
        self._run = array("I")
        self._scored = array("b")
        #: digests of the last line of each row, and of its scores
        self._lines = array("Q")
        self._scores = array("Q")
        #: lines that were followed by a better one, and those that do not count
        self._replaced: set[int] = set()
        self._repeated: set[int] = set()
        self._audited: set[int] = set()
        #: of the latter, those that have other scores than the one that counts; the first of them by name
        self.contradicted = 0
        self.first_contradicted = ""

    @property
    def repeated(self) -> int:
        """How many lines there are of epochs that another run has as well."""
        return len(self._repeated)

    def take(self, origin: Origin) -> Content:
        """Take a run.

        :raises RunDirectoryError: when one of its journals is broken, or holds what its manifest does not know
        """
        self._runs += 1
        records = 0
        reader = JournalReader(origin.run)
        for position, line in reader.read_lines():
            raw = _read_line(line, origin, JOURNAL)
            if not reader.is_void(raw["worker"], position):
                records += 1
                self._enter(raw, _label_line(raw, line, origin.label))
        for _, line in JournalReader(origin.run, name=REPEATED_JOURNAL).read_lines():
            raw = _read_line(line, origin, REPEATED_JOURNAL)
            self._enter(raw, _label_line(raw, line, origin.label), repeated=True)
        for _, line in JournalReader(origin.run, name=AUDIT_JOURNAL).read_lines():
            raw = _parse_line(line, origin.run / AUDIT_JOURNAL)
            self._enter_audit(_label_line(raw, line, origin.label))
        return Content(records, reader.chain)

    def _enter(self, raw: Mapping[str, Any], line: str, *, repeated: bool = False) -> None:
        key = _digest(16, raw["suite"], raw["sample"], raw["model"], raw["epoch"])
        digest = _number(line)
        scored = raw["outcome"] == "scored"
        scores = _number(*((score["name"], round(score["value"], 9)) for score in raw["scores"]))
        row = self._rows.get(key)
        if row is None and not repeated:
            self._rows[key] = len(self._run)
            for column, value in self._list_columns(scored, digest, scores):
                column.append(value)
            self._target.append(line)
            return
        if row is not None and digest == self._lines[row]:
            return
        if digest in self._replaced or digest in self._repeated:
            return
        if row is not None and not repeated and (self._run[row] == self._runs or (scored and not self._scored[row])):
            # as in a run that is resumed: the last record of an epoch counts
            self._replaced.add(self._lines[row])
            for column, value in self._list_columns(scored, digest, scores):
                column[row] = value
            self._target.append(line)
            return
        self._repeated.add(digest)
        self._target.append(line, REPEATED_JOURNAL)
        if row is not None and scored and self._scored[row] and scores != self._scores[row]:
            self.contradicted += 1
            name = f"{raw['suite']}::{raw['sample']}"
            self.first_contradicted = min(self.first_contradicted or name, name)

    def _list_columns(self, scored: bool, line: int, scores: int) -> tuple[tuple[array[int], int], ...]:
        return (self._run, self._runs), (self._scored, scored), (self._lines, line), (self._scores, scores)

    def _enter_audit(self, line: str) -> None:
        digest = _number(line)
        if digest not in self._audited:
            self._audited.add(digest)
            self._target.append(line, AUDIT_JOURNAL)


def _read_line(line: str, origin: Origin, name: str) -> dict[str, Any]:
    """Read a record, which must be one of the run.

    :param name: of the journal it stands in
    :raises RunDirectoryError: when it is none
    """
    file = origin.run / name
    raw = _parse_line(line, file)
    if misfit := find_misfit(raw):
        raise RunDirectoryError(f"{file}: holds what is no record, by its {misfit!r}: {line[:80]!r}")
    for key, known in (("suite", origin.suites), ("model", origin.models)):
        if raw[key] not in known:
            raise RunDirectoryError(
                f"{file}: holds a record of the {key} {raw[key]!r}, which its manifest does not name"
            )
    return raw


def _parse_line(line: str, file: Path) -> dict[str, Any]:
    try:
        raw = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise RunDirectoryError(f"{file}: holds what is no record: {line[:80]!r} ({error})") from error
    if not isinstance(raw, dict):
        raise RunDirectoryError(f"{file}: holds what is no record: {line[:80]!r}")
    return raw


def _label_line(raw: dict[str, Any], line: str, label: str) -> str:
    """Return a line with its worker told from those of other runs that have the same name."""
    # an audit names two
    names: dict[str, str] = {key: f"{raw[key]}{label}" for key in ("worker", "audited") if key in raw}
    return dump_line({**raw, **names}) if label else line


def _digest(size: int, *words: object) -> bytes:
    return blake2b(repr(words).encode("utf-8", "surrogatepass"), digest_size=size).digest()


def _number(*words: object) -> int:
    return int.from_bytes(_digest(8, *words))
