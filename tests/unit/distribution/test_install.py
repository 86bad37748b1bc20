"""Steps of making an environment, on a host that a shell of this machine plays."""

import ast
import json
import os
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from types import ModuleType

import pytest
from fakessh import put_ssh_here
from packaging.tags import sys_tags

from pytest_lleval.core.errors import HostError
from pytest_lleval.distribution.carrier import Carrier
from pytest_lleval.distribution.hosts import Host
from pytest_lleval.distribution.remote import install, probe
from pytest_lleval.distribution.wheelsource import WheelSource

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the shell that plays a host is a POSIX one")
VERSION = sys.version.split()[0]
MINOR = ".".join(VERSION.split(".")[:2])
IMPLEMENTATION = {"cpython": "CPython", "pypy": "PyPy"}[sys.implementation.name]


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The login folder of a host where this interpreter is found first, and no uv."""
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / f"python{MINOR}").symlink_to(sys.executable)
    put_ssh_here(monkeypatch, tmp_path / "bin", tmp_path / "home", before=f"PATH={programs}:/usr/bin:/bin")
    return tmp_path / "home"


@pytest.fixture
def carriers() -> Iterator[ExitStack]:
    """What is entered here is closed in the end."""
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def carrier(home: Path, carriers: ExitStack) -> Carrier:
    """The line to the host, for its environment ``env/venv``."""
    return carriers.enter_context(open_carrier())


def open_carrier(venv: str = "env/venv", seconds: float = 120) -> Carrier:
    return Carrier(Host(name="big", ssh=("big",), python=f"{venv}/bin/python"), MINOR, seconds)


def put_wheel(folder: Path, name: str, version: str = "1.0") -> Path:
    info = f"{name}-{version}.dist-info"
    path = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{name}.py", f"version = {version!r}\n")
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return path


@pytest.mark.parametrize(("module", "version"), [(install, (3, 8)), (probe, (3, 11))])
def test_what_runs_on_hosts_is_written_for_their_python(module: ModuleType, version: tuple[int, int]) -> None:
    ast.parse(Path(str(module.__file__)).read_text(encoding="utf-8"), feature_version=version)


def test_a_host_says_what_it_can_make_an_environment_with(carrier: Carrier) -> None:
    found = carrier.do("survey", implementation=IMPLEMENTATION, version=VERSION)
    assert Path(found["python"]).resolve() == Path(sys.executable).resolve()
    assert (found["version"], found["uv"]) == (VERSION, "")


def test_another_minor_version_will_not_do(carrier: Carrier) -> None:
    assert carrier.do("survey", implementation=IMPLEMENTATION, version="3.99.1")["python"] == ""
    assert carrier.do("survey", implementation="Abacus", version=VERSION)["python"] == ""


def test_any_patch_of_the_minor_version_will_do(carrier: Carrier) -> None:
    found = carrier.do("survey", implementation=IMPLEMENTATION, version=f"{MINOR}.999")
    assert found["python"]
    assert found["version"].startswith(f"{MINOR}.")


def test_wheels_travel_once_and_whole(carrier: Carrier, home: Path, tmp_path: Path) -> None:
    one, two = put_wheel(tmp_path, "zz_one"), put_wheel(tmp_path, "zz_two")
    assert carrier.send({one.name: one}) == one.stat().st_size
    assert carrier.send({one.name: one, two.name: two}) == two.stat().st_size
    there = home / "env" / "venv-wheels"
    assert (there / one.name).read_bytes() == one.read_bytes()
    (there / two.name).write_bytes(b"broken")
    assert carrier.send({one.name: one, two.name: two}) == two.stat().st_size
    assert (there / two.name).read_bytes() == two.read_bytes()


def test_a_large_wheel_travels(carrier: Carrier, home: Path, tmp_path: Path) -> None:
    """Larger than every buffer on the way, and with line ends in it."""
    large = tmp_path / "large.whl"
    large.write_bytes(os.urandom(5_000_000) + b"\n" * 1000)
    assert carrier.send({large.name: large}) == 5_001_000
    assert (home / "env" / "venv-wheels" / large.name).read_bytes() == large.read_bytes()


def test_a_wheel_that_arrives_as_another_is_not_kept(
    monkeypatch: pytest.MonkeyPatch, carrier: Carrier, home: Path, tmp_path: Path
) -> None:
    wheel = put_wheel(tmp_path, "zz_one")
    monkeypatch.setattr("pytest_lleval.distribution.carrier.digest_file", lambda path: "0" * 64)
    with pytest.raises(HostError, match=rf"{wheel.name} arrived with sha256 [0-9a-f]{{64}} instead of 0000"):
        carrier.send({wheel.name: wheel})
    assert not (home / "env" / "venv-wheels" / wheel.name).exists()


def test_the_host_says_which_wheels_fit(carrier: Carrier, tmp_path: Path) -> None:
    packaging = WheelSource(tmp_path).rebuild("packaging")
    if packaging is None:
        pytest.skip("packaging was not installed from a wheel here")
    carrier.send({packaging.name: packaging})
    tags = carrier.do("list_tags", python=sys.executable, packaging=packaging.name)
    assert tags == [str(tag) for tag in sys_tags()]


def test_two_at_the_same_time_are_kept_apart(carrier: Carrier) -> None:
    with pytest.raises(HostError, match="another bootstrap is at work on it"):
        open_carrier()
    with open_carrier("env/other") as other:
        assert other.do("survey", implementation=IMPLEMENTATION, version=VERSION)
    carrier.close()
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            open_carrier().close()
        except HostError:
            time.sleep(0.05)
        else:
            return
    pytest.fail("the lock was kept after the end")


def test_an_environment_of_somebody_elses_is_left_alone(carrier: Carrier, home: Path) -> None:
    venv = home / "env" / "venv"
    venv.mkdir()
    with pytest.raises(HostError, match=r"env/venv is there already and `lleval hosts bootstrap` did not make it"):
        carrier.do("survey", implementation=IMPLEMENTATION, version=VERSION)
    venv.rmdir()
    venv.symlink_to(home)
    with pytest.raises(HostError, match=r"is a link that `lleval hosts bootstrap` did not make"):
        carrier.do("survey", implementation=IMPLEMENTATION, version=VERSION)
    assert venv.is_symlink()


def test_a_step_that_is_not_there_is_an_error_and_no_end(carrier: Carrier) -> None:
    with pytest.raises(HostError, match="AttributeError"):
        carrier.do("dance")
    assert carrier.do("hold", files={}) == []


def make(carrier: Carrier, folder: Path, *versions: str, uv: str = "") -> str:
    """Make an environment of a wheel for each version; return the last one's place."""
    for version in versions:
        wheel = put_wheel(folder, "zz_one", version)
        extra = put_wheel(folder, "zz_two")
        carrier.send({wheel.name: wheel, extra.name: extra})
        order = {
            "python": sys.executable,
            "uv": uv,
            "version": MINOR,
            "pins": ["zz-two==1.0"],
            "wheel": wheel.name,
            "index": False,
            "exact": True,
            "pip": None,
        }
        carrier.do("build", order=order)
        venv = str(carrier.do("switch", wheels=[wheel.name]))
    return venv


