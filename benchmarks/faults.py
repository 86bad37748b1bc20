"""What a run survives: failing servers, killed workers, a killed controller, a server that falls silent.

Real sessions in processes of their own, against the server of ``--mock PATH``, which is started here, or ``--url URL``;
it must count what it is asked (``GET /stats``, ``POST /reset``) and take ``POST /config`` (see `server.py`). Each part
prints one line; the exit status is 1 when a claim does not hold:

- `server`: 5 % each of 429, 500, time-out, truncated body, closed connection and invalid JSON. Every sample is scored,
  none twice, within twice the time of the same command without faults.
- `workers`: each worker of ``-n 4`` is killed in turn. Every sample is scored, none twice, with the scores of an
  undisturbed run.
- `controller`: it is killed at random points and the run resumed, ``-n 0`` and ``-n 2`` in turn. Every sample has one
  record, with the scores of an undisturbed run, and no more calls are repeated than may be in flight.
- `silence`: a server answers until the run is attached, and never again, ``-n 0`` and ``-n 2``. The session ends by its
  deadline, with everything unscored for an error, and exit status 1.
- `limit`: a server takes 12 requests at once and turns away what is more, ``-n 0``, ``-n 2`` and ``-n 4``. Every sample
  is scored, three in a hundred requests are turned away at most, and 10 are answered at any time in the mean.

In less than a minute: ``faults.py --mock PATH --only controller silence --samples 200 --kills 2 --latency 0.05``. The
other parts claim what holds in a run of some seconds, whose beginning and time-outs do not outweigh the rest.
"""

from __future__ import annotations

import argparse
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path

import psutil
from controller_kills import try_controller
from killing import list_workers, start_session, wait_lines
from measuring import run_measured
from server import Server, SilentServer, start_mock
from surviving import Bench, Finding, check_journal, check_records, run_reference
from workload import write_work

CACHE_OFF = "--lleval-cache=off"
FAULTS = ("429", "500", "timeout", "truncate", "close", "badjson")
RATE = 0.05
#: seconds one attempt may take of a server that does not answer some
TIMEOUT = 1.0
#: seconds one case may take of a server that never answers
DEADLINE = 3.0
#: requests at once that a server takes, what must be in flight in the mean, and the share it may turn away
CAPACITY = 12
IN_FLIGHT = 10.0
TURNED_AWAY = 0.03


def try_server(bench: Bench) -> Finding:
    """Run against a server that fails in every way, and once against the same server without faults."""
    finding = Finding()
    folder = bench.folder / "faulty"
    write_work(folder, bench.samples, url=bench.server.url, timeout=TIMEOUT)
    walls, scores, stats = [], None, {}
    for name, rate in (("clean", 0.0), ("faults", RATE)):
        bench.server.configure(**{f"rate_{fault}": rate for fault in FAULTS})
        bench.server.reset()
        command = bench.make_session(2, "--lleval-model=faulty", f"--lleval-run-dir={name}")
        try:
            cost = run_measured(command, folder, seconds=bench.patience)
        finally:
            bench.server.configure(**{f"rate_{fault}": 0.0 for fault in FAULTS})
        stats = bench.server.settle()
        scores = check_journal(finding, folder / name, bench.samples, scores)
        finding.claim(cost.status == 0, f"{name}: exit {cost.status}: {cost.output[-600:]}")
        walls.append(cost.wall)
    ratio = walls[1] / walls[0]
    finding.claim(ratio <= 2, "more than twice the time without faults")
    met = ", ".join(f"{count} {name}" for name, count in sorted(stats["faults"].items()))
    finding.text = f"{stats['requests']:,} requests, of them {met}; {walls[1]:.1f} s = {ratio:.2f} x without faults"
    return finding


def try_workers(bench: Bench) -> Finding:
    """Kill each of four workers in turn, at fifths of the run."""
    finding = Finding()
    reference = run_reference(bench, 4)
    bench.server.reset()
    run = bench.folder / "workers"
    with start_session(bench.make_command(run, 4), bench.folder) as process:
        killed = _kill_in_turn(bench, process, run)
        status = process.wait(bench.patience)
    output = (bench.folder / "output.txt").read_text(encoding="utf-8", errors="replace")
    stats = bench.server.settle()
    finding.claim(killed == 4, "the run ended before all 4 workers were killed")
    finding.claim(status == 0, f"exit {status}: {output[-600:]}")
    check_journal(finding, run, bench.samples, reference.scores)
    repeated = stats["requests"] - reference.probes - bench.samples
    finding.text = f"{killed} workers killed, exit {status}, {repeated} calls repeated"
    finding.text += f", {stats['client_disconnects']} in flight at the kills"
    return finding


