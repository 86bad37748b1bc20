"""``lleval hosts``: look at the hosts of a fleet, and keep their environments."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from ..core.errors import UnknownNameError, UsageError
from ..distribution.bootstrap import bootstrap_hosts, open_plan
from ..distribution.fleetcheck import describe_differences, find_refusal
from ..distribution.hosts import Host, HostFile, read_hosts
from ..distribution.probing import Probe, probe_hosts
from ..reports.escaping import escape_text
from .hosttable import make_table
from .output import say

__all__ = ["add_hosts_actions"]

_FILE = "hosts.toml"


def add_hosts_actions(hosts: argparse.ArgumentParser) -> None:
    """Add ``check`` and ``bootstrap`` to the command ``lleval hosts``."""
    actions = hosts.add_subparsers(required=True, metavar="ACTION")
    check = actions.add_parser("check", help="connect to all hosts and say whether each can be used")
    check.add_argument("file", nargs="?", default=_FILE, metavar="FILE", help=f"(default: {_FILE})")
    check.add_argument("--timeout", type=float, default=20.0, metavar="SECONDS", help="for each host (default: 20)")
    check.set_defaults(run=_check_hosts)
    bootstrap = actions.add_parser("bootstrap", help="give hosts with bootstrap = true what is installed here")
    bootstrap.add_argument("file", nargs="?", default=_FILE, metavar="FILE", help=f"(default: {_FILE})")
    bootstrap.add_argument("--only", action="append", default=[], metavar="NAME", help="this host alone; repeatable")
    bootstrap.add_argument("--wheel", type=Path, metavar="FILE", help="of pytest-lleval, instead of making it")
    bootstrap.add_argument("--wheels", type=Path, metavar="DIR", help="send these; hosts ask no index")
    bootstrap.add_argument("--timeout", type=float, default=1800.0, metavar="SECONDS", help="a host (default: 1800)")
    bootstrap.set_defaults(run=_bootstrap_hosts)


def _check_hosts(parsed: argparse.Namespace) -> int:
    seconds = _read_seconds("check", parsed.timeout)
    file = read_hosts(Path(parsed.file))
    names = sorted({name for host in file.hosts for name in host.env})
    probes = probe_hosts(file.hosts, names=names, seconds=seconds)
    for line in make_table(probes):
        say(line.rstrip())
    bad = 0
    for host in file.hosts:
        problems = _list_problems(host, probes[host.name])
        bad += bool(problems)
        for problem in problems:
            _say_of(host.name, problem)
    for name, probe in probes.items():
        if "code" in probe.facts:
            for difference in describe_differences(probe):
                _say_of(name, f"not as here: {difference}")
    say(f"{len(file.hosts) - bad} of {len(file.hosts)} hosts can be used")
    return 1 if bad else 0


def _list_problems(host: Host, probe: Probe) -> list[str]:
    if probe.problem:
        return [probe.problem]
    found = [find_refusal(probe)]
    if host.local_model and not probe.facts.get("engine"):
        found.append("local_model = true, but xllamacpp is not installed there: install pytest-lleval[local]")
    there = probe.facts.get("variables", {})
    found += [
        f"env names {name}, which is set neither here nor there"
        for name in host.env
        if name not in os.environ and not there.get(name)
    ]
    return [problem for problem in found if problem]


def _bootstrap_hosts(parsed: argparse.Namespace) -> int:
    seconds = _read_seconds("bootstrap", parsed.timeout)
    file = read_hosts(Path(parsed.file))
    chosen = _choose(file, parsed.only)
    if parsed.wheels is not None and not parsed.wheels.is_dir():
        raise UsageError(f"lleval hosts bootstrap --wheels={str(parsed.wheels)!r} is no folder")
    for host in file.hosts:
        if not host.bootstrap and not parsed.only:
            _say_of(host.name, "left alone, because it does not say bootstrap = true")
    with open_plan(parsed.wheel, parsed.wheels) as plan:
        outcomes = bootstrap_hosts(chosen, plan, _tell, seconds)
    for name, outcome in outcomes.items():
        if outcome.text:
            _say_of(name, outcome.text)
        if outcome.problem:
            _say_of(name, outcome.problem)
    return 1 if any(outcome.problem for outcome in outcomes.values()) else 0


def _choose(file: HostFile, only: Sequence[str]) -> list[Host]:
    known = {host.name: host for host in file.hosts}
    for name in only:
        if name not in known:
            raise UnknownNameError("lleval hosts bootstrap --only", "host", name, known)
        if not known[name].bootstrap:
            raise UsageError(f"{file.place}: [hosts.{name}] does not say bootstrap = true, so it is left alone")
    chosen = [host for host in file.hosts if host.bootstrap and (not only or host.name in only)]
    if not chosen:
        raise UsageError(f"{file.place}: no host says bootstrap = true, so there is nothing to do")
    return chosen


def _read_seconds(action: str, seconds: float) -> float:
    if not 0 < seconds < 1e6:
        raise UsageError(f"lleval hosts {action}: --timeout={seconds:g} is no number of seconds above 0")
    return seconds


def _tell(name: str, text: str) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(f"{name}: {escape_text(text)}\n")


def _say_of(name: str, text: str) -> None:
    say(f"{name}: {escape_text(text)}")
