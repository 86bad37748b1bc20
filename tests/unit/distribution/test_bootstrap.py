"""Bootstrapping: refusals on hosts that a shell of this machine plays, the rest on real ones without any index."""

import importlib.metadata
import platform
import shutil
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from fakessh import put_ssh_here
from hostrig import Rig, open_rig

from pytest_lleval.core.errors import UsageError
from pytest_lleval.distribution.bootstrap import Outcome, Plan, bootstrap_hosts, open_plan
from pytest_lleval.distribution.fleetcheck import find_refusal, list_other_packages
from pytest_lleval.distribution.hosts import BOOTSTRAPPED, Host
from pytest_lleval.distribution.probing import probe_hosts

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="hosts on one machine need Linux")
#: what a worker cannot do without; the rest of what is installed here would only take time
NEEDED = {
    *("pytest", "pluggy", "iniconfig", "packaging", "pygments", "pytest-xdist", "execnet"),
    *("numpy", "psutil", "platformdirs", "tenacity"),
}


@pytest.fixture(scope="module")
def plan() -> Iterator[Plan]:
    """What hosts get, without what is large."""
    try:
        with open_plan() as whole:
            if whole.source.rebuild("packaging") is None:
                pytest.skip("packages were not installed from wheels here")
            yield replace(whole, pins={name: whole.pins[name] for name in whole.pins if name in NEEDED})
    except UsageError as error:
        if "no wheel could be built" not in str(error):
            raise
        pytest.skip(f"no wheel of this package can be made here: {error}")


@pytest.fixture(scope="module")
def rig() -> Iterator[Rig]:
    """Two hosts, or a skip."""
    with open_rig(2) as found:
        yield found


@pytest.fixture
def empty(rig: Rig) -> Rig:
    """Two hosts without an environment."""
    for host in rig.hosts:
        shutil.rmtree(rig.find_home(host) / ".cache", ignore_errors=True)
    return rig


def make_host(rig: Rig, name: str, *words: str) -> Host:
    python = f"{BOOTSTRAPPED}/bin/python"
    return Host(name=name, ssh=(*words, name), python=python, bootstrap=True, ssh_config=rig.ssh_config)


def run(plan: Plan, *hosts: Host, seconds: float = 150) -> dict[str, Outcome]:
    return bootstrap_hosts(hosts, plan, lambda name, text: None, seconds)


