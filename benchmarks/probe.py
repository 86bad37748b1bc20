"""A pytest plugin that notes how long a session took to collect and to run, and what it cost.

Load it by ``-p probe`` with this folder on PYTHONPATH; every process of the session appends one line of JSON to the
file named by ``LLEVAL_PROBE``.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Generator
from pathlib import Path

import psutil
import pytest

_marks: dict[str, float] = {}


def _mark(name: str) -> None:
    _marks[name] = time.perf_counter()
    # of all threads; steadier than wall time where others use the machine too
    _marks[f"{name} cpu"] = time.process_time()


def _span(start: str, end: str) -> dict[str, float]:
    """Return wall and CPU seconds between two marks; nothing where they were not passed."""
    found = end in _marks and start in _marks
    return {kind: _marks[end + kind] - _marks[start + kind] if found else 0.0 for kind in ("", " cpu")}


def measure_peak() -> float:
    """Return the most memory this process has held so far, in MB."""
    if sys.platform == "win32":
        return psutil.Process().memory_info().peak_wset / 1e6
    import resource

    # kilobytes, but bytes on macOS
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_sessionstart() -> Generator[None]:
    _mark("start")
    yield
    _mark("started")


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection() -> Generator[None, object, object]:
    _mark("collect")
    return (yield)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_finish(session: pytest.Session) -> None:
    # before the reporter prints them
    _mark("collected")
    _marks["items"] = len(session.items)
    _marks["collected_mb"] = measure_peak()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtestloop() -> Generator[None, object, object]:
    _mark("run")
    result = yield
    _mark("ran")
    return result


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    times = psutil.Process().cpu_times()
    # suites and datasets are loaded when a session starts; xdist's workers load them when they collect, and an xdist
    # controller collects nothing itself
    start, collect, run = _span("start", "started"), _span("collect", "collected"), _span("run", "ran")
    line = {
        "worker": os.environ.get("PYTEST_XDIST_WORKER", "main") if hasattr(config, "workerinput") else "main",
        "items": int(_marks.get("items", 0)),
        "start_s": start[""],
        "start_cpu": start[" cpu"],
        "collect_s": collect[""],
        "collect_cpu": collect[" cpu"],
        "both_s": start[""] + collect[""],
        "both_cpu": start[" cpu"] + collect[" cpu"],
        "collected_mb": _marks.get("collected_mb", 0.0),
        "run_s": run[""],
        "run_cpu": run[" cpu"],
        "cpu_s": times.user + times.system,
        "peak_mb": measure_peak(),
    }
    with Path(os.environ["LLEVAL_PROBE"]).open("a", encoding="utf-8") as stream:
        stream.write(json.dumps(line) + "\n")
