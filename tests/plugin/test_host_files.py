"""What of a project, its settings and the command line reaches workers on hosts; over real ssh."""

import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hostrig import Rig, open_rig

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="hosts on one machine need Linux")

SUITE = """
from pytest_lleval import Sample, Suite, exact

letters = Suite(
    name="letters",
    version="1",
    dataset=[Sample(id=str(row), input=f"{row}?", target="A") for row in range(4)],
    scorers=[exact()],
)
"""


@pytest.fixture(scope="module")
def rig() -> Iterator[Rig]:
    """A host, or a skip."""
    with open_rig(1) as found:
        yield found


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """An empty project that git knows."""
    root = tmp_path / "project"
    root.mkdir()
    subprocess.run(["git", "init", "-q"], cwd=root, check=True)
    return root


def run(folder: Path, *words: str, **environment: str) -> tuple[int, str]:
    """Run a session; return its exit status and what it printed."""
    known = {name: value for name, value in os.environ.items() if name not in ("LLEVAL_MODEL", "PYTEST_ADDOPTS")}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "xdist", "-p", "lleval", *words],
        cwd=folder,
        env=known | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"} | environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def hide(folder: Path, wrapper: Path) -> str:
    """Write an interpreter that does not see a folder of this machine, or skip."""
    script = f'mount -t tmpfs none {shlex.quote(str(folder))} && exec {shlex.quote(sys.executable)} "$@"'
    wrapper.write_text(f'#!/bin/sh\nexec unshare -m sh -c {shlex.quote(script)} sh "$@"\n')
    wrapper.chmod(0o755)
    if subprocess.run([wrapper, "-c", ""], check=False, capture_output=True).returncode:
        pytest.skip("needs the right to hide a folder")
    return f'"{wrapper}"'


def test_absolute_places_are_found_on_a_host_that_does_not_have_them(rig: Rig, project: Path, tmp_path: Path) -> None:
    python = hide(project, tmp_path / "python")
    (project / "evals/deep").mkdir(parents=True)
    (project / "evals/letters.py").write_text(SUITE)
    (project / "test_it.py").write_text("def test_one():\n    pass\n\n\ndef test_other():\n    assert False\n")
    (project / "my.ini").write_text("[pytest]\naddopts = --strict-markers\n")
    hosts = rig.write_file(tmp_path / "hosts.toml", python=python)
    words = (f"--lleval-suite={project}/evals/letters.py", f"{project}/test_it.py::test_one", f"-c{project}/my.ini")
    status, said = run(project / "evals/deep", *words, "--lleval-model=mock/fixed:A", f"--lleval-hosts={hosts}")
    assert status == 0, said
    assert "5 passed" in said
    assert "lleval project: sent to hosts (3 files, 0.0 MB, sha256 " in said


def test_nothing_of_a_hosts_login_folder_has_a_say_and_the_environment_here_has(rig: Rig, project: Path) -> None:
    home = rig.find_home("host1")
    (home / "pytest.ini").write_text("[pytest]\naddopts = --no-such-option\n")
    (home / "conftest.py").write_text("raise RuntimeError('it is not mine')\n")
    hosts = rig.write_file(project.parent / "hosts.toml")
    (project / "plugin_of_mine.py").write_text("import pytest\n\n\n@pytest.fixture\ndef mine():\n    return 1\n")
    (project / "test_it.py").write_text(
        "import pytest\n\n\n@pytest.mark.lleval(dataset=[{'id': 'a', 'input': '?'}])\n"
        "async def test_it(model, sample, mine):\n    assert (await model(sample.input)).text == 'by variable'\n"
    )
    try:
        environment = {"LLEVAL_MODEL": "mock/fixed:by variable", "PYTEST_PLUGINS": "plugin_of_mine"}
        status, said = run(project, f"--lleval-hosts={hosts}", **environment)
    finally:
        (home / "pytest.ini").unlink()
        (home / "conftest.py").unlink()
    assert status == 0, said
    assert "1 passed" in said


def test_installed_suites_need_no_project_and_keep_the_words_of_its_ini_file(rig: Rig, tmp_path: Path) -> None:
    hosts = rig.write_file(tmp_path / "hosts.toml")
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = -k 'anatomy/1 or anatomy/2'\n")
    words = ("--lleval-suite=mmlu/anatomy", "--lleval-model=mock/fixed:A", "--lleval-limit=20")
    alone = run(tmp_path, *words, "-n0", "--collect-only", "-q")[1]
    if "mmlu::" not in alone:
        pytest.skip("needs the benchmark data: set LLEVAL_DATA_DIR")
    count = sum(line.startswith("mmlu::") for line in alone.splitlines())
    status, said = run(tmp_path, *words, f"--lleval-hosts={hosts}")
    assert status == 0, said
    assert f"{count} passed" in said
    assert count < 20
    assert "lleval project" not in said


def test_what_failed_last_is_run_again_on_a_host(rig: Rig, project: Path) -> None:
    hosts = rig.write_file(project.parent / "hosts.toml")
    (project / "test_it.py").write_text("def test_good():\n    pass\n\n\ndef test_bad():\n    assert False\n")
    assert run(project, "-n0")[0] == 1
    status, said = run(project, "--lf", f"--lleval-hosts={hosts}")
    assert status == 1
    assert "1 failed in" in said


def test_a_place_outside_of_the_project_ends_the_session_before_it_begins(rig: Rig, project: Path) -> None:
    hosts = rig.write_file(project.parent / "hosts.toml")
    (project / "test_it.py").write_text("def test_it():\n    pass\n")
    (project / "pytest.ini").write_text("")
    (project.parent / "test_other.py").write_text("def test_it():\n    pass\n")
    status, said = run(project, f"--lleval-hosts={hosts}", f"--rootdir={project}", "test_it.py", "../test_other.py")
    assert status == 4
    assert "ERROR: '../test_other.py' is outside of the project " in said
    assert "Traceback" not in said
