import sys
from pathlib import Path
from typing import Any

import pytest
from fakessh import put_interpreter, put_ssh_here

from pytest_lleval.cli.hosttable import make_table
from pytest_lleval.cli.main import main
from pytest_lleval.distribution import fleetcheck
from pytest_lleval.distribution.probing import Probe

posix = pytest.mark.skipif(sys.platform == "win32", reason="the shell that plays a host is a POSIX one")


@pytest.fixture(autouse=True)
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The current folder; hosts are a shell of this machine, but for those whose name has ``lost`` in it."""
    lost = 'case "$*" in *lost*) echo "ssh: connect to host lost port 22: Connection refused" >&2; exit 255;; esac'
    put_ssh_here(monkeypatch, tmp_path / "bin", tmp_path / "home", before=lost)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def same_code(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the code of this process for that of the files, which somebody may be editing."""
    real = fleetcheck.find_refusal
    monkeypatch.setattr(
        "pytest_lleval.cli.hosts.find_refusal",
        lambda probe: real(Probe(facts={**probe.facts, "code": fleetcheck.describe_here()["code"]})),
    )


def write(folder: Path, *hosts: str, **keys: str) -> None:
    lines = []
    for host in hosts:
        lines.append(f"[hosts.{host}]")
        lines += [f"{key} = {value}" for key, value in ({"python": f'"{sys.executable}"'} | keys).items()]
    (folder / "hosts.toml").write_text("\n".join(lines))


@posix
def test_hosts_that_can_be_used_are_a_table_and_a_good_end(
    folder: Path, same_code: None, capsys: pytest.CaptureFixture[str]
) -> None:
    write(folder, "one", "two")
    assert main(["hosts", "check"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[:2] == ["host", "reached"]
    assert [line.split("  ")[0] for line in lines[1:4]] == ["this machine", "one", "two"]
    assert "  yes  " in lines[2]
    assert lines[-1] == "2 of 2 hosts can be used"
    starts = {line.index("3.") for line in lines[2:4]}
    assert len(starts) == 1


@posix
def test_each_problem_is_one_line_and_the_end_is_not_good(
    folder: Path, same_code: None, capsys: pytest.CaptureFixture[str]
) -> None:
    write(folder, "one", "lost")
    assert main(["hosts", "check", "hosts.toml", "--timeout", "50"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[3].split()[:2] == ["lost", "no"]
    assert lines[4].startswith("lost: it refuses connections (connect to host lost port 22: Connection refused)")
    assert lines[-1] == "1 of 2 hosts can be used"


@posix
def test_other_code_is_a_problem(
    monkeypatch: pytest.MonkeyPatch, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    here: dict[str, Any] = {**fleetcheck.describe_here(), "code": "f" * 64, "python": "3.11.0"}
    monkeypatch.setattr(fleetcheck, "describe_here", lambda: here)
    write(folder, "one")
    assert main(["hosts", "check"]) == 1
    out = capsys.readouterr().out
    assert "one: it has another code of pytest-lleval, digest " in out
    assert "one: not as here: Python: 3." in out


@posix
def test_what_a_host_is_to_do_must_be_possible_there(
    monkeypatch: pytest.MonkeyPatch, folder: Path, same_code: None, capsys: pytest.CaptureFixture[str]
) -> None:
    hide = "import importlib.util as u; f = u.find_spec; u.find_spec = lambda n: None if n == 'xllamacpp' else f(n)"
    python = put_interpreter(folder / "python", first=hide)
    monkeypatch.delenv("NO_SUCH_KEY", raising=False)
    write(folder, "one", python=f'"{python}"', local_model="true", env='["NO_SUCH_KEY"]')
    assert main(["hosts", "check"]) == 1
    out = capsys.readouterr().out
    assert "one: local_model = true, but xllamacpp is not installed there" in out
    assert "one: env names NO_SUCH_KEY, which is set neither here nor there" in out
    monkeypatch.setenv("NO_SUCH_KEY", "s3cret")
    main(["hosts", "check"])
    assert "NO_SUCH_KEY" not in capsys.readouterr().out


def test_what_a_host_says_cannot_command_the_terminal() -> None:
    facts = {"python": "3\x1b[2J", "gpus": [{"name": "T\n1000"}] * 2, "cpus_usable": 8, "memory_bytes": 64e9}
    probes = {"big": Probe(facts=facts, round_trip=0.2, clock_offset=-1.5)}
    lines = make_table(probes)
    assert len(lines) == 3
    assert r"3\x1b[2J" in lines[2]
    assert r"2 x T\n1000" in lines[2]
    assert "200.0 ms" in lines[2]
    assert "-1.50 s ± 100.0 ms" in lines[2]
    assert "64 GB" in lines[2]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["check", "none.toml"], "none.toml' cannot be read"),
        (["check", "--timeout=0"], "--timeout=0 is no number of seconds above 0"),
        (["bootstrap", "--timeout=nan"], "--timeout=nan is no number of seconds above 0"),
        (["bootstrap"], "no host says bootstrap = true, so there is nothing to do"),
        (["bootstrap", "--only=oen"], "no host is called 'oen'; did you mean 'one'?"),
        (["bootstrap", "--only=one"], "[hosts.one] does not say bootstrap = true"),
    ],
)
def test_what_cannot_be_done_as_typed_is_said(
    words: list[str], said: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(folder, "one")
    assert main(["hosts", *words]) == 4
    assert said in capsys.readouterr().err


def test_wheels_must_be_what_they_are_named_for(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(folder, "lost", bootstrap="true")
    assert main(["hosts", "bootstrap", "--wheels=none"]) == 4
    assert "--wheels='none' is no folder" in capsys.readouterr().err
    (folder / "x.whl").write_text("no zip")
    assert main(["hosts", "bootstrap", "--wheel=x.whl"]) == 4
    assert "'x.whl' is no wheel that can be read" in capsys.readouterr().err


@posix
def test_bootstrap_names_each_host_and_what_became_of_it(
    monkeypatch: pytest.MonkeyPatch, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("pytest_lleval.distribution.bootstrap.make_wheel", lambda folder: folder / "x.whl")
    monkeypatch.setattr("pytest_lleval.distribution.bootstrap.check_wheel", lambda wheel, code: "")
    monkeypatch.setattr("pytest_lleval.distribution.bootstrap.read_metadata", _Metadata)
    (folder / "hosts.toml").write_text("[hosts.lost]\nbootstrap = true\n[hosts.other]\n")
    assert main(["hosts", "bootstrap"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "other: left alone, because it does not say bootstrap = true"
    assert lines[1].startswith("lost: it refuses connections")
    assert len(lines) == 2


class _Metadata(dict[str, str]):
    """Of a wheel that needs nothing."""

    def __init__(self, wheel: Path) -> None:
        super().__init__(Name="pytest-lleval", Version="1")

    def get_all(self, key: str) -> None:
        return None
