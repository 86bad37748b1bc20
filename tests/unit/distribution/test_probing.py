"""Probes of hosts that a shell of this machine plays: what real ssh cannot be made to do, or not everywhere."""

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from fakessh import put_interpreter, put_ssh, put_ssh_here

from pytest_lleval.disclosure.fingerprint import capture_fingerprint
from pytest_lleval.distribution.dialogue import NEEDED_PYTHON
from pytest_lleval.distribution.hosts import Host
from pytest_lleval.distribution.probing import Probe, probe_hosts

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the shell that plays a host is a POSIX one")


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The login folder of a host that is this machine."""
    put_ssh_here(monkeypatch, tmp_path / "bin", tmp_path / "home")
    return tmp_path / "home"


def look(python: str = sys.executable, *, names: tuple[str, ...] = (), seconds: float = 60, **keys: object) -> Probe:
    host = Host(name="big", ssh=("big",), python=python, **keys)
    return probe_hosts([host], names=names, seconds=seconds)["big"]


def count_threads() -> int:
    return sum(thread.name.startswith("lleval-") for thread in threading.enumerate())


def test_a_host_like_this_machine_can_be_used() -> None:
    probe = look()
    assert (probe.problem, probe.kind) == ("", "")
    ours = capture_fingerprint()
    assert {key: probe.facts[key] for key in ours if key != "packages"} == {
        key: value for key, value in json.loads(json.dumps(ours)).items() if key != "packages"
    }
    assert ours["packages"].items() <= probe.facts["packages"].items()
    assert probe.facts["packages"]["pluggy"]
    assert 0 < probe.round_trip < 5
    assert abs(probe.clock_offset) <= probe.round_trip
    assert set(probe.facts["assets"]) >= {"local/smollm2-135m", "mmlu", "gsm8k"}
    assert count_threads() == 0


def test_of_variables_it_is_told_whether_they_are_set_and_never_what_they_hold(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SOME_KEY", "s3cret")
    monkeypatch.delenv("OTHER_KEY", raising=False)
    probe = look(names=("SOME_KEY", "OTHER_KEY"))
    assert probe.facts["variables"] == {"SOME_KEY": True, "OTHER_KEY": False}
    assert "s3cret" not in repr(probe)


def test_data_is_looked_for_where_a_worker_would_look(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "data" / "mmlu" / "test").mkdir(parents=True)
    put_ssh_here(monkeypatch, tmp_path / "bin", tmp_path / "home", before="unset LLEVAL_DATA_DIR")
    monkeypatch.setenv("LLEVAL_DATA_DIR", str(tmp_path / "data"))
    assert look().facts["assets"]["mmlu"] is False
    assert look(env=("LLEVAL_DATA_DIR",)).facts["assets"]["mmlu"] is True


def test_a_clock_that_is_ahead_is_found_out(tmp_path: Path) -> None:
    python = put_interpreter(tmp_path / "late", first="import time; t = time.time; time.time = lambda: t() + 100")
    assert look(python).clock_offset == pytest.approx(100, abs=2)


def test_a_python_that_is_too_old_says_so(tmp_path: Path) -> None:
    old = put_interpreter(tmp_path / "old", first="import sys; sys.version_info = (2, 7, 18, 'final', 0)")
    probe = look(old)
    assert probe.problem.startswith(f"Python 2.7 at '{old}' is too old, 3.11 is needed")
    assert probe.kind == "unfit"


def test_the_python_needed_is_the_one_the_package_says() -> None:
    import importlib.metadata

    needed = importlib.metadata.metadata("pytest-lleval")["Requires-Python"]
    assert needed == ">=" + ".".join(map(str, NEEDED_PYTHON))


def test_a_python_without_the_packages_names_them(tmp_path: Path) -> None:
    bare = put_interpreter(tmp_path / "bare", words=("-S",), environment="PYTHONPATH=")
    probe = look(bare)
    assert probe.problem.startswith("pytest-lleval, pytest, pytest-xdist, execnet not found by")
    assert probe.kind == "unfit"
    assert "`lleval hosts bootstrap`" in look(bare, bootstrap=True).problem


def test_a_package_that_cannot_be_imported_is_told(tmp_path: Path) -> None:
    (tmp_path / "broken" / "pytest_lleval").mkdir(parents=True)
    (tmp_path / "broken" / "pytest_lleval" / "__init__.py").write_text("raise OSError('no such chip\\x1b[2J')")
    probe = look(put_interpreter(tmp_path / "python", environment=f"PYTHONPATH={tmp_path}/broken"))
    assert "cannot be imported" in probe.problem
    assert "(OSError: no such chip\\x1b[2J)" in probe.problem
    assert probe.kind == "unfit"


def test_a_folder_of_a_project_must_be_there(tmp_path: Path) -> None:
    assert look(chdir=str(tmp_path)).problem == ""
    probe = look(chdir="projects/none")
    assert probe.problem.startswith("its chdir = 'projects/none' is no folder there")
    assert probe.facts["code"]


@pytest.mark.parametrize(
    "noise", ["echo 'Welcome to big'", "printf 'Welcome to big'", "echo; echo 'Welcome to big'; echo x"]
)
def test_a_shell_that_prints_at_login_is_found_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, noise: str) -> None:
    put_ssh_here(monkeypatch, tmp_path / "bin", tmp_path / "home", before=noise)
    probe = look()
    assert probe.problem.startswith("it prints at login ('Welcome to big")
    assert probe.kind == "unfit"


def test_an_account_that_is_closed_is_quoted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    put_ssh(monkeypatch, tmp_path / "bin", "echo 'This account is currently not available.'; exit 1")
    assert "'This account is currently not available.'" in look().problem


def test_endless_noise_ends(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    put_ssh(monkeypatch, tmp_path / "bin", "exec yes")
    assert look(seconds=3).problem.startswith("it prints at login ('y y y")
    assert count_threads() == 0


def test_silence_ends_in_time_and_leaves_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Not even what ssh started on its way, which holds its pipes."""
    put_ssh(monkeypatch, tmp_path / "bin", f"trap '' TERM\nsleep 300 & echo $! $$ >{tmp_path}/pids\nwait\nwait")
    probe = look(seconds=1)
    assert probe.problem == "it did not answer within 1 s"
    assert probe.kind == "unreachable"
    assert count_threads() == 0
    for pid in (tmp_path / "pids").read_text().split():
        state = subprocess.run(["ps", "-o", "stat=", "-p", pid], capture_output=True, text=True, check=False).stdout
        assert state.strip() in ("", "Z")


