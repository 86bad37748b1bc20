"""Without its options the plugin does nothing."""

import subprocess
import sys

import pytest

PROBE = """
import sys

def pytest_unconfigure():
    ours = sorted(name for name in sys.modules if name.startswith("pytest_lleval"))
    heavy = sorted({"numpy", "openai", "anthropic", "psutil", "xllamacpp"} & set(sys.modules))
    print("OURS", *ours)
    print("HEAVY", *heavy)
"""


@pytest.fixture
def plain_project(pytester: pytest.Pytester) -> pytest.Pytester:
    pytester.makeconftest(PROBE)
    pytester.makepyfile(test_mine="def test_mine(): pass")
    return pytester


def run_plain(project: pytest.Pytester, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:hypothesispytest"]
    command += ["-p", "no:anyio", "-p", "no:benchmark"]
    return subprocess.run([*command, *words], cwd=project.path, capture_output=True, text=True, check=False, timeout=60)


def test_an_unrelated_session_imports_no_more_than_the_options(plain_project: pytest.Pytester) -> None:
    done = run_plain(plain_project)
    assert done.returncode == 0, done.stdout + done.stderr
    line = next(line for line in done.stdout.splitlines() if line.startswith("OURS"))
    assert set(line.split()[1:]) == {
        "pytest_lleval",
        "pytest_lleval.core",
        "pytest_lleval.core.errors",
        "pytest_lleval.core.gates",
        "pytest_lleval.core.matrix",
        "pytest_lleval.core.settings",
        "pytest_lleval.core.shards",
        "pytest_lleval.core.sizes",
        "pytest_lleval.plugin",
        "pytest_lleval.plugin.fixtures",
        "pytest_lleval.plugin.hooks",
        "pytest_lleval.plugin.hostnames",
        "pytest_lleval.plugin.options",
        "pytest_lleval.plugin.reading",
        "pytest_lleval.support",
        "pytest_lleval.support.failure",
        "pytest_lleval.support.nearest",
    }
    assert "HEAVY\n" in done.stdout


def test_an_unrelated_session_leaves_no_file_and_no_output(plain_project: pytest.Pytester) -> None:
    with_plugin = run_plain(plain_project)
    without = run_plain(plain_project, "-p", "no:lleval")
    files = {path.name for path in plain_project.path.iterdir()} - {"__pycache__"}
    assert files == {"conftest.py", "test_mine.py"}

    def strip(text: str) -> list[str]:
        return [line for line in text.splitlines() if not line.startswith(("OURS", "plugins:", "==="))]

    assert strip(with_plugin.stdout) == strip(without.stdout)
    assert with_plugin.stderr == without.stderr


def test_every_option_has_an_ini_twin_and_a_line_of_help(pytester: pytest.Pytester) -> None:
    text = pytester.runpytest_inprocess("-p", "lleval", "-p", "no:asyncio", "--help").stdout.str()
    flags = {word.split("=")[0] for word in text.split() if word.startswith("--lleval-")}
    assert len(flags) >= 15
    for flag in flags:
        assert flag.removeprefix("--").replace("-", "_") in text, flag
