"""What the plugin costs a pytest session that does not use it.

One trivial test, `pytest -q` in a process of its own, with the plugin and with ``-p no:lleval`` in turn; printed are
both medians, their difference, the median of the differences of the pairs and the difference of the fastest sessions,
in milliseconds. Other installed plugins are kept out of both, because some take a hundred times as long. On a machine
that others use too, the fastest sessions and CPU time tell more than the median of wall time.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from importlib.metadata import entry_points
from pathlib import Path


def time_session(folder: Path, *words: str) -> tuple[float, float]:
    """Return wall time and CPU time of one session in milliseconds; no CPU time on Windows."""
    others = [f"-pno:{entry.name}" for entry in entry_points(group="pytest11") if entry.name != "lleval"]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *others, *words]
    # compiled modules are kept, as they are for users, but not beside the sources
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment["PYTHONPYCACHEPREFIX"] = str(folder / "compiled")
    before, began = os.times(), time.perf_counter()
    done = subprocess.run(command, cwd=folder, env=environment, check=False, capture_output=True, text=True)
    if done.returncode != 0 or "1 passed" not in done.stdout:
        raise SystemExit(done.stdout + done.stderr)
    wall, after = time.perf_counter() - began, os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return wall * 1000, cpu * 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=15)
    pairs = parser.parse_args().pairs
    with_plugin: list[tuple[float, float]] = []
    without: list[tuple[float, float]] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
        (folder / "test_one.py").write_text("def test_one():\n    pass\n", encoding="utf-8")
        time_session(folder)
        time_session(folder, "-p", "no:lleval")
        for number in range(pairs):
            # which one goes first alternates, so that a machine that warms up favours neither
            variants = [((), with_plugin), (("-p", "no:lleval"), without)]
            for words, found in variants if number % 2 else variants[::-1]:
                found.append(time_session(folder, *words))
    print(f"{pairs} pairs, in ms")
    print(f"{'':<6}{'with':>10}{'without':>10}{'difference':>12}{'of pairs':>10}{'of fastest':>12}")
    for index, name in enumerate(("wall", "cpu")):
        new, old = [found[index] for found in with_plugin], [found[index] for found in without]
        pair = statistics.median(one - other for one, other in zip(new, old, strict=True))
        medians = statistics.median(new), statistics.median(old)
        print(f"{name:<6}{medians[0]:>10.1f}{medians[1]:>10.1f}{medians[0] - medians[1]:>12.1f}", end="")
        print(f"{pair:>10.1f}{min(new) - min(old):>12.1f}")


if __name__ == "__main__":
    main()
