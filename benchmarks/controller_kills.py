"""Kills the controller of a run at random points, and goes on with the run."""

from __future__ import annotations

import random
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from killing import count_lines, list_workers, start_session, wait_gone
from measuring import run_measured
from surviving import Bench, Finding, Reference, check_journal, run_reference

#: seconds workers may go on without their controller
ORPHANED = 30.0


@dataclass(frozen=True, kw_only=True)
class Kill:
    """A point at which the controller of a run is killed."""

    number: int
    workers: int
    #: of the wall time of an undisturbed run
    fraction: float
    reference: Reference


@dataclass(frozen=True, kw_only=True)
class Killed:
    """What a server had counted when a run was killed."""

    requests: int
    in_flight: int
    #: requests that workers sent before they heard of the end of their controller
    later: int
    #: seconds workers went on without the controller
    orphaned: float


@dataclass(kw_only=True)
class Kills:
    """What killing controllers has shown so far."""

    #: before there was a run to go on with; after its end
    early: int = 0
    late: int = 0
    repeated: list[int] = field(default_factory=list)
    in_flight: list[int] = field(default_factory=list)
    later: list[int] = field(default_factory=list)
    orphaned: list[float] = field(default_factory=list)


def try_controller(bench: Bench) -> Finding:
    """Kill the controller at random points of its run and resume it."""
    finding, kills = Finding(), Kills()
    references = {workers: run_reference(bench, workers) for workers in (0, 2)}
    chance = random.Random(bench.seed)
    for number in range(bench.kills):
        workers = 2 * (number % 2)
        kill = Kill(number=number, workers=workers, fraction=chance.random(), reference=references[workers])
        one = Finding()
        kill_and_resume(bench, kill, one, kills)
        where = f"kill {number} (-n {workers}, {kill.fraction:.0%})"
        finding.problems += [f"{where}: {problem}" for problem in one.problems]
    finding.text = (
        f"{bench.kills} kills ({kills.early} before there was a run, {kills.late} after its end): calls repeated "
        f"{max(kills.repeated, default=0)} at most, {sum(kills.repeated)} in all; in flight "
        f"{max(kills.in_flight, default=0)} at most, {sum(kills.in_flight)} in all; sent by workers after the kill "
        f"{max(kills.later, default=0)} at most, {sum(kills.later)} in all; workers ended after "
        f"{max(kills.orphaned, default=0):.1f} s at most"
    )
    return finding


def kill_and_resume(bench: Bench, kill: Kill, finding: Finding, kills: Kills) -> None:
    """Kill a run, resume it, and claim that nothing shows of that."""
    run = bench.folder / f"killed{kill.number}"
    bench.server.reset()
    killed = kill_controller(bench, kill, run, finding)
    kills.late += killed is None
    if killed is None:
        killed = Killed(requests=bench.server.settle()["requests"], in_flight=0, later=0, orphaned=0.0)
    kills.orphaned.append(killed.orphaned)
    done = count_lines(run)
    begun = (run / "manifest.json").is_file()
    if begun:
        command = bench.make_session(kill.workers, f"--lleval-resume={run}", suite=None)
    else:
        kills.early += 1
        shutil.rmtree(run, ignore_errors=True)
        command = bench.make_command(run, kill.workers)
    cost = run_measured(command, bench.folder, seconds=bench.patience)
    finding.claim(cost.status == 0, f"exit {cost.status} when resumed: {cost.output[-600:]}")
    check_journal(finding, run, bench.samples, kill.reference.scores)
    if begun:
        repeated = _count_repeated(bench, kill, killed.requests, done)
        finding.claim(
            repeated <= bench.connections,
            f"{repeated} calls repeated, {bench.connections} may be in flight; {killed.later} were sent after the kill",
        )
        kills.repeated.append(repeated)
        kills.in_flight.append(killed.in_flight)
        kills.later.append(killed.later)


def kill_controller(bench: Bench, kill: Kill, run: Path, finding: Finding) -> Killed | None:
    """Start a run and kill its controller; None when it had ended before."""
    with start_session(bench.make_command(run, kill.workers), bench.folder) as process:
        try:
            process.wait(kill.fraction * kill.reference.cost.wall)
        except subprocess.TimeoutExpired:
            workers = list_workers(process.pid)
            before = bench.server.settle(0)
            process.kill()
            process.wait()
        else:
            return None
        orphaned, left = wait_gone(workers, ORPHANED)
        finding.claim(not left, f"{left} workers went on for {ORPHANED:.0f} s without their controller")
    after = bench.server.settle()
    return Killed(
        requests=after["requests"],
        in_flight=max(before["inflight"], after["client_disconnects"]),
        later=after["requests"] - before["requests"],
        orphaned=orphaned,
    )


def _count_repeated(bench: Bench, kill: Kill, first: int, done: int) -> int:
    """Return how many samples were asked again by the session that resumed.

    :param first: requests of the session that was killed
    :param done: records it had written
    """
    total, probes = bench.server.settle()["requests"], kill.reference.probes
    # where nothing is left to ask, probes are all that can have been sent
    probed = probes if done < bench.samples else min(total - first, probes)
    return int(total - bench.samples - probed - min(first, probes))
