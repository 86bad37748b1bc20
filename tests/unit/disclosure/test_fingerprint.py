import getpass
import json
import os
import platform
import socket
import time
from pathlib import Path

import pytest

from pytest_lleval.disclosure import fingerprint
from pytest_lleval.disclosure.fingerprint import capture_fingerprint


def test_it_is_the_same_whenever_it_is_captured() -> None:
    captured = capture_fingerprint()
    assert capture_fingerprint() == captured
    assert json.loads(json.dumps(captured)) == captured


def test_machine_and_software_are_named() -> None:
    captured = capture_fingerprint()
    assert captured["python"] == platform.python_version()
    assert captured["release"] == platform.release()
    assert captured["cpu"]
    assert 1 <= captured["cpus_usable"] <= captured["cpus"]
    assert captured["memory_bytes"] > 2**26
    assert captured["packages"]["pytest"] == pytest.__version__
    assert len(captured["code"]) == 64


def test_a_worker_can_afford_it() -> None:
    costs = []
    for _ in range(3):
        fingerprint._digest_code.cache_clear()
        began = time.thread_time()
        capture_fingerprint()
        costs.append(time.thread_time() - began)
    # the garbage of other tests may be collected meanwhile
    assert min(costs) < 0.06  # measured: 0.01


def test_nothing_names_the_user_the_host_or_a_folder() -> None:
    values = json.dumps([value for key, value in capture_fingerprint().items() if key != "packages"])
    for secret in (
        str(Path.home()),
        f'"{socket.gethostname()}"',
        f'"{getpass.getuser()}"',
        str(Path(__file__).parents[3]),
    ):
        assert secret not in values


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(fingerprint, "_ROOT", tmp_path)
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "module.py").write_bytes(b"a = 1\nb = 2\n")
    (tmp_path / "data.txt").write_bytes(b"x")
    return tmp_path


def digest_code() -> str | None:
    return fingerprint._digest_code.__wrapped__()


def test_any_change_of_the_code_changes_its_digest(package: Path) -> None:
    digests = [digest_code()]
    (package / "inner" / "module.py").write_bytes(b"a = 1\nb = 3\n")
    digests.append(digest_code())
    (package / "inner" / "module.py").rename(package / "inner" / "other.py")
    digests.append(digest_code())
    (package / "empty.py").write_bytes(b"")
    digests.append(digest_code())
    assert len(set(digests)) == 4


def test_line_ends_and_other_files_are_no_change_of_the_code(package: Path) -> None:
    before = digest_code()
    (package / "inner" / "module.py").write_bytes(b"a = 1\r\nb = 2\r\n")
    (package / "data.txt").write_bytes(b"y")
    assert digest_code() == before


def test_code_without_files_has_no_digest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fingerprint, "_ROOT", tmp_path / "package.zip")
    assert digest_code() is None


@pytest.mark.skipif(os.name == "nt", reason="Windows names the processor in its environment")
@pytest.mark.parametrize(
    ("text", "model"),
    [
        ("processor : 0\nmodel name\t: Some  CPU @ 2GHz\nflags : x\n\nprocessor : 1\n", "Some CPU @ 2GHz"),
        (
            "processor : 0\nCPU implementer : 0x41\nCPU part : 0xd0c\n",
            f"{platform.machine()} implementer 0x41 part 0xd0c",
        ),
        ("processor : 0\ncpu : POWER9\n", "POWER9"),
        ("", platform.machine()),
    ],
)
def test_processors_are_named_as_their_kind_of_machine_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, model: str
) -> None:
    monkeypatch.setattr(fingerprint, "_CPU_FILE", tmp_path / "cpuinfo")
    assert fingerprint._read_cpu_model() == platform.machine()
    (tmp_path / "cpuinfo").write_text(text, encoding="utf-8")
    assert fingerprint._read_cpu_model() == model


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Leave no sign of a container."""
    monkeypatch.setattr(fingerprint, "_CONTAINER_FILES", {str(tmp_path / "mark"): "docker"})
    monkeypatch.setattr(fingerprint, "_INIT_FILE", tmp_path / "init")
    for name in ("container", "KUBERNETES_SERVICE_HOST"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def test_a_machine_without_signs_of_one_is_no_container(bare: Path) -> None:
    assert fingerprint._find_container() is None


def test_containers_are_found_by_mark_environment_or_group(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (bare / "init").write_text("1:cpu:/kubepods/pod1\n", encoding="ascii")
    assert fingerprint._find_container() == "kubernetes"
    (bare / "init").write_text("1:cpu:/\n", encoding="ascii")
    monkeypatch.setenv("container", "systemd-nspawn")
    assert fingerprint._find_container() == "systemd-nspawn"
    (bare / "mark").touch()
    assert fingerprint._find_container() == "docker"
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    assert fingerprint._find_container() == "kubernetes"


def test_an_unknown_word_in_the_environment_is_not_repeated(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("container", "secret-name")
    assert fingerprint._find_container() is None
