"""What the trust layer costs: whole sessions with it, and with `untrusting.py` in its place, in turn.

``overhead.py --url URL [--pairs N]`` asks 2,000 short questions, 64 in flight, of any server that speaks OpenAI's
protocol, and prints medians of wall and CPU time, and the median of the differences of the pairs.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path
from statistics import median

from measuring import Cost, run_measured
from workload import make_session, write_work


def run_one(folder: Path, parsed: argparse.Namespace, workers: int, *, trusting: bool) -> Cost:
    """Run one session and return what it took.

    :raises RuntimeError: when it failed
    """
    words = [f"--lleval-model=openai/any@{parsed.url}", "--lleval-max-connections=64", "--lleval-cache=off"]
    words += [] if trusting else ["-p", "untrusting"]
    paths = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
    cost = run_measured(make_session(workers, words), folder, {"PYTHONPATH": paths})
    if cost.status != 0:
        raise RuntimeError(cost.output[-2000:])
    return cost


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", required=True)
    parser.add_argument("--pairs", type=int, default=7)
    parser.add_argument("--samples", type=int, default=2000)
    parser.add_argument("--workers", type=int, nargs="+", default=[0, 2])
    parsed = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_work(folder, parsed.samples)
        print(
            f"{'':<8}{'with':>9}{'without':>9}{'of pairs':>10}  wall s{'with':>9}{'without':>9}{'of pairs':>10}  CPU ms"
        )
        for workers in parsed.workers:
            pairs = []
            for number in range(parsed.pairs):
                order = (True, False) if number % 2 else (False, True)
                found = {trusting: run_one(folder, parsed, workers, trusting=trusting) for trusting in order}
                pairs.append((found[True], found[False]))
            print_pairs(f"-n {workers}", pairs, parsed.samples)


def print_pairs(name: str, pairs: list[tuple[Cost, Cost]], samples: int) -> None:
    wall = [(new.wall, old.wall) for new, old in pairs]
    cpu = [(new.cpu / samples * 1000, old.cpu / samples * 1000) for new, old in pairs]
    line = f"{name:<8}"
    for figures, form in ((wall, "%"), (cpu, "ms")):
        new, old = median(one for one, _ in figures), median(other for _, other in figures)
        between = median(one - other for one, other in figures)
        told = f"{between / old:+.1%}" if form == "%" else f"{between:+.3f}"
        line += f"{new:>9.3f}{old:>9.3f}{told:>10}" + " " * 8
    print(line, flush=True)


if __name__ == "__main__":
    main()
