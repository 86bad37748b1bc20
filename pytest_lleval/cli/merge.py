"""``lleval merge``: put the runs of shards together, and judge the whole. Asks no model."""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from ..core.errors import UsageError
from ..core.settings import Settings
from ..execution.fresh import FreshRun
from ..execution.mergeable import RunPart, read_parts
from ..execution.merged import describe_merged
from ..execution.merging import JournalMerger
from ..execution.rundir import REPORT, create_run, find_run, read_manifest, write_json
from ..reports.escaping import escape_text
from ..reports.holding import list_failures
from ..reports.machine import encode_report
from ..reports.merged import tell_merged
from ..reports.terminal import render_run
from ..reports.view import load_view
from ..reports.writing import check_report_files, write_reports
from .output import say

__all__ = ["add_merge_command"]

_PLACE = "lleval merge"
_FAILED = 1


def add_merge_command(merge: argparse.ArgumentParser) -> None:
    """Add the arguments of ``lleval merge``."""
    merge.add_argument("runs", nargs="+", metavar="RUN", help="paths or names of the runs of all shards, in any order")
    merge.add_argument(
        "--output", metavar="DIR", help="directory of the new run (default: .lleval/runs/<time>-<id>, as of a session)"
    )
    merge.add_argument(
        "--report",
        action="append",
        default=[],
        metavar="FILE",
        help="also write a report in the form its name ends in: .html, .md or .json; repeatable",
    )
    merge.set_defaults(run=_merge_runs)


def _merge_runs(parsed: argparse.Namespace) -> int:
    files = [Path(name) for name in parsed.report]
    check_report_files(f"{_PLACE} --report", files)
    parts = read_parts(_PLACE, [find_run(Path.cwd(), name, _PLACE) for name in parsed.runs])
    folder = _write_run(parts, parsed.output)
    manifest = read_manifest(folder)
    view = load_view(folder)
    write_json(folder / REPORT, encode_report(view))
    write_reports(folder, view, files)
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else 0
    for line in render_run(view, width):
        say(line.text)
    failures = list(list_failures(view, Settings.decode({**Settings().encode(), **manifest["settings"]})))
    for text in (f"merged   {tell_merged(manifest['merged'])}", *failures):
        say(escape_text(text))
    return _FAILED if failures else 0


def _write_run(parts: Sequence[RunPart], output: str | None) -> Path:
    """Write the new run whole, or not at all."""
    if output == "":
        raise UsageError(f"{_PLACE}: --output names nothing; write the directory of the new run")
    folder = Path(output) if output is not None else create_run(Path.cwd(), None)
    with FreshRun(folder, f"{_PLACE} --output") as target:
        merger = JournalMerger(target)
        contents = [merger.take(part.origin) for part in parts]
        target.finish(describe_merged(parts, contents, merger))
    return folder
