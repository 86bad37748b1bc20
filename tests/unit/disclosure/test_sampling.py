import itertools
import multiprocessing
import os
import threading
import time
from collections.abc import Callable

import pytest
from environment_parts import count_cpus, keep_busy, read_spent, run_python
from hypothesis import given
from hypothesis import strategies as st

from pytest_lleval.disclosure import cpushares
from pytest_lleval.disclosure.readings import EnvironmentSample
from pytest_lleval.disclosure.sampling import EnvironmentSampler, plan_samples
from pytest_lleval.disclosure.stability import judge_environment

FAR = (60.0,)


class CountingReader:
    """Numbers its samples."""

    def __init__(self, delay: float = 0.0) -> None:
        self.count = 0
        self.adopted: list[int] = []
        self._delay = delay

    def read(self) -> EnvironmentSample:
        time.sleep(self._delay)
        self.count += 1
        return EnvironmentSample(at=float(self.count))

    def adopt(self, pid: int) -> None:
        self.adopted.append(pid)


def wait_for(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


def count_threads() -> int:
    return sum(thread.name == "lleval-environment" for thread in threading.enumerate())


def test_there_is_a_sample_at_the_start_and_one_at_the_end() -> None:
    seen: list[dict[str, object]] = []
    sampler = EnvironmentSampler(seen.append, offsets=FAR, reader=CountingReader())
    sampler.start()
    wait_for(lambda: len(seen) == 1)
    began = time.monotonic()
    sampler.stop()
    assert time.monotonic() - began < 0.5
    assert seen == [{"at": 1.0}, {"at": 2.0}]
    assert count_threads() == 0


def test_one_that_is_stopped_at_once_has_both_samples_too() -> None:
    seen: list[dict[str, object]] = []
    sampler = EnvironmentSampler(seen.append, offsets=FAR, reader=CountingReader(0.05))
    sampler.start()
    sampler.stop()
    assert len(seen) == 2


def test_between_them_samples_follow_the_schedule() -> None:
    seen: list[dict[str, object]] = []
    sampler = EnvironmentSampler(seen.append, offsets=(0.02, 0.04), period=0.03, reader=CountingReader())
    sampler.start()
    wait_for(lambda: len(seen) >= 5)
    sampler.stop()
    count = len(seen)
    time.sleep(0.1)
    assert len(seen) == count


def test_starting_and_stopping_twice_is_once() -> None:
    seen: list[dict[str, object]] = []
    sampler = EnvironmentSampler(seen.append, offsets=FAR, reader=CountingReader())
    sampler.stop()  # not started: nothing to stop
    sampler.start()
    sampler.start()
    assert count_threads() == 1
    sampler.stop()
    sampler.stop()
    sampler.start()
    assert len(seen) == 2
    assert count_threads() == 0


def test_a_line_that_broke_does_not_end_the_thread() -> None:
    reader = CountingReader()

    def fail(sample: dict[str, object]) -> None:
        raise OSError("the line broke")

    sampler = EnvironmentSampler(fail, offsets=(0.01,), period=0.01, reader=reader)
    sampler.start()
    wait_for(lambda: reader.count >= 3)
    sampler.stop()


def test_a_machine_without_threads_left_runs_without_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    seen: list[dict[str, object]] = []
    sampler = EnvironmentSampler(seen.append, reader=CountingReader())
    monkeypatch.setattr(threading.Thread, "start", refuse)
    sampler.start()
    sampler.stop()
    assert seen == []


def test_adopted_processes_are_handed_on() -> None:
    reader = CountingReader()
    EnvironmentSampler(print, reader=reader).adopt(5)
    assert reader.adopted == [5]


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="needs fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_forked_child_may_stop_it_without_effect() -> None:
    seen: list[dict[str, object]] = []
    sampler = EnvironmentSampler(seen.append, offsets=FAR, reader=CountingReader())
    sampler.start()
    wait_for(lambda: len(seen) == 1)
    child = os.fork()
    if child == 0:
        sampler.stop()
        sampler.start()
        os._exit(0 if count_threads() <= 1 and len(seen) == 1 else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    sampler.stop()
    assert len(seen) == 2


class FakeClock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_samples_are_dense_at_first_and_regular_later() -> None:
    clock = FakeClock()
    due = []
    for pause in itertools.islice(plan_samples((1, 2.5, 5), 30, clock), 6):
        clock.now += pause
        due.append(clock.now - 100)
    assert due == [1, 2.5, 5, 35, 65, 95]


def test_times_that_passed_meanwhile_are_left_out() -> None:
    clock = FakeClock()
    plan = plan_samples((1, 2, 5), 30, clock)
    assert next(plan) == 1
    clock.now = 103.0
    assert next(plan) == 2
    clock.now = 100.0 + 5 + 100
    assert next(plan) == 20


@given(
    offsets=st.lists(st.floats(0.1, 100), max_size=5, unique=True).map(sorted),
    period=st.floats(1, 60),
    late=st.lists(st.floats(0, 200), min_size=1, max_size=20),
)
def test_a_pause_is_never_negative_nor_longer_than_the_plan(
    offsets: list[float], period: float, late: list[float]
) -> None:
    clock = FakeClock()
    longest = max([period, *(b - a for a, b in itertools.pairwise([0.0, *offsets]))])
    for pause, more in zip(plan_samples(offsets, period, clock), late, strict=False):
        assert 0 <= pause <= longest + 1e-6
        clock.now += pause + more


def test_a_neighbour_that_begins_in_the_middle_is_found_and_this_runs_own_load_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ours: list[dict[str, object]] = []
    others: list[dict[str, object]] = []
    offsets = [0.5 * step for step in range(1, 40)]
    with run_python("print('ready', flush=True); import time; time.sleep(20)") as stranger:
        stranger.stdout.readline()
        own = EnvironmentSampler(ours.append, offsets=offsets)
        with monkeypatch.context() as patched:
            patched.setattr(cpushares.os, "getpid", lambda: stranger.pid)
            foreign = EnvironmentSampler(others.append, offsets=offsets)
        for sampler in (own, foreign):
            sampler.start()
        time.sleep(1.1)
        with keep_busy(max(1, count_cpus() // 2)) as hogs:
            time.sleep(3.0)
            for sampler in (own, foreign):
                sampler.stop()
            spent = sum(map(read_spent, hogs))
    verdict = judge_environment({"main": {"samples": others}})
    assert verdict.state == "flagged"
    assert any(found.message.startswith("other processes took") for found in verdict.disclosures)
    # whatever else this machine does, the hogs are not foreign to the process that started them
    looked = [judge_environment({"main": {"samples": samples}}).evidence["main"] for samples in (others, ours)]
    part = spent / count_cpus() / looked[0]["seconds"]
    assert looked[0]["foreign_share"] - looked[1]["foreign_share"] >= 0.6 * part > 0
