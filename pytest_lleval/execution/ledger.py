"""The ledger: which case has which records, and which have none yet."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Container, Iterable, Mapping, Set
from functools import lru_cache
from sys import intern
from typing import Any, NamedTuple

from ..core.encoding import SCHEMA_VERSION
from ..core.errors import RunDirectoryError, ViolationError
from ..core.records import Case, Record

__all__ = ["Entry", "Ledger", "Source", "make_entry", "parse_line"]


#: records a worker may send that it has sent already
_MOST_AGAIN = 100


class Entry(NamedTuple):
    """What the ledger keeps of one record."""

    case: str
    epoch: int
    scored: bool
    #: the primary score; None where the epoch could not be scored
    value: float | None
    #: cause and words of an epoch that could not be scored
    cause: str = ""
    error: str = ""
    #: names and values of all scores
    scores: tuple[tuple[str, float], ...] = ()
    #: factors that make it doubtful
    flags: tuple[str, ...] = ()
    #: seconds of the call
    seconds: float = 0.0
    #: the process it came from
    worker: str = ""


class Source(NamedTuple):
    """The worker a record came from, and the cases it was ever given."""

    worker: str
    assigned: Container[str]
    #: the host it is on; empty for this machine
    machine: str = ""


class Ledger:
    """Keeps count of a session's records: exactly one for each selected case and epoch.

    :param cases: of the plan
    :param epochs: how many each case has
    """

    def __init__(self, cases: Iterable[Case], epochs: int) -> None:
        self._cases = {case.id: case for case in cases}
        self._epochs = epochs
        self._selected: Set[str] = self._cases.keys()
        #: by epoch, then by case; what a resumed run had before is there from the start
        self._entries: dict[int, dict[str, Entry]] = {epoch: {} for epoch in range(1, epochs + 1)}
        self._earlier: set[tuple[str, int]] = set()
        #: by worker, the items that markers have skipped
        self._excused: dict[str, set[str]] = {}
        self._reported: set[str] = set()
        #: cases that were reported, and will be once more
        self.renewed: set[str] = set()
        #: of tests, which nobody knew of before they had run
        self._adopted: dict[tuple[str, int], Entry] = {}
        #: by worker, its records that it had sent before
        self._again: Counter[str] = Counter()
        #: workers that are not believed any more
        self._banned: set[str] = set()
        #: records that came a second time, e.g. from a worker that had been given up
        self.repeated = 0
        #: what came and cannot be, in words
        self.violations: list[str] = []

    def enter_earlier(self, entry: Entry) -> None:
        """Take over what a resumed run has already."""
        if entry.epoch in self._entries:
            self._entries[entry.epoch][entry.case] = entry
        self._earlier.add((entry.case, entry.epoch))

    @property
    def done(self) -> frozenset[tuple[str, int]]:
        """Case and epoch of everything that is there."""
        return frozenset((case, epoch) for epoch, entries in self._entries.items() for case in entries)

    @property
    def selected(self) -> Set[str]:
        """The cases the session will run; all of them while nothing was collected, for then all are missing."""
        return self._selected

    def select(self, node_ids: Iterable[str]) -> None:
        """Hear which items the session will run."""
        chosen = frozenset(self._cases).intersection(node_ids)
        self._selected = chosen if len(chosen) < len(self._cases) else self._cases.keys()

    def excuse(self, node_id: str, worker: str) -> None:
        """Hear of an item that will have no record: a marker skipped it, says a worker."""
        if worker not in self._banned:
            self._excused.setdefault(worker, set()).add(node_id)

    def enter(self, raw: Mapping[str, Any], source: Source | None = None) -> Entry | None:
        """Enter a record; None when it must not be journaled, because it is there already or cannot be.

        :param raw: the record as `dump_record` wrote it, parsed
        :param source: where it came from, unless it was made in this process or nobody knows what its worker was given
        :raises ViolationError: when that worker cannot have it
        """
        if source is not None and source.worker in self._banned:
            return None
        if problem := self._find_violation(raw) or (_find_intruder(raw, source) if source else ""):
            if source is not None:
                raise ViolationError(problem)
            self.violations.append(f"worker {raw.get('worker')!r} sent {problem}")
            return None
        entry = _read_entry(raw)
        known = self._entries[entry.epoch].setdefault(entry.case, entry)
        if known is entry:
            return entry
        self.repeated += 1
        if source is not None and known.worker == source.worker:
            # a plugin that runs a case again sends it again
            self._again[source.worker] += 1
            if self._again[source.worker] > _MOST_AGAIN:
                raise ViolationError(f"epoch {entry.epoch} of {entry.case!r} again, as it did with many before")
        return None

    def adopt(self, raw: Mapping[str, Any]) -> Entry | None:
        """Enter the record of a test, which belongs to no plan; None when it is there already, or is not believed.

        :param raw: the record as `dump_record` wrote it, parsed
        """
        entry = _read_entry(raw)
        if entry.worker in self._banned:
            return None
        if self._adopted.setdefault((entry.case, entry.epoch), entry) is not entry:
            self.repeated += 1
            return None
        return entry

    def void(self, worker: str) -> list[str]:
        """Believe nothing of a worker any more; return its cases of this session, which have no such record now.

        What it says was skipped is among them.
        """
        self._banned.add(worker)
        cases = dict.fromkeys(sorted(self._selected & self._excused.pop(worker, set())))
        for entries in self._entries.values():
            for case, entry in list(entries.items()):
                if entry.worker == worker and (case, entry.epoch) not in self._earlier:
                    del entries[case]
                    cases[case] = None
        for key in [key for key, entry in self._adopted.items() if entry.worker == worker]:
            del self._adopted[key]
        self.renewed |= self._reported.intersection(cases)
        self._reported.difference_update(cases)
        return list(cases)

    def note_reported(self, node_id: str) -> None:
        """Hear that pytest has reported a case."""
        if node_id in self._cases:
            self._reported.add(self._cases[node_id].id)

    def withdraw(self, entry: Entry) -> None:
        """Take an entry back whose record could not be journaled."""
        self._adopted.pop((entry.case, entry.epoch), None)
        self._entries.get(entry.epoch, {}).pop(entry.case, None)

    def find_case(self, node_id: str) -> Case | None:
        """Return the case of a node id; None when it is of another test."""
        return self._cases.get(node_id)

    def _find_violation(self, raw: Mapping[str, Any]) -> str:
        name = raw.get("case")
        case = self._cases.get(name) if isinstance(name, str) else None
        if case is None or case.id not in self._selected:
            return f"a record of {name!r:.200}, which this session does not run"
        if (raw["suite"], raw["sample"], raw["model"]) != (case.suite, case.sample.id, case.model):
            return f"a record of {case.id!r} that names another sample or model"
        if raw["epoch"] not in range(1, self._epochs + 1):
            return f"epoch {raw['epoch']!r} of {case.id!r}, which has {self._epochs}"
        return ""

    def find(self, case: str) -> tuple[Entry, ...]:
        """Return the entries of a case, by epoch."""
        found = (entries.get(case) for entries in self._entries.values())
        return tuple(entry for entry in found if entry is not None)

    def is_complete(self, case: str) -> bool:
        """Tell whether every epoch of a case has its record."""
        return all(case in entries for entries in self._entries.values())

    def count_fresh(self, case: str) -> int:
        """Return how many epochs of a case were entered in this session."""
        return sum((case, entry.epoch) not in self._earlier for entry in self.find(case))

    def find_missing(self) -> list[str]:
        """Return the selected cases that were not reported or lack a record, in alphabetical order."""
        expected = self._selected - set().union(*self._excused.values())
        return sorted(case for case in expected if case not in self._reported or not self.is_complete(case))


def parse_line(line: str) -> dict[str, Any]:
    """Read the fields of a record that the ledger looks at.

    :raises RunDirectoryError: when the line is not a record of this schema
    """
    try:
        raw = json.loads(line)
        if raw["schema"] != SCHEMA_VERSION:
            raise ValueError(f"schema {raw['schema']!r}")
    except (ValueError, KeyError, TypeError) as error:
        raise RunDirectoryError(f"not a record of schema {SCHEMA_VERSION}: {line[:80]!r} ({error})") from error
    parsed: dict[str, Any] = raw
    return parsed


def make_entry(record: Record) -> Entry:
    """Return what the ledger keeps of a record."""
    completion = record.completion
    return Entry(
        case=record.case,
        epoch=record.epoch,
        scored=record.outcome == "scored",
        value=record.primary.value if record.primary else None,
        cause=record.cause or "",
        error=record.error,
        scores=tuple((score.name, score.value) for score in record.scores),
        flags=record.flags,
        seconds=completion.timing.total if completion and not completion.cached else 0.0,
        worker=record.worker,
    )


def _find_intruder(raw: Mapping[str, Any], source: Source) -> str:
    if raw["worker"] != source.worker:
        return f"a record of {raw['case']!r} in the name of {raw['worker']!r:.40}"
    if raw["case"] not in source.assigned:
        return f"a record of {raw['case']!r}, which it was never given"
    return ""


@lru_cache(maxsize=1024)
def _share_scores(scores: tuple[tuple[str, float], ...]) -> tuple[tuple[str, float], ...]:
    """Return the same values as one object: of a long run there are few different ones."""
    return scores


def _read_entry(raw: Mapping[str, Any]) -> Entry:
    scores = _share_scores(tuple((score["name"], score["value"]) for score in raw["scores"]))
    completion = raw.get("completion") or {}
    return Entry(
        case=intern(raw["case"]),
        epoch=raw["epoch"],
        scored=raw["outcome"] == "scored",
        value=scores[0][1] if scores else None,
        cause=raw.get("cause") or "",
        error=raw.get("error", ""),
        scores=scores,
        flags=tuple(map(intern, raw.get("flags", ()))),
        seconds=completion["timing"]["total"] if completion and not completion["cached"] else 0.0,
        worker=intern(raw["worker"]),
    )