def list_files(folder: Path) -> dict[str, int]:
    return {str(path): path.lstat().st_mtime_ns for path in folder.rglob("*") if "__pycache__" not in str(path)}


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_hosts_without_an_index_get_the_wheels_of_this_machine_once(empty: Rig, plan: Plan) -> None:
    hosts = [make_host(empty, name) for name in empty.hosts]
    empty.run("kill", "host2")
    first = run(plan, *hosts)
    empty.run("start", "host2")
    assert "no ssh server listens there" in first["host2"].problem
    assert first["host1"].problem == ""
    assert f"{BOOTSTRAPPED} with {len(plan.pins) + 1} packages, sent from here (" in first["host1"].text

    probe = probe_hosts(hosts)["host1"]
    assert (probe.problem, find_refusal(probe)) == ("", "")
    assert probe.facts["executable"] == str(empty.find_home("host1") / BOOTSTRAPPED / "bin" / "python")
    assert not [told for told in list_other_packages(probe) if told.split()[0] in NEEDED]

    before = list_files(empty.find_home("host1") / ".cache")
    second = run(plan, *hosts)
    assert second["host1"] == Outcome(text="up to date")
    assert list_files(empty.find_home("host1") / ".cache") == before
    assert second["host2"].text.startswith("made ")


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.parametrize("fault", ["kill", "cut"])
def test_what_was_broken_off_is_repaired_by_the_next(empty: Rig, plan: Plan, fault: str) -> None:
    """A cut leaves the host at work, which no more than ends what it has begun."""
    host = make_host(empty, "host1", "-o", "ServerAliveInterval=1", "-o", "ServerAliveCountMax=2")
    told: list[str] = []

    def break_off(name: str, text: str) -> None:
        told.append(text)
        if text.startswith("installs from 11 wheels"):
            empty.run(fault, name)

    began = time.monotonic()
    found = bootstrap_hosts([host], plan, break_off, 150)["host1"]
    assert time.monotonic() - began < 100
    empty.run("start" if fault == "kill" else "heal", "host1")
    assert told[-1].startswith("installs from 11 wheels")
    assert found.problem.startswith("the connection was cut (")
    assert not (empty.find_home("host1") / BOOTSTRAPPED).exists()

    deadline = time.monotonic() + 100
    again = run(plan, host)["host1"]
    while "another bootstrap is at work" in again.problem and time.monotonic() < deadline:
        time.sleep(1)
        again = run(plan, host)["host1"]
    assert again.problem == ""
    left = (empty.find_home("host1") / BOOTSTRAPPED).parent.glob("venv-????????")
    assert [path.name for path in left] == [(empty.find_home("host1") / BOOTSTRAPPED).readlink().name]


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_a_host_with_an_index_gets_nothing_but_this_package_from_here(empty: Rig, plan: Plan, tmp_path: Path) -> None:
    """The index is a folder, by the host's own configuration of pip."""
    for name in plan.pins:
        wheel = plan.source.rebuild(name)
        assert wheel is not None
        shutil.copy(wheel, tmp_path)
    config = empty.find_home("host2") / ".config" / "pip" / "pip.conf"
    config.parent.mkdir(parents=True)
    config.write_text(f"[global]\nno-index = true\nfind-links = {tmp_path}\n")
    try:
        found = run(plan, make_host(empty, "host2"))["host2"]
        assert found.problem == ""
        assert "packages, from its index, in" in found.text
    finally:
        shutil.rmtree(config.parents[1])


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A host that is a shell of this machine."""
    put_ssh_here(monkeypatch, tmp_path / "bin", tmp_path / "home", before="PATH=/usr/bin:/bin")
    return tmp_path / "home"


def test_a_host_that_cannot_be_reached_is_told_and_the_others_go_on(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, plan: Plan
) -> None:
    put_ssh_here(
        monkeypatch,
        tmp_path / "bin",
        tmp_path / "home",
        before='case "$*" in *lost*) echo "ssh: connect to host lost port 22: No route to host" >&2; exit 255;; esac',
    )
    current = replace(plan, pins={})
    hosts = [Host(name=name, ssh=(name,), python=sys.executable, bootstrap=True) for name in ("lost", "big")]
    found = run(current, *hosts)
    assert found["lost"].problem.startswith("there is no way to it (connect to host lost port 22: No route to host)")
    assert found["big"] == Outcome(text="up to date")


def test_an_interpreter_outside_of_any_environment_is_refused(here: Path, plan: Plan) -> None:
    found = run(plan, Host(name="big", ssh=("big",), python="python3", bootstrap=True))["big"]
    assert "python = 'python3' is in no environment that could be made: name its folder by venv = …" in found.problem


def test_a_host_without_the_python_of_this_machine_is_told(
    monkeypatch: pytest.MonkeyPatch, here: Path, plan: Plan
) -> None:
    if shutil.which("python3", path="/usr/bin:/bin") is None:
        pytest.skip("needs a python3 of the system")
    monkeypatch.setattr(platform, "python_version", lambda: "3.99.1")
    found = run(plan, Host(name="big", ssh=("big",), python="env/bin/python", bootstrap=True))["big"]
    assert found.problem == "it has no CPython 3.99, which this machine has: install one there, or uv"
    assert not (here / "env").exists()


def test_a_host_without_any_python_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, plan: Plan) -> None:
    (tmp_path / "none").mkdir()
    shell = shutil.which("sh")
    (tmp_path / "none" / "sh").symlink_to(str(shell))
    put_ssh_here(
        monkeypatch,
        tmp_path / "bin",
        tmp_path / "home",
        before=f"PATH={tmp_path}/none; [ -x /usr/local/bin/python3 ] && exit 9",
    )
    found = run(plan, Host(name="big", ssh=("big",), python="env/bin/python", bootstrap=True))["big"]
    assert found.problem.startswith("no Python could be started there")


def test_what_hosts_get_is_what_is_installed_here_without_tools_for_work_on_it(plan: Plan) -> None:
    assert all(importlib.metadata.version(name) == version for name, version in plan.pins.items())
    assert {"pytest", "numpy"} <= set(plan.pins)
    with open_plan(plan.wheel) as whole:
        assert not {"ruff", "mypy", "hypothesis", "pytest-lleval"} & set(whole.pins)
        assert set(plan.pins) <= set(whole.pins)
        assert whole.index


def test_a_folder_of_wheels_takes_the_place_of_the_index(plan: Plan, tmp_path: Path) -> None:
    with open_plan(plan.wheel, tmp_path) as whole:
        assert not whole.index
