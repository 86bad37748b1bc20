"""Sessions that are disturbed while they run: find their workers, wait for a point of the run, clean up."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
from measuring import ENVIRONMENT

__all__ = ["count_lines", "list_workers", "start_session", "wait_gone", "wait_lines"]


@contextmanager
def start_session(command: Sequence[str], folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run a session whose output goes to ``output.txt``; what is left of it at the end is killed."""
    with (folder / "output.txt").open("wb") as output:
        process = subprocess.Popen(
            command, cwd=folder, env=ENVIRONMENT, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
        )
        try:
            yield process
        finally:
            for worker in list_workers(process.pid):
                with suppress(psutil.Error):
                    worker.kill()
            process.kill()
            process.wait()


def list_workers(pid: int) -> list[psutil.Process]:
    """Return the xdist workers of a session in the order they were started, without other helpers."""
    try:
        return [child for child in psutil.Process(pid).children() if _is_worker(child)]
    except psutil.Error:
        return []


def _is_worker(process: psutil.Process) -> bool:
    try:
        # what execnet gives an interpreter to run
        return any("sys.stdin.readline" in word for word in process.cmdline())
    except psutil.Error:
        return False


def wait_gone(processes: Sequence[psutil.Process], seconds: float) -> tuple[float, int]:
    """Wait for processes to end, and kill those that do not; return the seconds it took and how many were killed.

    :param seconds: given to them
    """
    began = time.perf_counter()
    _, alive = psutil.wait_procs(processes, timeout=seconds)
    taken = time.perf_counter() - began
    for process in alive:
        with suppress(psutil.Error):
            process.kill()
    return taken, len(alive)


def count_lines(run: Path) -> int:
    """Return how many whole lines a run's journal has."""
    journal = run / "samples.jsonl"
    return journal.read_bytes().count(b"\n") if journal.is_file() else 0


def wait_lines(process: subprocess.Popen[bytes], run: Path, count: int) -> bool:
    """Wait until a journal has so many lines; False when the session has ended before."""
    while process.poll() is None:
        if count_lines(run) >= count:
            return True
        time.sleep(0.02)
    return False