def ask(venv: str, code: str) -> str:
    return subprocess.run([f"{venv}/bin/python", "-c", code], capture_output=True, text=True, check=True).stdout.strip()


@pytest.mark.slow
@pytest.mark.timeout(170)
def test_environments_follow_each_other_and_the_one_before_is_kept(
    carrier: Carrier, home: Path, tmp_path: Path
) -> None:
    venv = make(carrier, tmp_path, "1.0")
    assert venv == str(home / "env" / "venv")
    assert (
        ask(venv, "import zz_one, zz_two, sys; print(zz_one.version, zz_two.version, sys.prefix)") == f"1.0 1.0 {venv}"
    )
    first = Path(venv).resolve()
    assert json.loads((first / install.MARKER).read_text())["finished"] is True
    make(carrier, tmp_path, "2.0")
    second = Path(venv).resolve()
    assert ask(venv, "import zz_one; print(zz_one.version)") == "2.0"
    assert ask(str(first), "import zz_one; print(zz_one.version)") == "1.0"
    make(carrier, tmp_path, "3.0")
    assert (first.exists(), second.exists()) == (False, True)
    assert [path.name for path in (home / "env" / "venv-wheels").iterdir()] == ["zz_one-3.0-py3-none-any.whl"]


@pytest.mark.slow
def test_an_environment_that_was_never_finished_is_removed(home: Path, tmp_path: Path) -> None:
    wheel = put_wheel(tmp_path, "zz_one")
    with open_carrier() as carrier:
        carrier.send({wheel.name: wheel})
        order = {"python": sys.executable, "uv": "", "version": MINOR, "pins": ["no-such-thing==1"], "pip": None}
        with pytest.raises(HostError, match=r"failed: ERROR: .*no-such-thing==1"):
            carrier.do("build", order={**order, "wheel": wheel.name, "index": False, "exact": True})
        (left,) = (path for path in (home / "env").glob("venv-*") if (path / install.MARKER).exists())
    time.sleep(0.2)
    with open_carrier() as carrier:
        carrier.do("survey", implementation=IMPLEMENTATION, version=VERSION)
        assert not left.exists()
        assert not (home / "env" / "venv").exists()


