"""Sessions of the plugin, as a user starts them."""

import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

# first imported by a session inside this process, pytester would drop them again, and numpy does not stand that
import httpcore2  # noqa: F401
import numpy as np  # noqa: F401
import pytest
import scipy.special  # noqa: F401

SUITE = """
from pytest_lleval import Sample, Suite, exact

letters = Suite(
    name="letters",
    version="1",
    dataset=[
        Sample(id=f"{group}/{row}", group=group, input=f"{group} {row}?", target="ABCD"[row % 4])
        for group in ("red", "green", "blue")
        for row in range(4)
    ],
    scorers=[exact()],
)
"""

Run = Callable[..., pytest.RunResult]


@pytest.fixture(autouse=True)
def fresh_modules(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read a file anew that a test writes twice: compiled modules tell one second's editions of one size not apart."""
    monkeypatch.setattr(sys, "dont_write_bytecode", True)


@pytest.fixture(params=["plain", "-n0", "-n2"])
def workers(request: pytest.FixtureRequest) -> list[str]:
    """The ways a session is spread."""
    return [] if request.param == "plain" else [request.param]


@pytest.fixture
def suite_file(pytester: pytest.Pytester) -> Path:
    """A suite of twelve samples in three groups."""
    return pytester.makefile(".py", letters=textwrap.dedent(SUITE))


@pytest.fixture
def run(pytester: pytest.Pytester, suite_file: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run the suite with a mock that always answers A, unless the words say otherwise."""
    monkeypatch.delenv("LLEVAL_MODEL", raising=False)
    # other installed plugins would cost every small session a second
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")

    def start(*words: str, model: str | None = "mock/fixed:A", suite: str | None = None) -> pytest.RunResult:
        chosen = [f"--lleval-suite={suite or suite_file.name}"] if suite != "" else []
        models = [f"--lleval-model={model}"] if model else []
        return pytester.runpytest_inprocess("-p", "xdist", "-p", "lleval", *chosen, *models, *words)

    return start
