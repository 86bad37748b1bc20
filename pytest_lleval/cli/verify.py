"""``lleval verify``: whether a report still is what its run says."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from ..core.errors import RunDirectoryError, UsageError
from ..execution.rundir import MANIFEST, REPORT, find_run
from ..reports.machine import encode_report, is_intact
from ..reports.view import load_view
from .output import say

__all__ = ["add_verify"]


def add_verify(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the command."""
    parser.add_argument(
        "path", nargs="?", default="", metavar="RUN|report.json", help="a run or a report (default: the newest run)"
    )
    parser.set_defaults(run=_verify)


def _verify(parsed: argparse.Namespace) -> int:
    file = Path(parsed.path)
    if not file.is_file():
        file = find_run(Path.cwd(), parsed.path, "lleval verify") / REPORT
    report = _read_report(file)
    if not is_intact(report):
        say(f"{file}: does NOT match its digest: numbers or notes were changed after it was written")
        return 1
    say(f"{file}: matches its digest {report['digest'][:12]}")
    run = file.parent
    if not (run / MANIFEST).is_file():
        say("its run is not beside it: nothing else can be checked")
        return 0
    again = json.loads(json.dumps(encode_report(load_view(run)), sort_keys=True))
    if again["digest"] != report["digest"]:
        differing = sorted(name for name in again.keys() | report.keys() if again.get(name) != report.get(name))
        say(f"the journal gives ANOTHER report: {', '.join(name for name in differing if name != 'digest')} differ")
        return 1
    say(f"the journal gives the same report, line by line in an unbroken chain: {run}")
    return 0


def _read_report(file: Path) -> dict[str, Any]:
    try:
        report = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"lleval verify: {file} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise RunDirectoryError(f"{file}: is no JSON ({error})") from error
    if not isinstance(report, dict) or "digest" not in report:
        raise RunDirectoryError(f"{file}: is no report of a run: it has no digest")
    return report
