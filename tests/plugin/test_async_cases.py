"""Async eval cases: beside each other where they use our fixtures alone, in their own turn otherwise."""

from __future__ import annotations

import importlib.util
import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from serving import ModelServer

Session = Callable[..., pytest.RunResult]


@pytest.fixture
def session(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Session:
    """Run a project's tests."""
    monkeypatch.delenv("LLEVAL_MODEL", raising=False)
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")

    def start(*words: str, model: str = "mock/fixed:A", plugins: tuple[str, ...] = ()) -> pytest.RunResult:
        loaded = [word for name in ("xdist", "lleval", *plugins) for word in ("-p", name)]
        return pytester.runpytest_inprocess(*loaded, f"--lleval-model={model}", *words)

    return start


def read_records(pytester: pytest.Pytester) -> list[dict[str, Any]]:
    (run,) = (pytester.path / ".lleval" / "runs").glob("*")
    lines = (run / "samples.jsonl").read_text(encoding="utf-8").splitlines()
    return sorted((json.loads(line) for line in lines), key=lambda raw: raw["case"])


def count_overlap(records: list[dict[str, Any]]) -> int:
    """Return how many calls were under way at once, at most."""
    spans = [(raw["started"], raw["started"] + raw["completion"]["timing"]["total"]) for raw in records]
    return max(sum(begin <= moment < end for begin, end in spans) for moment, _ in spans)


ASKS = """
import pytest

@pytest.mark.lleval(dataset=[{"question": f"What is {number}?", "answer": "A"} for number in range(12)])
async def test_asks(model, question, answer, grade):
    got = await model(question)
    assert grade.exact(got, answer)
"""

WITH_FIXTURE = ASKS.replace("grade):", "grade, tmp_path):")


@pytest.mark.parametrize(("words", "least"), [([], 8), (["-n0"], 8), (["-n2", "--maxprocesses=2"], 2)])
def test_cases_that_use_our_fixtures_alone_overlap(
    pytester: pytest.Pytester, session: Session, words: list[str], least: int
) -> None:
    pytester.makepyfile(ASKS)
    with ModelServer(answer="A", latency=0.3) as server:
        session(*words, model=f"openai/served-model@{server.url}").assert_outcomes(passed=12)
    records = read_records(pytester)
    assert len(records) == 12
    assert count_overlap(records) >= least
    assert all(raw["completion"]["timing"]["total"] >= 0.3 for raw in records)


def test_no_more_calls_are_under_way_than_connections(pytester: pytest.Pytester, session: Session) -> None:
    pytester.makepyfile(ASKS)
    with ModelServer(answer="A", latency=0.1) as server:
        result = session("--lleval-max-connections=3", "--durations=0", model=f"openai/served-model@{server.url}")
    result.assert_outcomes(passed=12)
    records = read_records(pytester)
    starts = [(raw["started"] + raw["completion"]["timing"]["queued"]) for raw in records]
    spans = [(start, start + raw["completion"]["timing"]["total"]) for start, raw in zip(starts, records, strict=True)]
    assert max(sum(begin <= moment < end for begin, end in spans) for moment, _ in spans) <= 3


def test_cases_with_fixtures_of_others_run_in_their_own_turn(pytester: pytest.Pytester, session: Session) -> None:
    pytester.makepyfile(WITH_FIXTURE)
    with ModelServer(answer="A", latency=0.05) as server:
        session(model=f"openai/served-model@{server.url}").assert_outcomes(passed=12)
    assert count_overlap(read_records(pytester)) == 1


@pytest.mark.parametrize(
    "conftest",
    [
        "import pytest\n@pytest.fixture(autouse=True)\ndef mine(): yield",
        "def pytest_runtest_setup(item): pass",
    ],
    ids=["autouse fixture", "hook that may skip"],
)
def test_nothing_is_begun_early_where_others_have_a_say(
    pytester: pytest.Pytester, session: Session, conftest: str
) -> None:
    pytester.makepyfile(ASKS)
    pytester.makeconftest(conftest)
    with ModelServer(answer="A", latency=0.05) as server:
        session("-k", "row-1", model=f"openai/served-model@{server.url}").assert_outcomes(passed=3, deselected=9)
    assert count_overlap(read_records(pytester)) == 1


def test_a_case_that_is_skipped_is_not_asked_before(pytester: pytest.Pytester, session: Session) -> None:
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.lleval
        async def test_first(model):
            await model("first")

        @pytest.mark.skipif("True", reason="not here")
        @pytest.mark.lleval
        async def test_skipped(model):
            await model("skipped")

        @pytest.mark.lleval
        class TestClass:
            async def test_method(self, model):
                assert (await model("method")).text == "A"
        """
    )
    with ModelServer(answer="A") as server:
        session(model=f"openai/served-model@{server.url}").assert_outcomes(passed=2, skipped=1)
        assert not [request for request in server.posts if request.question == "skipped"]


def test_fixtures_of_the_project_under_our_names_are_the_projects(pytester: pytest.Pytester, session: Session) -> None:
    pytester.makepyfile(
        """
        import pytest

        @pytest.fixture
        def model():
            return "mine"

        @pytest.mark.lleval(dataset=["a", "b", "c"])
        async def test_it(model, sample):
            assert model == "mine"
        """
    )
    session().assert_outcomes(passed=3)
    assert {raw["model"] for raw in read_records(pytester)} == {"own code"}


def test_what_a_body_raises_is_its_own(pytester: pytest.Pytester, session: Session) -> None:
    pytester.makepyfile(
        """
        import sys
        import pytest

        @pytest.mark.lleval(dataset=["right", "wrong", "fail", "skip", "error", "exit", "after"])
        async def test_it(input):
            if input == "fail":
                pytest.fail("no good")
            if input == "skip":
                pytest.skip("not today")
            if input == "error":
                {}["missing"]
            if input == "exit":
                sys.exit(3)
            assert input != "wrong"
        """
    )
    result = session("-rA")
    result.assert_outcomes(passed=2, failed=2, skipped=1, errors=2)
    found = {raw["sample"]: raw for raw in read_records(pytester)}
    assert {name: raw["outcome"] for name, raw in found.items()} == {
        "row-0": "scored",
        "row-1": "scored",
        "row-2": "scored",
        "row-4": "unscored",
        "row-5": "unscored",
        "row-6": "scored",
    }
    result.stdout.fnmatch_lines(['>*assert input != "wrong"', "E*AssertionError: assert 'wrong' != 'wrong'"])


def test_x_ends_what_was_begun(pytester: pytest.Pytester, session: Session) -> None:
    pytester.makepyfile(
        """
        import asyncio
        import pytest

        @pytest.mark.lleval(dataset=[0, 60, 60], gate=None)
        async def test_it(sample):
            await asyncio.sleep(0.1)
            assert sample.input
            await asyncio.sleep(60)
        """.replace("[0, 60, 60]", '[{"input": ""}, {"input": "60"}, {"input": "60"}]')
    )
    begun = time.monotonic()
    session("-x").assert_outcomes(failed=1)
    assert time.monotonic() - begun < 20
    assert len(read_records(pytester)) == 1


def test_a_case_takes_its_own_time_whoever_waits(pytester: pytest.Pytester, session: Session) -> None:
    pytester.makepyfile(
        """
        import asyncio
        import pytest

        @pytest.mark.lleval(dataset=["a", "b", "c"])
        async def test_it(sample):
            await asyncio.sleep(0.5)
        """
    )
    result = session("--durations=3")
    result.assert_outcomes(passed=3)
    assert result.stdout.str().count("0.50s call") + result.stdout.str().count("0.51s call") == 3


PLUGGED = """
import asyncio
import pytest

@pytest.fixture
def anyio_backend():
    return "asyncio"

@MARK
@pytest.mark.lleval(dataset=["a", "b"])
async def test_plugged(model, sample, grade):
    assert (await model(sample.input)).text == "A"
    await asyncio.sleep(0)

@pytest.mark.lleval(dataset=["c", "d"])
async def test_ours(model, sample):
    assert (await model(sample.input)).text == "A"

@pytest.mark.lleval(dataset=["e"])
def test_sync(model, sample):
    assert model(sample.input).text == "A"
"""


@pytest.mark.parametrize(
    ("mark", "plugins", "words"),
    [
        ("pytest.mark.anyio", ("anyio",), []),
        ("pytest.mark.lleval", ("anyio",), ["-oanyio_mode=auto"]),
        ("pytest.mark.asyncio", ("asyncio",), []),
        ("pytest.mark.lleval", ("asyncio",), ["-oasyncio_mode=auto"]),
        ("pytest.mark.asyncio", ("asyncio", "anyio"), []),
    ],
)
def test_plugins_for_async_tests_may_take_cases_over(
    pytester: pytest.Pytester, session: Session, mark: str, plugins: tuple[str, ...], words: list[str]
) -> None:
    if "asyncio" in plugins and importlib.util.find_spec("pytest_asyncio") is None:
        pytest.skip("needs pytest-asyncio")
    pytester.makepyfile(PLUGGED.replace("MARK", mark))
    if "asyncio" in plugins:
        # older releases warn where it is not chosen
        words = [*words, "-oasyncio_default_fixture_loop_scope=function"]
    session(*words, "-Wdefault", plugins=plugins).assert_outcomes(passed=5)
    records = read_records(pytester)
    assert len(records) == 5
    assert all(raw["completion"] for raw in records)


def test_a_case_on_trio_is_one_clear_error(pytester: pytest.Pytester, session: Session) -> None:
    pytest.importorskip("trio")
    pytester.makepyfile(PLUGGED.replace('return "asyncio"', 'return "trio"').replace("MARK", "pytest.mark.anyio"))
    result = session("-k", "plugged", plugins=("anyio",))
    result.assert_outcomes(errors=2)
    result.stdout.fnmatch_lines(["*runs on trio, and models are awaited on asyncio*"])
