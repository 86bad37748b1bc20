"""Workers on hosts: real sessions over real ssh, hosts that are cut off, killed and healed."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
from hostrig import Rig, open_rig
from rundirs import find_runs, read_records

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="hosts on one machine need Linux")

SUITE = """
from pytest_lleval import Sample, Suite, exact

letters = Suite(
    name="letters",
    version="1",
    dataset=[
        Sample(id=f"{group}/{row}", group=group, input=f"{group} {row}?", target="ABCD"[row % 4])
        for group in ("red", "green", "blue")
        for row in range(ROWS)
    ],
    scorers=[exact()],
)
"""
MODEL = """
[tool.pytest_lleval.models.slow]
model = "mock/pick:A,B,C,D"
latency_ms = {latency}
"""


@pytest.fixture(scope="module")
def rig() -> Iterator[Rig]:
    """Three hosts, or a skip."""
    with open_rig(3) as found:
        yield found


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with a suite of its own and a slow mock, which git knows of."""
    (tmp_path / "letters.py").write_text(SUITE.replace("ROWS", "8"))
    (tmp_path / "pyproject.toml").write_text(MODEL.format(latency=50))
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    return tmp_path


def start(project: Path, *words: str, **environment: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "pytest", "-p", "xdist", "-p", "lleval", *words]
    # this process may be a worker itself
    left_out = ("LLEVAL_MODEL", "PYTEST_")
    known = {name: value for name, value in os.environ.items() if not name.startswith(left_out)}
    return subprocess.Popen(
        command,
        cwd=project,
        env=known | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"} | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def run(project: Path, *words: str, **environment: str) -> tuple[int, str]:
    """Run a session of the suite with the slow mock; return its exit status and what it printed."""
    session = start(project, "--lleval-suite=letters.py", "--lleval-model=slow", *words, **environment)
    said, _ = session.communicate(timeout=150)
    return session.returncode, said


def read_manifest(project: Path) -> dict[str, Any]:
    (path,) = find_runs(project)
    manifest: dict[str, Any] = json.loads((path / "manifest.json").read_text())
    return manifest


def read_scores(project: Path) -> Mapping[str, object]:
    (path,) = find_runs(project)
    records = read_records(path)
    assert len({record["case"] for record in records}) == len(records)
    return {record["case"]: record["scores"] for record in records}


def await_lines(project: Path, count: int) -> None:
    """Wait until a run has so many records."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        for path in find_runs(project):
            if (path / "samples.jsonl").is_file() and len((path / "samples.jsonl").read_text().splitlines()) >= count:
                return
        time.sleep(0.1)
    raise AssertionError("the run does not get on")


def await_pids(rig: Rig, host: str, allowed: set[int], seconds: float) -> None:
    """Wait until a host has no other processes than before."""
    deadline = time.monotonic() + seconds
    while rig.list_pids(host) - allowed:
        assert time.monotonic() < deadline, f"still on {host}: {rig.list_pids(host) - allowed}"
        time.sleep(0.2)


def list_folders(rig: Rig, host: str) -> list[Path]:
    """Return the folders of sessions on a host."""
    return list((rig.find_home(host) / ".cache/pytest-lleval/runs").glob("*"))


def test_hosts_score_what_one_process_does_and_keep_nothing(rig: Rig, project: Path, tmp_path: Path) -> None:
    rig.write_file(project / "hosts.toml", workers=2, hosts=("host1", "host2"))
    assert run(project, "-n0", "--lleval-run-dir=alone")[0] == 0
    alone = {record["case"]: record["scores"] for record in read_records(project / "alone")}
    status, said = run(project, "-n1", "--lleval-hosts=hosts.toml")
    assert status == 0, said
    assert re.search(r"lleval hosts: host1 \(2 workers, [\d.]+ ms away\), host2 \(2 workers", said)
    assert "24 passed" in said
    assert read_scores(project) == alone
    (session,) = read_manifest(project)["sessions"]
    assert {"host1", "host2"} <= {found.get("host") for found in session["workers"].values()}
    assert [host["name"] for host in session["hosts"]] == ["host1", "host2"]
    for host in ("host1", "host2"):
        assert not list_folders(rig, host)


def test_xdists_own_words_for_a_host_do(rig: Rig, project: Path) -> None:
    spec = f"2*ssh=host1//ssh_config={rig.ssh_config}//python={sys.executable}"
    status, said = run(project, "-d", "--tx", spec)
    assert status == 0, said
    assert len(read_scores(project)) == 24


def test_tests_of_the_project_run_on_hosts(rig: Rig, project: Path) -> None:
    rig.write_file(project / "hosts.toml", workers=1, hosts=("host1", "host2"))
    (project / "helper.py").write_text("VALUE = 3\n")
    (project / "test_it.py").write_text(
        "import os, pytest\nfrom helper import VALUE\n\n"
        "@pytest.mark.parametrize('n', range(8))\n"
        "def test_it(n):\n    assert VALUE == 3\n    assert os.environ['HOME'].endswith('home')\n"
    )
    session = start(project, "test_it.py", "--lleval-hosts=hosts.toml")
    said, _ = session.communicate(timeout=100)
    assert session.returncode == 0, said
    assert "8 passed" in said
    assert not list_folders(rig, "host1")


def test_a_key_is_in_the_memory_of_workers_alone(rig: Rig, project: Path) -> None:
    secret = "sk-" + "5ecre7" * 5
    rig.write_file(project / "hosts.toml", hosts=("host1",), env='["SOME_API_KEY"]')
    (project / "asked.py").write_text(
        "import os, time\n\ndef answer(question):\n    time.sleep(0.15)\n"
        "    return 'A' if os.environ['SOME_API_KEY'].startswith('sk-') else 'B'\n"
    )
    words = ("--lleval-suite=letters.py", "--lleval-model=callable/asked:answer", "--lleval-hosts=hosts.toml")
    session = start(project, *words, "--lleval-max-connections=1", "-v", SOME_API_KEY=secret)
    seen: list[str] = []
    while session.poll() is None:
        for pid in rig.list_pids("host1"):
            seen += read_process(pid)
        for child in list_children(session.pid):
            seen += read_process(child.pid, program="ssh")
        for folder in (rig.find_home("host1"), project):
            for file in folder.rglob("*"):
                with suppress(OSError):
                    seen.append(file.read_bytes().decode("latin-1") if file.is_file() else "")
        time.sleep(0.2)
    said, _ = session.communicate()
    assert session.returncode == 0, said
    assert any("-c" in text and "ssh" in text for text in seen)
    assert all(secret not in text for text in [*seen, said])
    assert len(read_scores(project)) == 24


def read_process(pid: int, *, program: str = "") -> list[str]:
    """Return command line and environment of a process that runs a program."""
    with suppress(OSError):
        # the command first: between fork and exec, a child still has the command and environment of its parent
        if (command := read_proc(pid, "cmdline")).startswith(program):
            return [command, read_proc(pid, "environ")]
    return []


def read_proc(pid: int, name: str) -> str:
    return Path(f"/proc/{pid}/{name}").read_bytes().decode("latin-1")


def list_children(pid: int) -> list[psutil.Process]:
    with suppress(psutil.Error):
        return psutil.Process(pid).children(recursive=True)
    return []


def test_a_host_that_is_not_there_is_left_out_and_named(rig: Rig, project: Path) -> None:
    file = rig.write_file(project / "hosts.toml", hosts=("host1",))
    file.write_text(file.read_text() + '[hosts.gone]\nssh = "-o ConnectTimeout=1 nowhere.invalid"\n')
    status, said = run(project, "--lleval-hosts=hosts.toml")
    assert status == 0, said
    assert "gone (takes no part: " in said
    assert re.search(r"hosts +host gone after \d+ s: takes no part: ", said)
    status, said = run(project, "--lleval-hosts=hosts.toml", "--lleval-require-hosts", "--lleval-run-dir=second")
    assert status == 4
    assert "ERROR: --lleval-require-hosts: host 'gone': " in said


def test_a_key_that_is_not_taken_fails_at_once_with_the_way_out(rig: Rig, project: Path) -> None:
    file = rig.write_file(project / "hosts.toml", hosts=("host1",))
    config = project / "config"
    subprocess.run(["ssh-keygen", "-q", "-N", "", "-f", str(project / "other")], check=True)
    config.write_text(re.sub(r"IdentityFile .*\n", f"IdentityFile {project / 'other'}\n", rig.ssh_config.read_text()))
    file.write_text(file.read_text().replace(str(rig.ssh_config), str(config)))
    began = time.monotonic()
    status, said = run(project, "--lleval-hosts=hosts.toml")
    assert status == 4
    assert time.monotonic() - began < 20
    assert "ERROR: host 'host1': " in said
    assert "key" in said


def test_a_worker_whose_start_fails_again_and_again_ends_its_host_with_the_reason(rig: Rig, project: Path) -> None:
    rig.write_file(project / "hosts.toml", hosts=("host1",), chdir=f'"{project}"')
    (project / "conftest.py").write_text(
        "import os\nif 'PYTEST_XDIST_WORKER' in os.environ:\n    raise ImportError('no such driver')\n"
    )
    status, said = run(project, "--lleval-hosts=hosts.toml")
    assert status == 1
    assert "no such driver" in said
    assert "INTERNALERROR" not in said


def test_a_worker_killed_on_a_host_loses_nothing(rig: Rig, project: Path) -> None:
    (project / "letters.py").write_text(SUITE.replace("ROWS", "100"))
    rig.write_file(project / "hosts.toml", workers=2, hosts=("host1",))
    before = rig.list_pids("host1")
    session = start(
        project,
        "--lleval-suite=letters.py",
        "--lleval-model=slow",
        "--lleval-max-connections=4",
        "--lleval-hosts=hosts.toml",
    )
    await_lines(project, 40)
    victims = [pid for pid in rig.list_pids("host1") - before if is_worker(pid)]
    os.kill(victims[0], signal.SIGKILL)
    said, _ = session.communicate(timeout=100)
    assert session.returncode == 0, said
    assert len(read_scores(project)) == 300
    assert "host host1 after" in said


def is_worker(pid: int) -> bool:
    """Tell whether a process is a worker: it is in the folder of the session."""
    with suppress(psutil.Error, OSError):
        return "pytest-lleval/runs" in psutil.Process(pid).cwd()
    return False


def lose_host2(rig: Rig, project: Path, *words: str) -> tuple[int, str]:
    """Run a session that loses a host in its midst; return its exit status and what it printed."""
    (project / "letters.py").write_text(SUITE.replace("ROWS", "60"))
    shared = ("--lleval-max-connections=4", "--lleval-hosts=hosts.toml")
    session = start(project, "--lleval-suite=letters.py", "--lleval-model=slow", *shared, *words)
    await_lines(project, 40)
    rig.run("kill", "host2")
    said, _ = session.communicate(timeout=60)
    rig.run("start", "host2")
    return session.returncode, said


def test_the_last_host_ends_the_run_with_everything_kept_and_it_goes_on_later(rig: Rig, project: Path) -> None:
    rig.write_file(project / "hosts.toml", workers=2, hosts=("host2",))
    status, said = lose_host2(rig, project, "--lleval-host-timeout=4")
    assert status == 1, said
    assert "no worker is left: host 'host2' does not answer; go on with --lleval-resume" in said
    kept = len(read_scores(project))
    assert 40 <= kept < 180
    status, said = run(project, "--lleval-resume", "--lleval-hosts=hosts.toml")
    assert status == 0, said
    assert len(read_scores(project)) == 180


def test_a_session_that_requires_its_hosts_ends_when_one_is_lost(rig: Rig, project: Path) -> None:
    rig.write_file(project / "hosts.toml", hosts=("host1", "host2"))
    status, said = lose_host2(rig, project, "--lleval-require-hosts")
    assert status == 1, said
    assert "--lleval-require-hosts: host 'host2' does not answer" in said


def test_answers_of_a_megabyte_arrive(rig: Rig, project: Path) -> None:
    rig.write_file(project / "hosts.toml", hosts=("host1",))
    (project / "asked.py").write_text("def answer(question):\n    return 'A' * 1_000_000\n")
    words = ("--lleval-suite=letters.py", "--lleval-model=callable/asked:answer", "--lleval-hosts=hosts.toml")
    session = start(project, *words)
    said, _ = session.communicate(timeout=100)
    assert session.returncode == 0, said
    (path,) = find_runs(project)
    assert {len(record["completion"]["text"]) for record in read_records(path)} == {1_000_000}


@pytest.mark.parametrize("how", ["kill", "interrupt", "cut"])
def test_nothing_stays_on_a_host_when_the_controller_is_gone(rig: Rig, project: Path, how: str) -> None:
    (project / "letters.py").write_text(SUITE.replace("ROWS", "400"))
    rig.write_file(project / "hosts.toml", workers=1, hosts=("host3",))
    before = rig.list_pids("host3")
    words = ("--lleval-max-connections=2", "--lleval-host-timeout=4", "--lleval-hosts=hosts.toml")
    session = start(project, "--lleval-suite=letters.py", "--lleval-model=slow", *words)
    await_lines(project, 10)
    if how == "cut":
        rig.run("cut", "host3")
    session.send_signal(signal.SIGINT if how == "interrupt" else signal.SIGKILL)
    session.communicate(timeout=60)
    try:
        await_pids(rig, "host3", before, 30)
    finally:
        rig.run("heal", "host3")
    assert not list_folders(rig, "host3")


@pytest.mark.slow
def test_a_run_survives_a_cut_a_death_and_a_healing_of_hosts(rig: Rig, project: Path) -> None:
    (project / "letters.py").write_text(SUITE.replace("ROWS", "667"))
    (project / "pyproject.toml").write_text(MODEL.format(latency=400))
    rig.write_file(project / "hosts.toml", workers=2)
    words = ("--lleval-suite=letters.py", "--lleval-model=slow", "--lleval-hosts=hosts.toml")
    session = start(project, *words, "--lleval-host-timeout=4")
    said: list[str] = []
    reader = threading.Thread(target=lambda: said.append(session.communicate()[0]))
    reader.start()
    await_lines(project, 200)
    rig.run("cut", "host1")
    await_lines(project, 500)
    rig.run("kill", "host2")
    await_lines(project, 800)
    rig.run("heal", "host1")
    rig.run("start", "host2")
    reader.join(150)
    assert session.returncode == 0, said[0]
    assert len(read_scores(project)) == 2001
    assert "2001 passed" in said[0]
    for host in ("host1", "host2"):
        assert re.search(rf"host {host} after \d+ s: host '{host}' does not answer \(gw\d, gw\d\)", said[0]), said[0]
        assert re.search(rf"host {host} after \d+ s: is back \(gw\d+", said[0]), said[0]