def test_an_interpreter_that_dies_is_told(tmp_path: Path) -> None:
    first = "import json, sys; json.loads = lambda text: sys.exit('out of memory')"
    probe = look(put_interpreter(tmp_path / "weak", first=first))
    assert probe.problem == "its Python ended, status 1 (out of memory)"
    assert probe.kind == "unfit"


def test_answers_that_make_no_sense_are_told(tmp_path: Path) -> None:
    first = "import json; json.dumps = lambda value: '[1]'"
    probe = look(put_interpreter(tmp_path / "odd", first=first))
    assert "makes no sense" in probe.problem
    assert probe.kind == "unfit"


def test_without_an_ssh_command_that_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    probe = look()
    assert probe.problem.startswith("this machine has no ssh command that runs")
    assert probe.kind == "unfit"


def test_what_is_wrong_with_one_host_is_no_matter_of_the_others(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    put_ssh_here(monkeypatch, tmp_path / "bin", tmp_path / "home", before='case "$*" in *lost*) exit 255;; esac')
    hosts = [Host(name=name, ssh=(name,), python=sys.executable) for name in ("one", "lost", "two")]
    probes = probe_hosts(hosts, seconds=60)
    assert [(name, probe.kind) for name, probe in probes.items()] == [("one", ""), ("lost", "access"), ("two", "")]


def test_the_ssh_command_gets_the_words_of_the_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    put_ssh(monkeypatch, tmp_path / "bin", f'echo "$@" >{tmp_path}/words; exit 255')
    probe_hosts([Host(name="big", ssh=("-p", "7", "me@big"), ssh_config=tmp_path / "cfg")])
    words = (tmp_path / "words").read_text().split()
    assert words[:4] == ["-F", str(tmp_path / "cfg"), "-p", "7"]
    assert "BatchMode=yes" in words
    assert os.sep not in words[words.index("me@big")]
