"""``lleval rescore``: score the stored answers of a run again, by a suite as it is now. Asks no model."""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from ..core.errors import UnknownNameError, UsageError
from ..core.records import Disclosure, Record
from ..core.settings import Settings, parse_arguments
from ..execution.acceptance import write_line
from ..execution.asking import Plan
from ..execution.fresh import FreshRun
from ..execution.rescored import describe_rescored
from ..execution.rescoring import Rescorer
from ..execution.rundir import find_run, read_manifest
from ..reports.answers import read_counting
from ..reports.contrasting import render_contrasts
from ..reports.escaping import escape_text
from ..reports.flags import describe_trust, list_findings
from ..reports.rescored import RescoreTally, render_changed
from ..reports.view import load_view
from ..suites.registry import ChosenSuite, find_suites
from ..suites.sources import load_dataset
from .compare import parse_count
from .output import say

__all__ = ["add_rescore_command"]

_PLACE = "lleval rescore"
_FAILED = 1


def add_rescore_command(rescore: argparse.ArgumentParser) -> None:
    """Add the arguments of ``lleval rescore``."""
    rescore.add_argument("run_name", metavar="RUN", help="path or name of the run whose answers are scored")
    rescore.add_argument("--suite", required=True, metavar="NAME|FILE", help="the suite that scores them, as it is now")
    rescore.add_argument(
        "--arg", action="append", default=[], metavar="K=V", help="a parameter of the suite (default: as in the run)"
    )
    rescore.add_argument("--save-run", metavar="DIR", help="write a new run with the new scores")
    rescore.add_argument("--changed", default="10", metavar="N|all", help="how many changed samples to show")
    rescore.set_defaults(run=_rescore_run)


def _rescore_run(parsed: argparse.Namespace) -> int:
    tally = RescoreTally(parse_count(f"{_PLACE} --changed", parsed.changed))
    run = find_run(Path.cwd(), parsed.run_name, _PLACE)
    manifest = read_manifest(run)
    settings = Settings.decode(manifest["settings"])
    given = parse_arguments(f"{_PLACE} --arg", parsed.arg)
    plans = _load_plans(_choose_suites(parsed.suite, settings.arguments, given), manifest, run)
    rescorers = {name: Rescorer(plan, settings, _PLACE) for name, plan in plans.items()}
    found = _check_records(rescorers, manifest, run)
    with ExitStack() as stack:
        target = (
            stack.enter_context(FreshRun(Path(parsed.save_run), f"{_PLACE} --save-run")) if parsed.save_run else None
        )
        for record in _read_records(run, rescorers):
            again = rescorers[record.suite].rescore(record)
            tally.add(record, again)
            if target is not None:
                target.append(write_line(again))
        if target is not None:
            target.finish(describe_rescored(manifest, run, plans, found))
    for line in _render(tally, run, found, settings.epochs):
        say(escape_text(line))
    if target is not None:
        say(escape_text(f"saved    {target.folder} (lleval report {target.folder})"))
    return _FAILED if tally.failed else 0


def _choose_suites(name: str, inherited: Mapping[str, str], given: Mapping[str, str]) -> tuple[ChosenSuite, ...]:
    """Build the suites with the run's arguments, as far as they still have them, and those given now."""
    arguments = {**inherited, **given}
    while True:
        try:
            chosen = find_suites([name], arguments)
            break
        except UnknownNameError as error:
            # an argument of another suite of the run, or of an earlier version of this one
            if error.name not in arguments or error.name in given:
                raise
            del arguments[error.name]
    if any(entry.group for entry in chosen):
        raise UsageError(
            f"{_PLACE}: --suite={name} names a group; all answers of a suite are scored again, name it alone"
        )
    return chosen


def _load_plans(chosen: tuple[ChosenSuite, ...], manifest: Mapping[str, Any], run: Path) -> dict[str, Plan]:
    asked = [suite["name"] for suite in manifest["suites"]]
    wanted = [entry for entry in chosen if entry.suite.name in asked]
    if not wanted:
        names = ", ".join(repr(entry.suite.name) for entry in chosen)
        raise UsageError(f"{_PLACE}: {run} has no answers to {names}, it was made of {', '.join(map(repr, asked))}")
    return {entry.suite.name: Plan(suite=entry.suite, dataset=load_dataset(entry)) for entry in wanted}


def _check_records(rescorers: Mapping[str, Rescorer], manifest: Mapping[str, Any], run: Path) -> list[Disclosure]:
    """Refuse what cannot be scored again, and return what is to be said of the rest."""
    found: list[Disclosure] = []
    for name, rescorer in rescorers.items():
        stored = rescorer.check(_read_records(run, {name: rescorer}))
        described = next(suite for suite in manifest["suites"] if suite["name"] == name)
        found += rescorer.disclose(stored, described, str(run))
    return found


def _read_records(run: Path, rescorers: Mapping[str, Rescorer]) -> Iterator[Record]:
    return (record for record in read_counting(run) if record.suite in rescorers)


def _render(tally: RescoreTally, run: Path, found: list[Disclosure], epochs: int) -> Iterator[str]:
    contrasts = tally.contrast()
    yield f"base     {run}, scores as stored"
    yield f"         trustworthy: {describe_trust(load_view(run).verdicts)}"
    yield "new      the same answers, scored again"
    yield ""
    yield from render_contrasts(contrasts, "accuracy")
    for part in contrasts:
        causes = ", ".join(f"{cause} {count}" for cause, count in part.new.unscored.items())
        if causes:
            yield f"{part.new.suite} on {part.new.model}: unscored {causes}"
    if tally.failed:
        yield f"{tally.failed:,} answers that had a score have none now: their scorer failed"
    yield from list_findings(found, notes=True)
    yield ""
    if tally.changes:
        yield f"answers whose score changed ({len(tally.changed):,} of {tally.changes:,})"
        yield from render_changed(tally.changed, shutil.get_terminal_size().columns, epochs=epochs)
    else:
        yield "no score has changed"