@pytest.mark.slow
def test_a_python_without_the_part_that_installs_pip_gets_it_from_here(
    home: Path, carrier: Carrier, tmp_path: Path
) -> None:
    """As Debian's comes; the part is ``ensurepip``."""
    pip = WheelSource(tmp_path).rebuild("pip")
    if pip is None:
        pytest.skip("pip was not installed from a wheel here")
    crippled = tmp_path / "python"
    crippled.write_text(
        f'#!/bin/sh\ncase "$*" in *--without-pip*) ;; *-m\\ venv*) echo "Error: no ensurepip"; exit 1;; esac\n'
        f'exec {sys.executable} "$@"\n'
    )
    crippled.chmod(0o755)
    wheel = put_wheel(tmp_path, "zz_one")
    carrier.send({wheel.name: wheel, pip.name: pip})
    order = {"python": str(crippled), "uv": "", "version": MINOR, "pins": [], "wheel": wheel.name, "index": False}
    interpreter = carrier.do("build", order={**order, "exact": True, "pip": pip.name})
    assert ask(str(Path(interpreter).parents[1]), "import zz_one; print(zz_one.version)") == "1.0"
    with pytest.raises(HostError, match="failed: Error: no ensurepip"):
        carrier.do("build", order={**order, "exact": True, "pip": None})


def test_uv_makes_it_where_there_is_one(carrier: Carrier, tmp_path: Path) -> None:
    uv = Path(sys.executable).with_name("uv")
    if not uv.is_file():
        pytest.skip("needs uv: pip install uv")
    venv = make(carrier, tmp_path, "1.0", "2.0", uv=str(uv))
    assert (
        ask(venv, "import zz_one, zz_two, sys; print(zz_one.version, zz_two.version, sys.prefix)") == f"2.0 1.0 {venv}"
    )


def test_when_nobody_listens_a_step_in_progress_is_ended(home: Path, tmp_path: Path) -> None:
    slow = tmp_path / "slow"
    slow.write_text(f"#!/bin/sh\necho $$ >{tmp_path}/pid\nexec sleep 300\n")
    slow.chmod(0o755)
    carrier = open_carrier(seconds=2)
    try:
        with pytest.raises(HostError, match="did not answer within 2 s"):
            carrier.do("list_tags", python=str(slow), packaging="none.whl")
    finally:
        carrier.close()
    pid = int((tmp_path / "pid").read_text())
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        state = subprocess.run(
            ["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False
        ).stdout
        if state.strip() in ("", "Z"):
            return
        time.sleep(0.05)
    pytest.fail("it goes on although nobody listens")
