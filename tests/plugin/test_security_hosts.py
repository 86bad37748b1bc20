"""Lines of docs/security.md over real ssh: one of the hosts is not what it should be."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hostrig import Rig, open_rig
from rundirs import find_runs, read_records

from .attacks import read_report
from .conftest import SUITE

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="hosts on one machine need Linux")
#: the second host's workers do this when they have collected, or instead of sending a record
EVIL = """
import os
from dataclasses import replace

def lie(record, send):
    {lie}

def pytest_collection_finish(session):
    if "host2" in os.environ["HOME"] and hasattr(session.config, "workerinput"):
        {start}

def pytest_configure(config):
    if "host2" in os.environ["HOME"] and hasattr(config, "workerinput"):
        from pytest_lleval.plugin import outlets
        honest = outlets.LineOutlet.record
        outlets.LineOutlet.record = lambda self, record: lie(record, lambda other: honest(self, other))
"""


@pytest.fixture(scope="module")
def rig() -> Iterator[Rig]:
    """Two hosts, or a skip."""
    with open_rig(2) as found:
        yield found


ASKING = ("--lleval-suite=letters.py", "--lleval-model=mock/fixed:A", "--lleval-max-connections=3")


def run(rig: Rig, folder: Path, *words: str, lie: str = "send(record)", start: str = "pass") -> tuple[int, str]:
    """Run a session with a worker here and one on each host; return its exit status and what it printed."""
    root = folder / "project"
    root.mkdir(exist_ok=True)
    (root / "letters.py").write_text(SUITE)
    (root / "conftest.py").write_text(EVIL.format(lie=lie, start=start))
    subprocess.run(["git", "init", "-q"], cwd=root, check=True)
    hosts = rig.write_file(folder / "hosts.toml")
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-p", "xdist", "-p", "lleval", "-n1", f"--lleval-hosts={hosts}"),
            *words,
        ],
        cwd=root,
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def read_run(folder: Path) -> tuple[dict[str, object], list[dict[str, object]]]:
    (path,) = find_runs(folder / "project")
    return read_report(path), read_records(path)


def test_r2_a_host_that_invents_answers_is_found_by_another_one_and_left_out(rig: Rig, tmp_path: Path) -> None:
    invent = "send(replace(record, completion=replace(record.completion, text='invented')))"
    status, said = run(rig, tmp_path, *ASKING, "--lleval-audit=100%", lie=invent)
    assert status == 0, said
    assert "12 passed" in said
    report, records = read_run(tmp_path)
    (excluded,) = report["excluded"]  # type: ignore[misc]
    assert excluded["host"] == "host2"
    assert "scores an answer" in excluded["reason"] or "says the answer is" in excluded["reason"]
    good = [record for record in records if "invented" not in json.dumps(record)]
    assert len({record["case"] for record in good}) == 12
    assert report["audit"]["same_machine"] == 0  # type: ignore[index]
    # nobody starts a worker there again
    assert "is back" not in said


def test_c9_a_host_that_sends_garbage_loses_its_connections_and_nothing_else(rig: Rig, tmp_path: Path) -> None:
    noise = "session.config.workerinput['lleval_line'].gateway._io.write(b'Hello, world! I am no protocol.')"
    status, said = run(rig, tmp_path, *ASKING, start=noise)
    assert status == 0, said
    assert "12 passed" in said
    assert "INTERNALERROR" not in said
    assert "it has sent what is no message of execnet's" in said
    _, records = read_run(tmp_path)
    assert len({record["case"] for record in records}) == len(records) == 12


MINE = """
import time
import pytest

@pytest.mark.parametrize("number", range(30))
def test_mine(number):
    time.sleep(0.1)

@pytest.mark.lleval(dataset=[{"id": str(row), "input": "?"} for row in range(12)], model="mock/fixed:A")
async def test_case(model, sample):
    assert (await model(sample.input)).text == "A"
"""


def test_r15_tests_of_a_host_that_is_not_believed_fail_a_session_without_suites_too(rig: Rig, tmp_path: Path) -> None:
    (tmp_path / "project").mkdir()
    (tmp_path / "project/test_mine.py").write_text(MINE)
    late = "__import__('threading').Timer(0.4, lambda: line.send('nothing')).start()"
    start = f"line = session.config.workerinput['lleval_line']; {late}"
    status, said = run(rig, tmp_path, "test_mine.py", start=start)
    assert status == 1, said
    assert "42 passed" in said
    assert "INTERNALERROR" not in said
    assert "not believed, run its tests again: worker gw" in said
    assert "on host host2 has sent what is no message" in said
