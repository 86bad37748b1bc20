"""What one controller costs by samples and by workers, what `lleval merge` costs, and what a shard pays for the rest.

``scale.py controller`` runs sessions of two sizes with ``-n 1`` and more, and prints the CPU time of the first process
alone: what it takes more for more samples, and what for more workers. With ``--url`` the workers ask a server that
speaks OpenAI's protocol; else the model is a script inside them, and records are shorter by half.

``scale.py merge`` makes up runs of shards of two sizes, with a gate, puts them together, and prints CPU time and
memory.

``scale.py loading`` plans a small shard of a large suite, and prints what a process pays for samples of others.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from statistics import median

from measuring import Cost, run_measured
from workload import make_session, write_work

_MERGE = "import sys; from pytest_lleval.cli.main import main; sys.exit(main(sys.argv[1:]))"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("controller", "merge", "loading"))
    parser.add_argument("--url", help="of a server, for `controller` and the records of `merge`")
    parser.add_argument("--samples", type=int, nargs=2, help="of the whole run (default: depends)")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 4, 8])
    parser.add_argument("--shards", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=3)
    parsed = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="scale-") as folder:
        {"controller": _measure_controller, "merge": _measure_merge, "loading": _measure_loading}[parsed.what](
            parsed, Path(folder)
        )


def _measure_controller(parsed: argparse.Namespace, folder: Path) -> None:
    few, many = parsed.samples or (2_000, 10_000)
    model = _name_model(parsed)
    print(f"model {model}; CPU seconds of the controller's process alone, median of {parsed.rounds}")
    print(f"{'':<8}{f'{few:,}':>12}{f'{many:,}':>12}{'ms a sample':>13}{'kB a sample':>13}")
    seconds: list[tuple[int, float]] = []
    for workers in parsed.workers:
        cpu, memory = {}, {}
        for samples in (few, many):
            words = [f"--lleval-model={model}", "--lleval-cache=off", "--lleval-max-connections=64"]
            place = folder / f"{samples}"
            write_work(place, samples)
            costs = [_run(make_session(workers, words), place) for _ in range(parsed.rounds)]
            cpu[samples] = median(cost.cpu_first for cost in costs)
            memory[samples] = median(cost.memory_first for cost in costs)
        each = (cpu[many] - cpu[few]) / (many - few) * 1e3
        held = (memory[many] - memory[few]) / (many - few) / 1e3
        print(f"-n {workers:<5}{cpu[few]:>12.2f}{cpu[many]:>12.2f}{each:>13.3f}{held:>13.2f}", flush=True)
        seconds.append((workers, cpu[few]))
    for (fewer, before), (more, after) in pairwise(seconds):
        print(f"from -n {fewer} to -n {more}: {(after - before) / (more - fewer):.3f} s more a worker")


def _measure_merge(parsed: argparse.Namespace, folder: Path) -> None:
    few, many = parsed.samples or (10_000, 99_000)
    print(f"`lleval merge` of {parsed.shards} shards, median of {parsed.rounds}")
    print(f"{'samples':>9}{'kB a record':>13}{'wall s':>9}{'CPU s':>8}{'memory MB':>11}")
    found: dict[int, tuple[float, float]] = {}
    for samples in (few, many):
        runs = list(_write_shards(parsed, folder / str(samples), samples))
        size = sum((run / "samples.jsonl").stat().st_size for run in runs) / samples / 1e3
        costs = []
        for _ in range(parsed.rounds):
            target = folder / "merged"
            costs.append(_run([sys.executable, "-c", _MERGE, "merge", *map(str, runs), f"--output={target}"], folder))
            shutil.rmtree(target)
        cpu, memory = median(cost.cpu for cost in costs), median(cost.memory for cost in costs)
        wall = median(cost.wall for cost in costs)
        print(f"{samples:>9,}{size:>13.2f}{wall:>9.2f}{cpu:>8.2f}{memory / 1e6:>11.0f}", flush=True)
        found[samples] = cpu, memory
    cpu, memory = (found[many][place] - found[few][place] for place in (0, 1))
    print(f"a sample more: {cpu / (many - few) * 1e3:.3f} ms of CPU, {memory / (many - few) / 1e3:.2f} kB")


def _write_shards(parsed: argparse.Namespace, folder: Path, samples: int) -> Iterator[Path]:
    """Make up runs: the records of a real session, with other names and moments."""
    from pytest_lleval.core.encoding import dump_line
    from pytest_lleval.execution.journal import Journal

    write_work(folder, 200)
    shards = parsed.shards
    words = [
        f"--lleval-model={_name_model(parsed)}",
        "--lleval-cache=off",
        f"--lleval-shard=1/{shards}",
        "--lleval-gate=point>=0",
    ]
    _run(make_session(2, [*words, f"--lleval-run-dir={folder / 'real'}"]), folder)
    lines = [json.loads(line) for line in (folder / "real" / "samples.jsonl").read_text(encoding="ascii").splitlines()]
    manifest = json.loads((folder / "real" / "manifest.json").read_text(encoding="utf-8"))
    for shard in range(1, shards + 1):
        run = folder / f"shard-{shard}"
        run.mkdir()
        own = range(shard - 1, samples, shards)
        manifest["settings"]["shard"] = {"index": shard, "count": shards}
        manifest["suites"][0] |= {"selected": len(own), "whole": {"samples": samples, "digest": "0" * 64}}
        manifest["sessions"][0]["shard"] = f"{shard}/{shards}"
        (run / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
        with Journal(run) as journal:
            for number in own:
                raw = {key: value for key, value in lines[number % len(lines)].items() if key != "chain"}
                raw |= {"sample": str(number), "case": f"questions::{number}[any]", "started": 1e9 + number * 0.01}
                journal.append(dump_line(raw))
        yield run


def _measure_loading(parsed: argparse.Namespace, folder: Path) -> None:
    few, many = parsed.samples or (10_000, 110_000)
    print(f"a session that collects 1 of 1,000 shards, median of {parsed.rounds}")
    print(f"{'samples':>9}{'CPU s':>8}{'memory MB':>11}")
    found: dict[int, tuple[float, float]] = {}
    for samples in (few, many):
        place = folder / str(samples)
        write_work(place, samples)
        command = make_session(0, ["--lleval-model=mock/fixed:A", "--lleval-shard=1/1000", "--collect-only"])
        costs = [_run(command, place) for _ in range(parsed.rounds)]
        cpu, memory = median(cost.cpu for cost in costs), median(cost.memory for cost in costs)
        print(f"{samples:>9,}{cpu:>8.2f}{memory / 1e6:>11.0f}", flush=True)
        found[samples] = cpu, memory
    cpu, memory = (found[many][place] - found[few][place] for place in (0, 1))
    print(f"a sample of another shard: {cpu / (many - few) * 1e6:.1f} µs of CPU, {memory / (many - few) / 1e3:.2f} kB")


def _name_model(parsed: argparse.Namespace) -> str:
    return f"openai/any@{parsed.url}" if parsed.url else "mock/fixed:A"


def _run(command: list[str], folder: Path) -> Cost:
    cost = run_measured(command, folder)
    if cost.status != 0:
        raise SystemExit(f"{' '.join(command[:8])} … ended with {cost.status}:\n{cost.output[-3000:]}")
    return cost


if __name__ == "__main__":
    main()
