import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from pytest_lleval.distribution.watch import WorkerWatch


@pytest.fixture
def process() -> Iterator[subprocess.Popen[bytes]]:
    sleeper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    yield sleeper
    sleeper.kill()
    sleeper.wait()


class Lost:
    """Keeps who was given up."""

    def __init__(self) -> None:
        self.said: dict[object, str] = {}

    def __call__(self, node: object, reason: str) -> None:
        self.said[node] = reason

    def wait(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while not self.said and time.monotonic() < until:
            time.sleep(0.02)


def test_a_worker_whose_process_has_ended_is_given_up_though_its_connection_is_open(
    process: subprocess.Popen[bytes],
) -> None:
    lost = Lost()
    watch = WorkerWatch(lost, silence=60)
    watch.begin("node", process.pid, local=True)
    # not waited for: it stays in the process table, as a worker does whose parent only reads its pipe
    process.kill()
    lost.wait(10)
    watch.close()
    assert "its process has ended" in lost.said["node"]


def test_a_silent_worker_is_given_up_and_one_that_beats_is_not(process: subprocess.Popen[bytes]) -> None:
    lost = Lost()
    watch = WorkerWatch(lost, silence=1.5)
    watch.begin("silent", process.pid, local=False)
    watch.begin("beating", process.pid, local=True)
    until = time.monotonic() + 4
    while time.monotonic() < until:
        watch.note("beating")
        time.sleep(0.1)
    watch.close()
    assert list(lost.said) == ["silent"]
    assert "no sign of life for" in lost.said["silent"]


def test_a_worker_whose_end_is_known_is_watched_no_longer(process: subprocess.Popen[bytes]) -> None:
    lost = Lost()
    watch = WorkerWatch(lost, silence=0.2)
    watch.begin("node", process.pid, local=True)
    watch.forget("node")
    lost.wait(1.5)
    watch.close()
    assert not lost.said


def test_a_worker_on_a_host_that_never_beats_is_given_up_after_its_allowance() -> None:
    lost: list[str] = []
    watch = WorkerWatch(lambda node, reason: lost.append(reason), silence=0.5)
    watch.begin_far("gw0", allowance=1.0)
    began = time.monotonic()
    while not lost and time.monotonic() - began < 10:
        time.sleep(0.05)
    watch.close()
    assert len(lost) == 1
    assert time.monotonic() - began >= 1.5
