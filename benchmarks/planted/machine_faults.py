"""E: a machine that did not stay the same, or was another one."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from .believable import Model
from .stage import Found, Stage, arrange

_NAME = "believable-1b"
_CALM = ("--lleval-max-connections=8",)
_HOG = "while True: pass"


def _serve(stage: Stage) -> str:
    """Serve a slow model, so that a session has time to see its machine."""
    return f"openai/{_NAME}@{stage.serve(Model(base=0.7))}"


@contextmanager
def _hogs(count: int, source: str = _HOG) -> Iterator[None]:
    running = [subprocess.Popen([sys.executable, "-c", source]) for _ in range(count)]
    try:
        yield
    finally:
        for hog in running:
            hog.kill()
            hog.wait()


def _count_lines(run: Path) -> int:
    journal = run / "samples.jsonl"
    return journal.read_bytes().count(b"\n") if journal.is_file() else 0


def _hog_between(first: int, last: int, count: int = 1) -> Callable[[subprocess.Popen[bytes], Path], None]:
    """Return what starts hogs when a journal has so many lines, and ends them when it has more."""

    def beside(process: subprocess.Popen[bytes], run: Path) -> None:
        while process.poll() is None and _count_lines(run) < first:
            time.sleep(0.02)
        with _hogs(count):
            while process.poll() is None and _count_lines(run) < last:
                time.sleep(0.02)

    return beside


@arrange("E", "another process takes a core in the middle of the run")
def hog_started(stage: Stage, planted: bool) -> Found:
    beside = _hog_between(8, 1000) if planted else None
    return stage.run(*_CALM, model=_serve(stage), beside=beside)


@arrange("E", "another process takes a core all the time")
def hog_always(stage: Stage, planted: bool) -> Found:
    with _hogs(1 if planted else 0):
        return stage.run(*_CALM, model=_serve(stage))


@arrange("E", "another process takes a core for a part of the run, with two workers")
def hog_for_a_while(stage: Stage, planted: bool) -> Found:
    beside = _hog_between(1, 34) if planted else None
    return stage.run(*_CALM, model=_serve(stage), workers=2, beside=beside)


@arrange("E", "four processes of low priority take all cores")
def nice_hogs(stage: Stage, planted: bool) -> Found:
    with _hogs(4 if planted else 0, f"import os; os.nice(15)\n{_HOG}"):
        return stage.run(*_CALM, model=_serve(stage))


@arrange("E", "a process that comes and goes takes both cores")
def pulsing_hog(stage: Stage, planted: bool) -> Found:
    pulse = (
        "import time\nwhile True:\n    end = time.time() + 0.6\n    while time.time() < end: pass\n    time.sleep(0.4)"
    )
    with _hogs(2 if planted else 0, pulse):
        return stage.run(*_CALM, model=_serve(stage))


def _second_worker(stage: Stage, planted: bool, source: str) -> Found:
    start = 'import os, sys\nif os.environ.get("PYTEST_XDIST_WORKER") == "gw1":\n'
    if planted:
        stage.write("conftest.py", start + "".join(f"    {line}\n" for line in source.strip().splitlines()))
    return stage.run(*_CALM, model=_serve(stage), workers=2)


def _write_package(stage: Stage, name: str, version: str) -> None:
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    stage.write(f"other/{name.replace('-', '_')}-{version}.dist-info/METADATA", metadata)


@arrange("E", "the second worker has another version of a package")
def worker_package(stage: Stage, planted: bool) -> Found:
    _write_package(stage, "numpy", "1.0.1")
    return _second_worker(stage, planted, f"sys.path.insert(0, {str(stage.folder / 'other')!r})")


@arrange("E", "the second worker has a client that the first has not")
def worker_more(stage: Stage, planted: bool) -> Found:
    _write_package(stage, "openai", "0.28.1")
    return _second_worker(stage, planted, f"sys.path.insert(0, {str(stage.folder / 'other')!r})")


@arrange("E", "the second worker may use one core alone")
def worker_affinity(stage: Stage, planted: bool) -> Found:
    return _second_worker(stage, planted, "os.sched_setaffinity(0, {0})")


@arrange("E", "the second worker's processes run other code of this plugin")
def worker_code(stage: Stage, planted: bool) -> Found:
    source = "import pytest_lleval.disclosure.fingerprint as found\nfound._digest_code = lambda: 'f' * 64"
    return _second_worker(stage, planted, source)


def _compare(stage: Stage, planted: bool, *words: str, **options: object) -> Found:
    """Run a baseline, then the same with the options if the fault is planted."""
    model = _serve(stage)
    stage.suite(count=16)
    stage.run(*_CALM, model=model)
    baseline = f"--lleval-baseline={stage.last_run}"
    return stage.run(*_CALM, baseline, *words, model=model, **(options if planted else {}))  # type: ignore[arg-type]


@arrange("E", "the baseline had another version of a package")
def baseline_package(stage: Stage, planted: bool) -> Found:
    _write_package(stage, "pytest-xdist", "1.0.0")
    known = os.environ.get("PYTHONPATH")
    path = os.pathsep.join([str(stage.folder / "other"), str(stage.folder), *([known] if known else [])])
    return _compare(stage, planted, environment={"PYTHONPATH": path})


@arrange("E", "the baseline had more cores")
def baseline_cores(stage: Stage, planted: bool) -> Found:
    return _compare(stage, planted, prefix=("taskset", "-c", "0"))


@arrange("E", "another process takes the one core the session may use")
def shared_core(stage: Stage, planted: bool) -> Found:
    with _hogs(1 if planted else 0, f"import os; os.sched_setaffinity(0, {{0}})\n{_HOG}"):
        return stage.run(*_CALM, model=_serve(stage), prefix=("taskset", "-c", "0"))


@arrange("E", "a heavy neighbour reads and writes memory on all cores")
def memory_hog(stage: Stage, planted: bool) -> Found:
    source = "data = bytearray(64_000_000)\nwhile True: data[:] = bytes(64_000_000)"
    with _hogs((psutil.cpu_count() or 2) if planted else 0, source):
        return stage.run(*_CALM, model=_serve(stage))
