"""What the reports of a long run cost: time, memory and size of each form.

``python benchmarks/report.py [RUN]`` renders each report in a process of its own: of a run directory, or of one that is
made up of as many samples as ``--samples`` says, whose prompts and answers are of MMLU's length.
"""

from __future__ import annotations

import argparse
import random
import re
import sys
import tempfile
from pathlib import Path
from statistics import median

from measuring import run_measured

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from run_parts import describe_suite, make_completion, make_record, make_request, write_run

_FORMS = (".html", ".md", ".json")
#: renders a report as `lleval report` does, and says how long it took beside reading the run
_SCRIPT = """
import sys, time
from pathlib import Path
from pytest_lleval.reports.view import load_view
from pytest_lleval.reports.writing import write_reports
run, file = map(Path, sys.argv[1:])
began = time.perf_counter()
view = load_view(run)
read = time.perf_counter()
write_reports(run, view, [file])
print(f"read {read - began:.3f} written {time.perf_counter() - read:.3f}")
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", nargs="?", type=Path, help="a run directory (default: one is made up)")
    parser.add_argument("--samples", type=int, default=14_042)
    parser.add_argument("--rounds", type=int, default=3)
    parsed = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        run = parsed.run.resolve() if parsed.run else make_run(Path(folder) / "run", parsed.samples)
        print(f"{'form':<7}{'read s':>8}{'write s':>9}{'process s':>11}{'memory MB':>11}{'size kB':>9}  texts")
        for form in _FORMS:
            print_form(run, Path(folder) / f"report{form}", parsed.rounds)


def make_run(run: Path, samples: int) -> Path:
    """Make a run up: 57 groups, 500 characters a prompt of words as frequent as they are in English."""
    chance = random.Random(0)
    words = ["".join(chance.choices("etaoinshrdlu", k=chance.randint(2, 10))) for _ in range(20_000)]
    weights = [1 / (rank + 3) for rank in range(len(words))]
    records = (
        make_record(
            f"group_{number % 57}/{number}",
            float(chance.random() < 0.25),
            group=f"group_{number % 57}",
            target=(chance.choice("ABCD"),),
            request=make_request(" ".join(chance.choices(words, weights, k=80))),
            completion=make_completion(text=chance.choice("ABCD")),
        )
        for number in range(samples)
    )
    return write_run(run, records, suites=[describe_suite(samples=samples, selected=samples)])


def print_form(run: Path, file: Path, rounds: int) -> None:
    costs = [run_measured([sys.executable, "-c", _SCRIPT, str(run), str(file)], file.parent) for _ in range(rounds)]
    if any(cost.status for cost in costs):
        raise SystemExit(costs[0].output)
    times = [[float(number) for number in re.findall(r"[\d.]+", cost.output)] for cost in costs]
    read, written = (median(column) for column in zip(*times, strict=True))
    memory, size = max(cost.memory for cost in costs), file.stat().st_size
    found = re.search(r"details of ([\d,]+ of [\d,]+) samples|(All [\d,]+) samples", file.read_text(encoding="utf-8"))
    texts = next(filter(None, found.groups())) if found else ""
    wall = median(cost.wall for cost in costs)
    print(f"{file.suffix:<7}{read:>8.2f}{written:>9.2f}{wall:>11.2f}{memory / 1e6:>11.0f}{size / 1e3:>9.0f}  {texts}")


if __name__ == "__main__":
    main()
