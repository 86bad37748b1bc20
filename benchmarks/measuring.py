"""What a command costs with all its processes."""

from __future__ import annotations

import os
import subprocess
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import psutil

__all__ = ["ENVIRONMENT", "Cost", "run_measured"]

#: no plugin takes part that a command does not name
ENVIRONMENT: Mapping[str, str] = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}

_SECONDS = 0.05


class Cost(NamedTuple):
    """What a command took, and what came of it."""

    #: on the clock of `time.perf_counter`
    began: float
    #: seconds
    wall: float
    #: CPU seconds of all processes
    cpu: float
    #: the most memory held at once, in bytes, each process counted with the pages it shares
    memory: int
    #: the most the first process held
    memory_first: int
    #: CPU seconds of the first process, up to 50 ms before its end
    cpu_first: float
    status: int
    output: str


class _Sampler(threading.Thread):
    """Looks at a process and all below it every 50 ms."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self._first = psutil.Process(pid)
        self._ended = threading.Event()
        self._cpu: dict[tuple[int, float], float] = {}
        self.memory = 0
        self.memory_first = 0

    def run(self) -> None:
        while not self._ended.wait(_SECONDS):
            self._look()

    def stop(self) -> None:
        self._ended.set()
        self.join()

    @property
    def cpu(self) -> float:
        return sum(self._cpu.values())

    @property
    def cpu_first(self) -> float:
        return next((seconds for (pid, _), seconds in self._cpu.items() if pid == self._first.pid), 0.0)

    def _look(self) -> None:
        try:
            processes = [self._first, *self._first.children(recursive=True)]
        except psutil.Error:
            return
        held = [self._look_at(process) for process in processes]
        self.memory = max(self.memory, sum(held))
        self.memory_first = max(self.memory_first, held[0])

    def _look_at(self, process: psutil.Process) -> int:
        try:
            with process.oneshot():
                times = process.cpu_times()
                self._cpu[process.pid, process.create_time()] = times.user + times.system
                return int(process.memory_info().rss)
        except psutil.Error:
            return 0


def run_measured(
    command: Sequence[str], folder: Path, environment: Mapping[str, str] | None = None, seconds: float = 3600.0
) -> Cost:
    """Run a command to its end.

    CPU time is what the system counted of the children that were waited for; where a command leaves processes behind
    that nobody waits for, what was last seen of each is more, and counts.

    :param folder: where it runs
    :param environment: added to this process's
    :param seconds: after which it is killed
    :raises TimeoutError: when it was
    """
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as output:
        before, began = psutil.Process().cpu_times(), time.perf_counter()
        process = subprocess.Popen(
            command,
            cwd=folder,
            env={**ENVIRONMENT, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        sampler = _Sampler(process.pid)
        sampler.start()
        try:
            status = process.wait(seconds)
        except subprocess.TimeoutExpired:
            sampler.stop()
            for one in [*psutil.Process(process.pid).children(recursive=True), process]:
                one.kill()
            process.wait()
            raise TimeoutError(f"{' '.join(command[:6])} … had not ended after {seconds:.0f} s") from None
        wall, after = time.perf_counter() - began, psutil.Process().cpu_times()
        sampler.stop()
        output.seek(0)
        waited = after.children_user + after.children_system - before.children_user - before.children_system
        return Cost(
            began=began,
            wall=wall,
            cpu=max(waited, sampler.cpu),
            memory=sampler.memory,
            memory_first=sampler.memory_first,
            cpu_first=sampler.cpu_first,
            status=status,
            output=output.read(),
        )
