import getpass
import json
import platform
import shutil
import socket
import subprocess
from pathlib import Path

import pytest

from pytest_lleval.disclosure import environment
from pytest_lleval.disclosure.environment import capture_environment

needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="needs git")


def run_git(folder: Path, *words: str) -> str:
    command = ["git", "-C", str(folder), "-c", "user.name=n", "-c", "user.email=n@example.org", *words]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    run_git(tmp_path, "init", "-q")
    (tmp_path / "file").write_text("one", encoding="utf-8")
    run_git(tmp_path, "add", "file")
    run_git(tmp_path, "commit", "-q", "-m", "first")
    return tmp_path


def test_interpreter_machine_and_packages_are_captured(tmp_path: Path) -> None:
    captured = capture_environment(tmp_path)
    assert captured["python"] == platform.python_version()
    assert captured["cpus"] >= 1
    assert captured["packages"]["pytest"] == pytest.__version__
    assert json.loads(json.dumps(captured)) == captured


@needs_git
def test_the_commit_is_captured_and_whether_it_was_changed(repository: Path) -> None:
    commit = run_git(repository, "rev-parse", "HEAD")
    assert capture_environment(repository)["git"] == {"commit": commit, "dirty": False}
    (repository / "untracked").write_text("", encoding="utf-8")
    assert capture_environment(repository)["git"] == {"commit": commit, "dirty": False}
    (repository / "file").write_text("two", encoding="utf-8")
    assert capture_environment(repository)["git"] == {"commit": commit, "dirty": True}


@needs_git
def test_a_repository_without_a_commit_has_none(tmp_path: Path) -> None:
    run_git(tmp_path, "init", "-q")
    assert capture_environment(tmp_path)["git"] is None


def test_outside_of_a_repository_and_without_git_there_is_no_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert capture_environment(tmp_path)["git"] is None
    monkeypatch.setattr(environment.shutil, "which", lambda name: None)
    assert capture_environment(tmp_path)["git"] is None


def test_nothing_names_the_user_the_host_or_the_folder(tmp_path: Path) -> None:
    values = json.dumps([value for key, value in capture_environment(tmp_path).items() if key != "packages"])
    for secret in (str(tmp_path), f'"{socket.gethostname()}"', f'"{getpass.getuser()}"'):
        assert secret not in values
