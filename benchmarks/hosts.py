"""Whether workers on hosts do as much as workers here: eight of them, here and on four hosts, against the same model.

The model is a script inside the workers that takes its time, so that only the way between controller and workers
differs. Hosts are those of ``--hosts FILE`` (see docs/hosts.md) with as many workers as ``--workers`` says, or are made
by a rig, ``--rig TOOL``, which takes ``up N DIR``, ``delay DIR HOST TIME`` and ``down DIR``. Prints answers a second,
from the first request to the last answer, and the ratio; exit status 1 below 0.95.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from measuring import run_measured
from workload import make_session, read_records, write_work

_TABLE = '[tool.pytest_lleval.models.slow]\nmodel = "mock/fixed:A"\nlatency_ms = {latency}\n'


def main() -> int:
    """Measure both, in turn."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--hosts", type=Path)
    source.add_argument("--rig", type=Path)
    parser.add_argument("--workers", type=int, default=8, help="in all (default: 8)")
    parser.add_argument("--samples", type=int, default=4000)
    parser.add_argument("--latency", type=int, default=200, help="of the model, in ms (default: 200)")
    parser.add_argument("--delay", default="20ms", help="round trip to each host of a rig (default: 20ms)")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="hosts-") as name:
        folder = Path(name)
        write_work(folder / "work", options.samples)
        (folder / "work" / "pyproject.toml").write_text(_TABLE.format(latency=options.latency), encoding="utf-8")
        file = options.hosts.absolute() if options.hosts else _open_rig(options, folder / "rig")
        try:
            return _compare(options, folder / "work", file)
        finally:
            if options.rig:
                _run_rig(options.rig, "down", str(folder / "rig"))


def _open_rig(options: argparse.Namespace, folder: Path) -> Path:
    _run_rig(options.rig, "up", "4", str(folder))
    lines = [f'ssh_config = "{folder}/ssh_config"', "[project]", 'files = ["*.py", "*.json", "*.toml", "*.ini"]']
    for number in range(1, 5):
        _run_rig(options.rig, "delay", str(folder), f"host{number}", options.delay)
        lines += [f"[hosts.host{number}]", f"workers = {options.workers // 4}", f'python = "{sys.executable}"']
    (folder / "hosts.toml").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder / "hosts.toml"


def _run_rig(tool: Path, *words: str) -> None:
    subprocess.run(
        [sys.executable, str(tool), *words], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


def _compare(options: argparse.Namespace, work: Path, file: Path) -> int:
    words = ("--lleval-model=slow", "--lleval-max-connections=64")
    rates: dict[str, list[float]] = {"here": [], "hosts": []}
    for number in range(options.rounds):
        for place in rates:
            run = f"{place}-{number}"
            command = make_session(options.workers, [*words, f"--lleval-run-dir={run}"])
            if place == "hosts":
                command = [word for word in command if word != f"-n{options.workers}"] + [f"--lleval-hosts={file}"]
            cost = run_measured(command, work)
            if cost.status:
                sys.stderr.write(cost.output)
                return 2
            rates[place].append(_measure_rate(work / run))
            print(f"{place:<6} {rates[place][-1]:7.1f} answers/s, whole command {cost.wall:.1f} s")
    ratio = sum(rates["hosts"]) / sum(rates["here"])
    print(f"hosts/here {ratio:.3f} (64 in flight allow {64_000 / options.latency:,.0f} answers/s)")
    return 0 if ratio >= 0.95 else 1


def _measure_rate(run: Path) -> float:
    records = read_records(run)
    began = [record["started"] for record in records]
    ended = [record["started"] + record["completion"]["timing"]["total"] for record in records]
    return len(records) / (max(ended) - min(began))


if __name__ == "__main__":
    raise SystemExit(main())
