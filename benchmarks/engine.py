"""Whole commands that ask N short questions of one server, as multiples of the time the server alone would need.

``engine.py --url URL --latency SECONDS`` compares this plugin with every other tool that is installed (see `peers.py`
for which, and their versions) in one run, in turn. The server is any that speaks OpenAI's protocol and takes
``--latency`` for an answer, so that the ideal is ``N / connections * latency``; of one that counts (``GET /stats``,
``POST /reset``) it is checked after each command that it was asked all N questions, and taken when the first came.

With ``--scaling`` the plugin's own speed-up by workers is measured, with one request in flight in each; with
``--sizes`` its time and memory by samples, without a server.
"""

from __future__ import annotations

import argparse
import shlex
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from growth import print_scaling, print_sizes
from measuring import Cost, run_measured
from peers import PEERS, Absent, Contender, Errand, find_versions
from server import Server
from workload import make_session, write_work

CACHE_OFF = "--lleval-cache=off"


@dataclass(frozen=True, kw_only=True)
class Round:
    """One run of a contender, and what the server had to say of it."""

    cost: Cost
    #: seconds from its start to its first request
    start: float | None = None
    #: what it asked beyond the questions, such as a probe
    extra: int | None = None


def run_round(contender: Contender, folder: Path, server: Server, samples: int) -> Round:
    """Run a contender once; it must succeed and have asked every question.

    :raises RuntimeError: when it did not
    """
    counted = server.reset()
    cost = run_measured(contender.command, folder, contender.environment)
    if cost.status != 0:
        raise RuntimeError(f"ended with {cost.status}: {cost.output[-1500:]}")
    stats = server.read_stats() if counted else None
    if stats is None:
        return Round(cost=cost)
    asked = stats.get("unique_prompts", stats["requests"])
    if asked < samples:
        raise RuntimeError(f"asked {asked} of {samples} questions: {cost.output[-1500:]}")
    failed = {status: count for status, count in stats.get("status", {}).items() if status != "200"}
    if failed:
        raise RuntimeError(f"not every request was answered, {failed}: {cost.output[-1500:]}")
    first = stats.get("t_first_request")
    # a clock of another machine tells nothing
    start = first - cost.began if first is not None and 0 < first - cost.began < cost.wall else None
    return Round(cost=cost, start=start, extra=stats["requests"] - samples)


def list_contenders(parsed: argparse.Namespace, folder: Path) -> dict[str, tuple[Path, Contender | Absent]]:
    """Return what is compared, by name, each with the folder it runs in."""
    questions = write_work(folder / "ours", parsed.samples)
    versions = find_versions(parsed.peers_python)
    found: dict[str, tuple[Path, Contender | Absent]] = {}
    for number, (name, make) in enumerate(PEERS.items()):
        if parsed.only and name not in parsed.only:
            continue
        place = folder / f"peer{number}"
        place.mkdir()
        errand = Errand(
            folder=place,
            url=parsed.url,
            questions=questions,
            connections=parsed.connections,
            python=parsed.peers_python,
            versions=versions,
        )
        found[name] = place, make(errand)
    words = [f"--lleval-model=openai/any@{parsed.url}", f"--lleval-max-connections={parsed.connections}", *parsed.words]
    for count in parsed.workers:
        name = f"ours -n {count}"
        if not parsed.only or name in parsed.only or "ours" in parsed.only:
            found[name] = folder / "ours", Contender(command=tuple(make_session(count, words)))
    return found


def compare(parsed: argparse.Namespace, folder: Path) -> bool:
    """Run all contenders in turn, print the table, and tell whether none failed."""
    server = Server(parsed.url)
    contenders = list_contenders(parsed, folder)
    notes = {name: one.reason for name, (_, one) in contenders.items() if isinstance(one, Absent)}
    rounds: dict[str, list[Round]] = {name: [] for name in contenders}
    failed = False
    for _ in range(parsed.rounds):
        for name, (place, one) in contenders.items():
            if isinstance(one, Absent) or name in notes:
                continue
            try:
                rounds[name].append(run_round(one, place, server, parsed.samples))
            except (RuntimeError, TimeoutError) as error:
                notes[name] = f"failed: {error}"
                failed = True
    print_table(parsed, rounds, notes)
    if server.read_stats() is None:
        print("the server does not count (GET /stats): whether each tool asked every question was not checked")
    return not failed


def print_table(parsed: argparse.Namespace, rounds: dict[str, list[Round]], notes: dict[str, str]) -> None:
    ideal = parsed.samples / parsed.connections * parsed.latency
    print(
        f"{parsed.samples:,} samples, {parsed.connections} in flight, {parsed.latency:g} s each: ideal {ideal:.2f} s; "
        f"median of {parsed.rounds}"
    )
    print(f"{'':<28}{'wall s':>8}{'x ideal':>9}{'CPU ms a sample':>17}{'peak MB':>9}{'start s':>9}{'extra':>7}")
    for name, found in rounds.items():
        if name in notes:
            print(f"{name:<28}  {notes[name]}")
            continue
        wall, cpu = median(one.cost.wall for one in found), median(one.cost.cpu for one in found)
        line = f"{name:<28}{wall:>8.2f}{wall / ideal:>9.2f}{cpu / parsed.samples * 1e3:>17.2f}"
        line += f"{median(one.cost.memory for one in found) / 1e6:>9.0f}"
        starts = [one.start for one in found if one.start is not None]
        extras = [one.extra for one in found if one.extra is not None]
        print(line + (f"{median(starts):>9.2f}" if starts else f"{'':>9}") + (f"{max(extras):>7}" if extras else ""))


def read_options(words: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", help="of the server, e.g. http://127.0.0.1:8000/v1")
    parser.add_argument("--latency", type=float, default=0.2, help="seconds the server takes for one answer")
    parser.add_argument("--samples", type=int, help="questions (default: 2000; 400 for --scaling)")
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--workers", type=int, nargs="+", help="of our sessions (default: 0 2; 1 2 4 8 for --scaling)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", nargs="+", metavar="NAME", help=f"of {', '.join(PEERS)}, ours, ours -n 0, …")
    parser.add_argument("--peers-python", default=sys.executable, help="interpreter that has the other tools")
    parser.add_argument(
        "--words", type=shlex.split, default=CACHE_OFF, help=f"further options of our sessions (default: {CACHE_OFF})"
    )
    parser.add_argument("--scaling", action="store_true", help="speed-up by workers instead")
    parser.add_argument("--sizes", type=int, nargs="+", metavar="N", help="time and memory by samples instead")
    parsed = parser.parse_args(words)
    if not parsed.url and not parsed.sizes:
        parser.error("--url is needed for all but --sizes")
    parsed.url = (parsed.url or "").rstrip("/")
    parsed.samples = parsed.samples or (400 if parsed.scaling else 2000)
    parsed.workers = parsed.workers or ([1, 2, 4, 8] if parsed.scaling else [0, 2])
    unknown = [name for name in parsed.only or () if name not in PEERS and not name.startswith("ours")]
    if unknown:
        parser.error(f"--only: {', '.join(unknown)} is none of {', '.join(PEERS)}, ours")
    return parsed


def main() -> int:
    parsed = read_options()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        if parsed.sizes:
            print_sizes(parsed, folder)
            return 0
        if parsed.scaling:
            print_scaling(parsed, folder)
            return 0
        return 0 if compare(parsed, folder) else 1


if __name__ == "__main__":
    sys.exit(main())
