"""Records of a run found again by sample: the ones that count, with what was asked and answered."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from ..core.records import Record
from ..execution.journal import read_journal
from ..execution.rundir import read_manifest

__all__ = ["find_answers", "read_counting"]


def read_counting(run: Path) -> Iterator[Record]:
    """Yield the records of a run in the order they were written, those left out that a later one replaces.

    :param run: the run directory
    :raises RunDirectoryError: when its files cannot be read
    """
    if len(read_manifest(run)["sessions"]) < 2:
        yield from read_journal(run)
        return
    # a resumed run asks epochs again that could not be scored: the last record of each counts
    last = {
        (record.case, record.model, record.epoch): number
        for number, record in enumerate(read_journal(run, outline=True))
    }
    for number, record in enumerate(read_journal(run)):
        if last.get((record.case, record.model, record.epoch)) == number:
            yield record


def find_answers(run: Path, wanted: Mapping[tuple[str, str], Collection[str]]) -> dict[tuple[str, str, str], Record]:
    """Return the first epoch of each wanted sample, by suite, model and sample.

    :param run: the run directory
    :param wanted: suite and model to sample ids
    """
    if not any(wanted.values()):
        return {}
    found: dict[tuple[str, str, str], Record] = {}
    for record in read_journal(run):
        place = record.suite, record.model
        if record.epoch == 1 and record.sample in wanted.get(place, ()):
            found[*place, record.sample] = record
    return found
