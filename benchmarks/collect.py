"""What collecting and running all of MMLU costs in pytest itself, beside an empty session and parametrized functions.

Every variant is a pytest session in a process of its own, `--rounds` times in turn; printed are medians: `start_s`
loads suites and data, `collect_s` makes the items, `both_s` is their sum; names that end in `_cpu` are CPU seconds of
the same phases, `cpu_s` of the whole process; `collected_mb` is the most memory held until collection ends, `peak_mb`
until the process does. Needs LLEVAL_DATA_DIR for the full edition of 14,042 questions.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
CASES = 14_042
PARAMETRIZED = f"""
import pytest

@pytest.mark.parametrize("i", range({CASES}))
def test_nothing(i):
    pass
"""
ASK = ("-p", "lleval", "--lleval-suite=mmlu", "--lleval-arg=edition=full", "--lleval-model=mock/fixed:A")


@dataclass(frozen=True, kw_only=True)
class Variant:
    """A session to measure."""

    name: str
    words: tuple[str, ...]
    #: the process whose collection is shown
    worker: str = "main"


COLLECTING = (
    Variant(name="empty session", words=("--co", "empty")),
    Variant(name="parametrized functions", words=("--co", "parametrized")),
    Variant(name="cases", words=("--co", *ASK)),
)
RUNNING = (
    Variant(name="empty session", words=("empty",)),
    Variant(name="parametrized functions", words=("parametrized",)),
    Variant(name="cases", words=ASK),
    Variant(name="parametrized -n 2, controller", words=("-p", "xdist", "-n2", "parametrized")),
    Variant(name="cases -n 2, controller", words=("-p", "xdist", "-n2", *ASK)),
    Variant(name="cases -n 2, a worker", words=("-p", "xdist", "-n2", *ASK), worker="gw0"),
)


def run_session(folder: Path, words: tuple[str, ...]) -> dict[str, dict[str, float]]:
    """Run one session and return what its processes noted, by worker; `wall_s` is the whole command's."""
    out = folder / "probe.jsonl"
    out.unlink(missing_ok=True)
    path = os.pathsep.join(filter(None, (str(HERE), os.environ.get("PYTHONPATH"))))
    environment = {
        **os.environ,
        "LLEVAL_PROBE": str(out),
        "PYTHONPATH": path,
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
    }
    command = [sys.executable, "-m", "pytest", "-q", "-p", "probe", "-p", "no:cacheprovider", *words]
    began = time.perf_counter()
    done = subprocess.run(
        command, cwd=folder, env=environment, check=False, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    wall = time.perf_counter() - began
    if done.returncode not in (0, 5):
        raise SystemExit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout[-3000:]}")
    notes = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    return {note["worker"]: {**note, "wall_s": wall} for note in notes}


def measure(folder: Path, variants: tuple[Variant, ...], rounds: int) -> dict[str, dict[str, float]]:
    """Run all variants in turn and return the medians by name."""
    notes: dict[str, list[dict[str, float]]] = {variant.name: [] for variant in variants}
    for _ in range(rounds):
        sessions: dict[tuple[str, ...], dict[str, dict[str, float]]] = {}
        for variant in variants:
            if variant.words not in sessions:
                sessions[variant.words] = run_session(folder, variant.words)
            notes[variant.name].append(sessions[variant.words][variant.worker])
    return {
        name: {key: statistics.median(note[key] for note in found) for key in found[0] if key != "worker"}
        for name, found in notes.items()
    }


def print_table(title: str, medians: dict[str, dict[str, float]], columns: tuple[str, ...], base: str) -> None:
    print(f"\n{title}")
    print(f"{'':<32}{'items':>8}" + "".join(f"{column:>14}" for column in columns) + f"{'x ' + columns[0]:>14}")
    for name, found in medians.items():
        ratio = found[columns[0]] / medians[base][columns[0]]
        values = "".join(f"{found[column]:>14.2f}" for column in columns)
        print(f"{name:<32}{found['items']:>8.0f}{values}{ratio:>14.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", choices=("collect", "run"), help="one of the two tables")
    parsed = parser.parse_args()
    if not os.environ.get("LLEVAL_DATA_DIR"):
        raise SystemExit("set LLEVAL_DATA_DIR to the folder that has mmlu/test and mmlu/dev")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
        (folder / "empty").mkdir()
        (folder / "parametrized").mkdir()
        (folder / "parametrized" / "test_nothing.py").write_text(PARAMETRIZED, encoding="utf-8")
        base = "parametrized functions"
        if parsed.only != "run":
            columns = ("both_s", "start_s", "collect_s", "both_cpu", "collected_mb")
            print_table(
                f"collect, median of {parsed.rounds}", measure(folder, COLLECTING, parsed.rounds), columns, base
            )
        if parsed.only != "collect":
            columns = ("wall_s", "run_s", "run_cpu", "cpu_s", "both_cpu", "peak_mb")
            print_table(f"run, median of {parsed.rounds}", measure(folder, RUNNING, parsed.rounds), columns, base)


if __name__ == "__main__":
    main()
