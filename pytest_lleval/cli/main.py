"""The ``lleval`` command: look at what can be run and at runs that are over. Asks no model."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from ..core.errors import LlevalError
from ..core.settings import ModelSpec
from ..execution.rundir import REPORT, find_run, write_json
from ..providers.local_models import CATALOGUE, find_model
from ..reports.escaping import escape_text
from ..reports.machine import encode_report
from ..reports.terminal import render_run
from ..reports.view import load_view
from ..reports.writing import check_report_files, write_reports
from ..suites.humaneval_data import HUMANEVAL
from ..suites.registry import find_suites, list_suites
from ..suites.sources import load_dataset
from ..support.assets import fetch_asset
from .audit import add_audit_command
from .cache import add_cache_actions
from .compare import add_compare_command
from .gate import add_gate_command
from .hosts import add_hosts_actions
from .merge import add_merge_command
from .output import say
from .rescore import add_rescore_command
from .show import add_show_command
from .verify import add_verify

__all__ = ["main"]

#: as pytest's: what was typed cannot be done
_USAGE_ERROR = 4


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status.

    0: done; 1: something is flagged or does not match; 4: it cannot be done as typed.

    :param arguments: words after ``lleval``; the process's own by default
    """
    parsed = _make_parser().parse_args(arguments)
    run: Callable[[argparse.Namespace], int | None] = parsed.run
    try:
        return run(parsed) or 0
    except BrokenPipeError:
        # whoever reads has seen enough; what is left must not fail again when the process ends
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except LlevalError as error:
        sys.stderr.write(f"ERROR: {escape_text(str(error))}\n")
        return _USAGE_ERROR


def _make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="lleval", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    suites = commands.add_parser("suites", help="list the suites that --lleval-suite knows, with their parameters")
    suites.set_defaults(run=_list_suites)
    fetch = commands.add_parser("fetch", help="download datasets of suites, humaneval, or local/MODEL into the cache")
    fetch.add_argument("names", nargs="+", metavar="SUITE|humaneval|local/MODEL")
    fetch.set_defaults(run=_fetch_names)
    report = commands.add_parser("report", help="compute a run's numbers again from its directory")
    report.add_argument("run_name", nargs="?", default="", metavar="RUN", help="path or name (default: the newest)")
    report.add_argument(
        "--output",
        action="append",
        default=[],
        metavar="FILE",
        help="write a report in the form its name ends in: .html, .md or .json; repeatable",
    )
    report.add_argument("--json", action="store_true", help="print the machine-readable report")
    report.add_argument("--baseline", metavar="RUN", help="an earlier run to compare with, this once")
    report.set_defaults(run=_report_run)
    add_show_command(commands.add_parser("show", help="show the samples of a run: prompts, answers, scores"))
    add_compare_command(commands.add_parser("compare", help="set a run against an earlier one, sample by sample"))
    add_gate_command(commands.add_parser("gate", help="judge the gates of a run again, or others"))
    add_merge_command(commands.add_parser("merge", help="put the runs of shards together, and judge the whole"))
    add_rescore_command(
        commands.add_parser("rescore", help="score a run's stored answers again, by a suite as it is now")
    )
    add_audit_command(commands.add_parser("audit", help="judge a result file that others produced by the six factors"))
    add_verify(commands.add_parser("verify", help="check that a report is unchanged, and what its run says"))
    add_hosts_actions(commands.add_parser("hosts", help="look at the machines that run workers, or prepare them"))
    add_cache_actions(commands.add_parser("cache", help="look at the response cache, or remove answers from it"))
    return parser


def _list_suites(_: argparse.Namespace) -> None:
    for entry in list_suites():
        say(f"{entry.name:<12} {entry.summary or entry.problem}")
        for parameter in entry.parameters:
            say(f"{'':<12}   {parameter}")
    say("")
    say("built-in models: " + ", ".join(f"local/{name}" for name in CATALOGUE))


def _fetch_names(parsed: argparse.Namespace) -> None:
    for name in parsed.names:
        provider, _, model = name.partition("/")
        if provider == "local" and model:
            say(f"{name}: {find_model(ModelSpec(provider=provider, model=model), _show_progress).path}")
            continue
        if name == HUMANEVAL.name:
            say(f"{name}: {fetch_asset(HUMANEVAL, _show_progress)} (data only: there is no suite for it yet)")
            continue
        for chosen in find_suites([name], {}):
            dataset = load_dataset(chosen, _show_progress)
            say(f"{name}: {len(dataset.samples):,} samples, edition {dataset.edition}, from {dataset.origin}")


def _report_run(parsed: argparse.Namespace) -> None:
    run = find_run(Path.cwd(), parsed.run_name, "lleval report")
    baseline = find_run(Path.cwd(), parsed.baseline, "--baseline") if parsed.baseline else None
    files = [Path(name) for name in parsed.output]
    check_report_files("lleval report --output", files)
    view = load_view(run, baseline)
    write_reports(run, view, files)
    report = encode_report(view)
    if baseline is None:
        write_json(run / REPORT, report)
    if parsed.json:
        say(json.dumps(report, indent=1, sort_keys=True))
        return
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else 0
    for line in render_run(view, width):
        say(line.text)


def _show_progress(label: str, done: int, total: int | None) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(f"\r{label}: {done / 1e6:,.1f}" + (f" of {total / 1e6:,.1f} MB" if total else " MB"))
        if total is not None and done >= total:
            sys.stderr.write("\n")