def _kill_in_turn(bench: Bench, process: subprocess.Popen[bytes], run: Path) -> int:
    victims: list[psutil.Process] = []
    for number in range(4):
        if not wait_lines(process, run, bench.samples * (number + 1) // 5):
            return number
        # those the session began with, not those that replace them
        victims = victims or list_workers(process.pid)
        if number >= len(victims) or not victims[number].is_running():
            return number
        victims[number].kill()
    return len(victims)


def try_silence(bench: Bench) -> Finding:
    """Let a server fall silent once a run is attached to it."""
    finding, times = Finding(), []
    for workers in (0, 2):
        with SilentServer() as server:
            answered = run_measured(_ask_silent(bench, server, workers, "answered"), bench.folder)
            finding.claim(answered.status == 0, f"exit {answered.status} while it answered: {answered.output[-600:]}")
            server.answers, server.requests = server.requests - bench.samples, 0
            command = _ask_silent(bench, server, workers, "silent")
            cost = run_measured(command, bench.folder, seconds=bench.patience)
        allowed = DEADLINE + 2 + 2 * answered.wall
        where = f"-n {workers}"
        finding.claim(cost.wall <= allowed, f"{where}: {cost.wall:.1f} s, more than the {allowed:.1f} s promised")
        finding.claim(cost.status == 1, f"{where}: exit {cost.status} instead of 1: {cost.output[-600:]}")
        records = check_records(finding, bench.folder / f"silent{workers}", bench.samples)
        other = sum((record["outcome"], record["cause"]) != ("unscored", "error") for record in records)
        finding.claim(not other, f"{where}: {other} records are not unscored for an error")
        times.append(f"{where}: {cost.wall:.1f} s, {answered.wall:.1f} s when it answers")
    finding.text = f"deadline {DEADLINE:g} s; {'; '.join(times)}"
    return finding


def _ask_silent(bench: Bench, server: SilentServer, workers: int, name: str) -> list[str]:
    run = bench.folder / f"{name}{workers}"
    return bench.make_command(run, workers, f"--lleval-deadline={DEADLINE:g}", url=server.url)


def try_limit(bench: Bench) -> Finding:
    """Run against a server that takes fewer requests at once than a run may have in flight."""
    finding, found = Finding(), []
    for workers in (0, 2, 4):
        bench.server.reset()
        bench.server.configure(max_inflight=CAPACITY)
        run = bench.folder / f"limit{workers}"
        try:
            cost = run_measured(bench.make_command(run, workers), bench.folder, seconds=bench.patience)
        finally:
            bench.server.configure(max_inflight=0)
        stats = bench.server.settle()
        where = f"-n {workers}"
        check_journal(finding, run, bench.samples)
        finding.claim(cost.status == 0, f"{where}: exit {cost.status}: {cost.output[-600:]}")
        turned_away = stats["faults"].get("limit", 0)
        seconds = stats["first_request_to_last_response_s"]
        in_flight = (stats["requests"] - turned_away) * bench.latency / seconds
        share = turned_away / stats["requests"]
        finding.claim(share <= TURNED_AWAY, f"{where}: {share:.1%} were turned away")
        finding.claim(in_flight >= IN_FLIGHT, f"{where}: {in_flight:.1f} in flight of {CAPACITY} that are taken")
        found.append(f"{where}: {in_flight:.1f} in flight, {share:.1%} turned away")
    finding.text = f"{CAPACITY} are taken; {'; '.join(found)}"
    return finding


PARTS: Mapping[str, Callable[[Bench], Finding]] = {
    "server": try_server,
    "workers": try_workers,
    "controller": try_controller,
    "silence": try_silence,
    "limit": try_limit,
}


def run_parts(bench: Bench, names: list[str]) -> bool:
    """Run parts, print what each has found, and tell whether all claims held."""
    held = True
    for name in names:
        began = time.perf_counter()
        try:
            finding = PARTS[name](bench)
        except (RuntimeError, TimeoutError, subprocess.TimeoutExpired) as error:
            finding = Finding(problems=[str(error)])
        seconds = time.perf_counter() - began
        print(f"{'FAILED' if finding.problems else 'ok':<7}{name:<11}{seconds:>5.0f} s  {finding.text}", flush=True)
        for problem in finding.problems[:10]:
            print(f"       - {problem}", flush=True)
        held = held and not finding.problems
    return held


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    place = parser.add_mutually_exclusive_group(required=True)
    place.add_argument("--url", help="of a server that runs, e.g. http://127.0.0.1:8000/v1")
    place.add_argument("--mock", type=Path, help="Python file of a server to start, which takes --latency-ms")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS), metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--samples", type=int, default=2000)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--latency", type=float, default=0.2, help="seconds the server takes for one answer")
    parser.add_argument("--kills", type=int, default=25, help="of the controller")
    parser.add_argument("--seed", type=int, default=0, help="of the points at which it is killed")
    parser.add_argument(
        "--words", type=shlex.split, default=CACHE_OFF, help=f"further options of our sessions (default: {CACHE_OFF})"
    )
    return parser.parse_args()


def main() -> int:
    parsed = read_options()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True)))
        if parsed.mock:
            server = stack.enter_context(start_mock(parsed.mock, f"--latency-ms={parsed.latency * 1e3:g}"))
        else:
            server = Server(parsed.url)
        if not server.reset() or server.read_stats() is None or not server.configure():
            raise SystemExit(f"{server.url} must take GET /stats, POST /reset and POST /config")
        bench = Bench(
            folder=folder,
            server=server,
            samples=parsed.samples,
            connections=parsed.connections,
            latency=parsed.latency,
            kills=parsed.kills,
            seed=parsed.seed,
            words=tuple(parsed.words),
        )
        write_work(folder, parsed.samples)
        return 0 if run_parts(bench, parsed.only) else 1


if __name__ == "__main__":
    sys.exit(main())
