"""With --lleval-canaries a suite that cannot fail or cannot pass stops the session before anything is asked."""

import json
from pathlib import Path
from typing import Any

import pytest
from rundirs import find_runs
from serving import ModelServer

from .conftest import Run

BROKEN = """
from pytest_lleval import Sample, Score, Suite

class Broken:
    name = "broken"

    def __call__(self, sample, completion):
        return Score(name="broken", value={value})

broken = Suite(
    name="broken",
    version="1",
    dataset=[Sample(id="one", input="1?", target="uno"), Sample(id="two", input="2?", target="due")],
    scorers=[Broken()],
)
"""


def read_tables(run: Path) -> list[dict[str, Any]]:
    """Return what became of planted answers, by suite."""
    return json.loads((run / "manifest.json").read_text(encoding="utf-8"))["canaries"]


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("1.0", "*suite 'broken' cannot fail: it gives 1.0 to every planted answer*broken.py:6*mend the scorer*"),
        ("0.0", "*suite 'broken' cannot pass: it gives 0.0 to the right answer 'uno' *'one'*broken.py:6*"),
        ("1 / 0", "*scorer 'broken' of suite 'broken' failed: ZeroDivisionError*'uno'*'one'*"),
    ],
    ids=["cannot fail", "cannot pass", "raises"],
)
def test_a_broken_suite_stops_the_session_before_anything_is_asked(
    pytester: pytest.Pytester, run: Run, workers: list[str], value: str, problem: str
) -> None:
    pytester.makepyfile(broken=BROKEN.format(value=value))
    with ModelServer(answer="uno") as server:
        result = run(*workers, "--lleval-canaries", suite="broken.py", model=f"openai/served-model@{server.url}")
        assert not server.posts
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([problem])
    assert not find_runs(pytester.path)


def test_a_broken_suite_runs_where_nobody_asked_for_canaries(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(broken=BROKEN.format(value="1.0"))
    assert run(suite="broken.py").ret == pytest.ExitCode.OK


def test_a_sound_suite_runs_and_the_manifest_has_the_table(
    pytester: pytest.Pytester, run: Run, workers: list[str]
) -> None:
    result = run(*workers, "--lleval-canaries")
    assert result.ret == pytest.ExitCode.OK
    (folder,) = find_runs(pytester.path)
    (table,) = read_tables(folder)
    assert table["message"] == "40 planted answers of letters scored as they should be"
    assert (table["suite"], table["scorer"], table["samples"]) == ("letters", "exact", 8)
    assert {(row["kind"], row["value"]) for row in table["scores"]} >= {("right", 1.0), ("wrong", 0.0)}


def test_a_resumed_run_keeps_the_table_of_its_first_session(pytester: pytest.Pytester, run: Run) -> None:
    run("--lleval-canaries", "--lleval-run-dir=kept")
    run("--lleval-resume=kept")
    assert [table["suite"] for table in read_tables(pytester.path / "kept")] == ["letters"]


@pytest.mark.parametrize("suite", ["mmlu", "gsm8k"])
@pytest.mark.usefixtures("data_dir")
def test_built_in_suites_pass(pytester: pytest.Pytester, run: Run, suite: str) -> None:
    result = run("--lleval-canaries", "--lleval-limit=10", suite=suite)
    assert result.ret == pytest.ExitCode.OK
    (folder,) = find_runs(pytester.path)
    (table,) = read_tables(folder)
    assert table["message"].endswith(f"planted answers of {suite} scored as they should be")
    assert table["samples"] == 8
