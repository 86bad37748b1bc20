"""What of a project hosts need."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pytest_lleval.plugin.needs import list_needed, needs_project
from pytest_lleval.plugin.options import read_settings

Configure = Callable[..., pytest.Config]

SUITE = """
from pytest_lleval import Sample, Suite, exact

mine = Suite(name="mine", version="1", dataset=[Sample(id="a", input="?", target="A")], scorers=[exact()])
"""


@pytest.fixture
def configure(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Configure:
    """Parse a command line in an empty project, without configuring the session."""
    monkeypatch.delenv("LLEVAL_MODEL", raising=False)
    monkeypatch.delenv("PYTEST_PLUGINS", raising=False)
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.syspath_prepend(pytester.path)

    def parse(*words: str, ini: str = "") -> pytest.Config:
        pytester.makeini(f"[pytest]\n{ini}")
        return pytester.parseconfig("-p", "pytest_lleval.plugin.hooks", *words)

    return parse


def needs(config: pytest.Config) -> bool:
    plan: Any = SimpleNamespace(plans={"mmlu": None})
    return needs_project(config, read_settings(config), lambda: plan)


@pytest.mark.parametrize(
    "words",
    [
        ("--lleval-suite=mmlu",),
        ("--lleval-suite=mmlu/anatomy,gsm8k", "--lleval-model=openai/gpt-4o-mini"),
        ("--lleval-suite=mmlu", "mmlu::anatomy/1"),
        ("--lleval-suite=mmlu", "-p", "no:cacheprovider", "-k", "tests", "--lleval-model=mock/fixed:A"),
    ],
)
def test_installed_suites_alone_need_nothing(configure: Configure, words: tuple[str, ...]) -> None:
    assert not needs(configure(*words))


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"test_it.py": ""}, ("--lleval-suite=mmlu", "test_it.py")),
        ({"test_it.py": ""}, ()),
        ({"mine.py": SUITE}, ("--lleval-suite=mine.py",)),
        ({"mine.py": SUITE}, ("--lleval-suite=mmlu,mine.py::mine",)),
        ({"conftest.py": ""}, ("--lleval-suite=mmlu",)),
        ({"plug_of_mine.py": ""}, ("--lleval-suite=mmlu", "-p", "plug_of_mine")),
        ({}, ("--lleval-suite=mmlu", "--lleval-model=callable/asked:answer")),
        ({}, ("--lleval-suite=mmlu", "--lleval-model=mock/file:answers.json")),
    ],
)
def test_what_is_of_the_project_is_needed(
    pytester: pytest.Pytester, configure: Configure, files: dict[str, str], words: tuple[str, ...]
) -> None:
    for name, content in files.items():
        (pytester.path / name).write_text(content)
    assert needs(configure(*words))


def test_plugins_that_the_environment_names_are_needed(
    pytester: pytest.Pytester, configure: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    (pytester.path / "plug_by_variable.py").write_text("")
    monkeypatch.setenv("PYTEST_PLUGINS", "plug_by_variable")
    assert needs(configure("--lleval-suite=mmlu"))


def test_plugins_installed_below_the_project_are_not_of_it(pytester: pytest.Pytester, configure: Configure) -> None:
    packages = pytester.path / ".venv/lib/python3/site-packages"
    packages.mkdir(parents=True)
    (packages / "plug_installed.py").write_text("")
    pytester.syspathinsert(packages)
    assert not needs(configure("--lleval-suite=mmlu", "-p", "plug_installed"))


def test_suites_of_an_ini_file_come_with_the_projects_tests(configure: Configure) -> None:
    assert needs(configure(ini="lleval_suite = mmlu\n"))


def test_files_with_settings_are_needed_and_what_failed_last_where_that_is_asked_for(
    pytester: pytest.Pytester, configure: Configure
) -> None:
    root = Path(pytester.path)
    assert list_needed(configure()) == [root / "tox.ini", root / "pyproject.toml"]
    assert list_needed(configure("--lf"))[2:] == [root / ".pytest_cache/v/cache/lastfailed"]
    assert list_needed(configure("--ff", "-o", "cache_dir=.kept"))[2:] == [root / ".kept/v/cache/lastfailed"]
    assert len(list_needed(configure("-p", "no:cacheprovider"))) == 2
