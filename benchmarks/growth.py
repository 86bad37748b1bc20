"""How a session grows: its speed with its workers, its time and memory with its samples."""

from __future__ import annotations

import argparse
from pathlib import Path
from statistics import median
from typing import NamedTuple

from measuring import Cost, run_measured
from workload import make_session, read_records, write_work

__all__ = ["print_scaling", "print_sizes"]


class _Speed(NamedTuple):
    #: seconds of the whole command, and from the first request to the last answer
    wall: float
    asking: float


def print_scaling(parsed: argparse.Namespace, folder: Path) -> None:
    """Print the speed-up by workers with one request in flight in each, against the first number of workers."""
    write_work(folder, parsed.samples)
    speeds: dict[int, list[_Speed]] = {count: [] for count in parsed.workers}
    for number in range(parsed.rounds):
        for count in parsed.workers:
            words = [f"--lleval-model=openai/any@{parsed.url}", f"--lleval-max-connections={count}"]
            run = folder / f"run{count}-{number}"
            cost = _run(make_session(count, [*words, f"--lleval-run-dir={run}", *parsed.words]), folder)
            speeds[count].append(_Speed(wall=cost.wall, asking=_measure_asking(run, parsed.samples)))
    print(f"{parsed.samples:,} samples of {parsed.latency:g} s, one in flight a worker; median of {parsed.rounds}")
    print(f"{'workers':<9}{'asking s':>10}{'speed-up':>10}{'of linear':>11}{'command s':>11}{'speed-up':>10}")
    first = parsed.workers[0]
    base = _take_medians(speeds[first])
    for count in parsed.workers:
        found = _take_medians(speeds[count])
        asking, wall = base.asking / found.asking, base.wall / found.wall
        share = asking / (count / first)
        print(f"{count:<9}{found.asking:>10.2f}{asking:>10.2f}{share:>10.0%} {found.wall:>11.2f}{wall:>10.2f}")


def print_sizes(parsed: argparse.Namespace, folder: Path) -> None:
    """Print time and memory by samples of sessions whose model answers at once, in their own process."""
    print("model mock/fixed:A; memory is the controller's alone, over a session of one sample")
    print(f"{'':<8}{'samples':>9}{'wall s':>9}{'ms a sample':>13}{'controller MB':>15}{'kB a sample':>13}{'all MB':>9}")
    for workers in parsed.workers:
        empty = 0.0
        for samples in (1, *parsed.sizes):
            costs = [_run_size(parsed, folder / f"{samples}-{workers}", samples, workers) for _ in range(parsed.rounds)]
            wall, first = median(cost.wall for cost in costs), median(cost.memory_first for cost in costs)
            empty = empty or first
            line = f"-n {workers:<5}{samples:>9,}{wall:>9.2f}{wall / samples * 1e3:>13.3f}{first / 1e6:>15.1f}"
            grown = f"{(first - empty) / samples / 1e3:>13.2f}" if samples > 1 else f"{'':>13}"
            print(f"{line}{grown}{median(cost.memory for cost in costs) / 1e6:>9.0f}", flush=True)


def _run_size(parsed: argparse.Namespace, folder: Path, samples: int, workers: int) -> Cost:
    write_work(folder, samples)
    words = ["--lleval-model=mock/fixed:A", *parsed.words]
    return _run(make_session(workers, words), folder)


def _run(command: list[str], folder: Path) -> Cost:
    cost = run_measured(command, folder)
    if cost.status != 0:
        raise SystemExit(f"{' '.join(command)} ended with {cost.status}:\n{cost.output[-3000:]}")
    return cost


def _measure_asking(run: Path, samples: int) -> float:
    """Return the seconds from when the first case was begun to when the last was answered."""
    records = read_records(run)
    if len(records) != samples:
        raise SystemExit(f"{run}: {len(records)} records of {samples}")
    ends = []
    for record in records:
        timing = record["completion"]["timing"]
        ends.append(record["started"] + timing["queued"] + timing["total"])
    return float(max(ends) - min(record["started"] for record in records))


def _take_medians(speeds: list[_Speed]) -> _Speed:
    return _Speed(wall=median(one.wall for one in speeds), asking=median(one.asking for one in speeds))
