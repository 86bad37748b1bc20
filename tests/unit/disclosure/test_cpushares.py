import os
import sys
import time

import psutil
import pytest
from environment_parts import HOG, count_cpus, keep_busy, read_spent, run_python

from pytest_lleval.disclosure import cpushares
from pytest_lleval.disclosure.cpushares import CpuMeter, CpuShares

SLEEP = "print('ready', flush=True); import time; time.sleep(20)"


def make_meter(monkeypatch: pytest.MonkeyPatch, pid: int, root: int | None = None) -> CpuMeter:
    """Return a meter as if this were the given process, so that this process and its children are others."""
    with monkeypatch.context() as patched:
        patched.setattr(cpushares.os, "getpid", lambda: pid)
        return CpuMeter(root)


def count_seconds(shares: CpuShares, share: float | None) -> float:
    """Return the CPU seconds a share is of."""
    assert share is not None
    assert shares.seconds is not None
    return share * shares.seconds * count_cpus()


def test_the_first_reading_knows_nothing_and_one_right_after_it_no_shares() -> None:
    meter = CpuMeter()
    assert meter.read() == CpuShares()
    again = meter.read()
    assert again.seconds is not None
    assert (again.own, again.foreign) == (None, None)


def test_a_busy_child_is_ours_and_a_busy_stranger_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    with run_python(SLEEP) as stranger, keep_busy(1) as (hog,):
        stranger.stdout.readline()
        meters = CpuMeter(), make_meter(monkeypatch, stranger.pid)
        for meter in meters:
            meter.read()
        before = read_spent(hog)
        time.sleep(1.2)
        spent = read_spent(hog) - before
        inside, outside = (meter.read() for meter in meters)
    assert count_seconds(inside, inside.own) - count_seconds(outside, outside.own) >= 0.8 * spent - 0.05
    assert count_seconds(outside, outside.foreign) - count_seconds(inside, inside.foreign) >= 0.6 * spent - 0.05
    assert spent > 0


def test_the_root_named_is_ours_beside_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    with run_python(SLEEP) as worker, keep_busy(1) as (hog,):
        worker.stdout.readline()
        meter = make_meter(monkeypatch, worker.pid, root=os.getpid())
        alone = make_meter(monkeypatch, worker.pid)
        for each in (meter, alone):
            each.read()
        before = read_spent(hog)
        time.sleep(0.8)
        spent = read_spent(hog) - before
        ours, others = meter.read(), alone.read()
    assert count_seconds(ours, ours.own) - count_seconds(others, others.own) >= 0.8 * spent - 0.05


def test_an_adopted_process_is_ours_from_then_on(monkeypatch: pytest.MonkeyPatch) -> None:
    with run_python(SLEEP) as stranger, keep_busy(1) as (hog,):
        stranger.stdout.readline()
        meter = make_meter(monkeypatch, stranger.pid)
        meter.read()
        time.sleep(1.2)
        before = read_spent(hog)
        meter.adopt(hog)
        shares = meter.read()
        # what it used before is not counted as if it were of the time since
        assert count_seconds(shares, shares.own) <= read_spent(hog) - before + 0.1 < before + 0.1
        time.sleep(0.8)
        shares = meter.read()
        assert count_seconds(shares, shares.own) >= 0.8 * (read_spent(hog) - before) - 0.1


def test_children_that_have_ended_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    script = "import os, subprocess, sys, time\nprint('ready', flush=True)\ntime.sleep(0.3)\n"
    script += f"subprocess.run([sys.executable, '-c', {HOG.format(seconds=0.7)!r}])\n"
    script += "print(os.times().children_user, flush=True)\ntime.sleep(20)"
    with run_python(script) as parent:
        parent.stdout.readline()
        meter = make_meter(monkeypatch, parent.pid)
        meter.read()
        spent = float(parent.stdout.readline())
        shares = meter.read()
    if os.name == "posix" and sys.platform != "darwin":  # elsewhere psutil does not know of ended children
        assert count_seconds(shares, shares.own) >= 0.8 * spent > 0


@pytest.mark.skipif(os.name == "nt", reason="Windows has no orphans")
def test_a_process_stays_ours_when_its_parent_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    middle = f"import subprocess, sys, time\nhog = {HOG.format(seconds=10)!r}\n"
    middle += "print(subprocess.Popen([sys.executable, '-c', hog]).pid, flush=True)\ntime.sleep(0.7)"
    script = f"import subprocess, sys, time\nsubprocess.run([sys.executable, '-c', {middle!r}])\n"
    script += "print('orphaned', flush=True)\ntime.sleep(20)"
    with run_python(script) as root:
        hog = int(root.stdout.readline())
        try:
            meter = make_meter(monkeypatch, root.pid)
            meter.read()
            assert root.stdout.readline() == "orphaned\n"
            meter.read()
            before = read_spent(hog)
            time.sleep(0.8)
            spent = read_spent(hog) - before
            shares = meter.read()
            assert count_seconds(shares, shares.own) >= 0.8 * spent - 0.05
            assert spent > 0
        finally:
            psutil.Process(hog).kill()


@pytest.mark.parametrize("pid", [2**22 + 1, 2**40, -1])
def test_a_root_that_is_not_on_this_machine_leaves_this_process(pid: int) -> None:
    meter = CpuMeter(pid)
    meter.adopt(pid)
    meter.read()
    time.sleep(0.25)
    assert meter.read().own is not None


def test_a_run_whose_processes_have_all_gone_uses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    with run_python(SLEEP) as process:
        process.stdout.readline()
        meter = make_meter(monkeypatch, process.pid)
        meter.read()
    time.sleep(0.25)
    assert meter.read().own == 0.0


@pytest.mark.parametrize("error", [psutil.AccessDenied(), OSError("gone"), ValueError("odd line")])
def test_a_system_that_does_not_tell_has_no_shares(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def refuse() -> None:
        raise error

    monkeypatch.setattr(cpushares.psutil, "cpu_times", refuse)
    assert CpuMeter().read() == CpuShares()


def test_processes_that_may_not_be_seen_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*words: object, **options: object) -> None:
        raise psutil.AccessDenied

    meter = CpuMeter()
    monkeypatch.setattr(cpushares.psutil.Process, "children", refuse)
    monkeypatch.setattr(cpushares.psutil.Process, "cpu_times", refuse)
    meter.read()
    time.sleep(0.25)
    shares = meter.read()
    assert shares.own == 0.0
    assert shares.foreign is not None


def test_shares_are_made_of_the_counters(monkeypatch: pytest.MonkeyPatch) -> None:
    class Times:
        def __init__(self, **fields: float) -> None:
            self.__dict__.update(fields)

        def _asdict(self) -> dict[str, float]:
            return dict(self.__dict__)

    zero = dict.fromkeys(("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal", "guest"), 0.0)
    later = {"user": 2.0, "nice": 1.0, "system": 1.0, "idle": 3.0, "iowait": 1.0, "softirq": 1.0, "steal": 1.0}
    readings = iter([Times(**zero), Times(**(zero | later | {"guest": 2.0}))])
    seconds = iter([0.0, 5.0])
    monkeypatch.setattr(cpushares.psutil, "cpu_times", lambda: next(readings))
    meter = CpuMeter(clock=lambda: next(seconds))
    monkeypatch.setattr(meter, "_read_spent", dict)
    meter.read()
    assert meter.read() == CpuShares(seconds=5.0, busy=0.5, own=0.0, foreign=0.4, steal=0.1)
