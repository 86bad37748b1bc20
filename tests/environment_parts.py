"""Samples of machines, and real processes that keep one busy."""

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psutil

QUIET = {
    "reference_wall_ms": 0.5,
    "reference_cpu_ms": 0.5,
    "busy_share": 0.12,
    "own_share": 0.1,
    "foreign_share": 0.02,
    "steal_share": 0.0,
    "memory_available_bytes": 8_000_000_000,
    "swap_in_bytes": 1_000_000,
    "swap_out_bytes": 1_000_000,
    "throttled": 0,
    "throttled_s": 0.0,
}
FINGERPRINT = {
    "python": "3.11.7",
    "implementation": "CPython",
    "system": "Linux",
    "release": "6.1",
    "machine": "x86_64",
    "cpu": "A",
    "cpus": 8,
    "cpus_usable": 8,
    "cpu_quota": None,
    "governor": None,
    "memory_bytes": 16_000_000_000,
    "memory_limit_bytes": None,
    "container": None,
    "gpus": [],
    "packages": {"numpy": "2.1"},
    "code": "a" * 64,
}
HOG = "import time; end = time.monotonic() + {seconds}\nwhile time.monotonic() < end: pass"


def make_samples(count: int = 8, step: float = 2.0, **columns: object) -> list[dict[str, Any]]:
    """Return quiet samples; a column may be one value for all, or a list with one value for each."""
    samples = []
    for index in range(count):
        values = {name: v[index] if isinstance(v, list) else v for name, v in (QUIET | columns).items()}
        if index == 0:
            values = {name: value for name, value in values.items() if not name.endswith("_share")}
        samples.append({"at": 1000.0 + index * step, "interval_s": step, **values})
    return samples


def make_worker(count: int = 8, step: float = 2.0, **columns: object) -> dict[str, Any]:
    return {"fingerprint": FINGERPRINT, "samples": make_samples(count, step, **columns)}


@contextmanager
def run_python(script: str) -> Iterator[subprocess.Popen[str]]:
    """Run a script until the block ends; it is ready when it prints a line, which is read."""
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    with process:
        try:
            yield process
        finally:
            process.kill()


@contextmanager
def keep_busy(count: int, seconds: float = 20) -> Iterator[Sequence[int]]:
    """Keep so many processors busy until the block ends."""
    command = [sys.executable, "-c", HOG.format(seconds=seconds)]
    hogs = [subprocess.Popen(command) for _ in range(count)]
    try:
        yield [hog.pid for hog in hogs]
    finally:
        for hog in hogs:
            hog.kill()
            hog.wait()


def read_spent(pid: int) -> float:
    """Return the CPU seconds a process has used, so that tests hold on a busy machine too."""
    times = psutil.Process(pid).cpu_times()
    return times.user + times.system


def count_cpus() -> int:
    return os.cpu_count() or 1
