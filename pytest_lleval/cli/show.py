"""``lleval show``: the samples of a run, as a table or one by one. Asks no model."""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Callable, Iterator, Mapping
from fnmatch import fnmatchcase
from itertools import islice
from pathlib import Path
from typing import Any

from ..core.errors import UnknownNameError, UsageError
from ..core.records import Record
from ..execution.journal import read_journal
from ..execution.rundir import find_run, read_manifest
from ..reports.answers import read_counting
from ..reports.casetext import render_case
from ..reports.sampletable import SampleTable
from .compare import parse_count
from .output import say

__all__ = ["add_show_command"]

_Wanted = Callable[[Record], bool]


def add_show_command(show: argparse.ArgumentParser) -> None:
    """Add the arguments of ``lleval show``."""
    show.add_argument("run_name", nargs="?", default="", metavar="RUN", help="path or name (default: the newest)")
    show.add_argument("--wrong", action="store_true", help="only samples scored below 1")
    show.add_argument(
        "--unscored", action="store_true", help="only samples that could not be scored; with --wrong both"
    )
    show.add_argument("--sample", metavar="ID|GLOB", help="show these samples whole, e.g. 'anatomy/*'")
    show.add_argument("--suite", metavar="NAME", help="only samples of this suite")
    show.add_argument("--limit", default="all", metavar="N", help="show so many at most")
    show.add_argument("--full", action="store_true", help="show samples whole, and nothing of them left out")
    show.set_defaults(run=_show_run)


def _show_run(parsed: argparse.Namespace) -> None:
    limit = parse_count("lleval show --limit", parsed.limit)
    run = find_run(Path.cwd(), parsed.run_name, "lleval show")
    manifest = read_manifest(run)
    suites = [suite["name"] for suite in manifest["suites"]]
    if parsed.suite is not None and parsed.suite not in suites:
        raise UnknownNameError("lleval show --suite", "suite of the run", parsed.suite, suites)
    chosen = filter(_choose(parsed), read_counting(run))
    whole = parsed.sample is not None or parsed.full
    lines = _render_whole(chosen, manifest, full=parsed.full) if whole else _render_table(chosen, manifest)
    shown = 0
    for shown, block in enumerate(islice(lines, limit), start=1):
        if shown == 1 and not whole:
            say(_make_table(manifest).render_head())
        for line in block:
            say(line)
    if not shown:
        _tell_nothing(parsed, run)


def _choose(parsed: argparse.Namespace) -> _Wanted:
    """Return what tells whether a record is asked for."""
    suite, pattern = parsed.suite, parsed.sample

    def is_wanted(record: Record) -> bool:
        if suite is not None and record.suite != suite:
            return False
        if pattern is not None and not _matches(record, pattern):
            return False
        unscored = record.outcome != "scored"
        wrong = not unscored and record.primary is not None and record.primary.value < 1
        return (parsed.wrong and wrong) or (parsed.unscored and unscored) or not (parsed.wrong or parsed.unscored)

    return is_wanted


def _matches(record: Record, pattern: str) -> bool:
    # ids may hold brackets, which a pattern gives a meaning
    return pattern in (record.sample, record.case) or fnmatchcase(record.sample, pattern)


def _make_table(manifest: Mapping[str, Any]) -> SampleTable:
    return SampleTable(
        shutil.get_terminal_size().columns,
        by_case=len(manifest["suites"]) > 1 or len(manifest["models"]) > 1,
        epochs=_count_epochs(manifest),
    )


def _count_epochs(manifest: Mapping[str, Any]) -> int:
    return int(manifest["settings"].get("epochs", 1))


def _render_table(records: Iterator[Record], manifest: Mapping[str, Any]) -> Iterator[list[str]]:
    table = _make_table(manifest)
    return ([table.render_row(record)] for record in records)


def _render_whole(records: Iterator[Record], manifest: Mapping[str, Any], *, full: bool) -> Iterator[list[str]]:
    epochs = _count_epochs(manifest)
    return ([*render_case(record, epochs=epochs, full=full), ""] for record in records)


def _tell_nothing(parsed: argparse.Namespace, run: Path) -> None:
    """Say that no sample is shown: an error where one was named that the run does not have."""
    if parsed.sample is None or parsed.limit == "0":
        say(f"no sample of {run} is to be shown")
        return
    known = {record.sample for record in read_journal(run, outline=True) if parsed.suite in (None, record.suite)}
    if any(fnmatchcase(sample, parsed.sample) or sample == parsed.sample for sample in known):
        say(f"no sample of {run} that {parsed.sample!r} names is to be shown")
        return
    if not known:
        raise UsageError(f"lleval show: {run} has no samples yet")
    raise UnknownNameError("lleval show --sample", "sample of the run", parsed.sample, known)
