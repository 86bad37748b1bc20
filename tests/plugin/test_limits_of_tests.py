"""Rates and budgets are those of the session: its tests on all workers and its suites share them."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from rundirs import find_runs, read_records
from serving import Fault, ModelServer, SeenRequest

from .conftest import Run

#: each file is a worker's under `--dist loadfile`
ASKING = """
import pytest

@pytest.mark.lleval(dataset=[f"word {number}" for number in range(COUNT)])
async def test_it(model, sample):
    await model(sample.input, max_tokens=1)
"""
#: what the server says that every call takes: no more than is expected of any
TOKENS = 3


def write_tests(pytester: pytest.Pytester, **counts: int) -> list[str]:
    files = {name: ASKING.replace("COUNT", str(count)) for name, count in counts.items()}
    pytester.makepyfile(**files)
    return [f"{name}.py" for name in files]


def read_limits(pytester: pytest.Pytester) -> dict[str, Any]:
    (path,) = find_runs(pytester.path)
    found: dict[str, Any] = json.loads((path / "manifest.json").read_text())["sessions"][-1]["limits"]
    return found


class Counting(ModelServer):
    """A server whose every call takes as many tokens; it notes when questions came that are no probes."""

    def __init__(self) -> None:
        super().__init__(answer="A", faults=self._note)
        self.moments: list[float] = []

    def _note(self, request: SeenRequest) -> Fault:
        if request.question.startswith("word") or request.question.endswith("?"):
            self.moments.append(time.monotonic())
        return Fault(patch={"usage": {"prompt_tokens": TOKENS - 1, "completion_tokens": 1}})

    @property
    def name(self) -> str:
        return f"openai/served-model@{self.url}"


def test_a_worker_that_asks_alone_has_the_whole_rate(pytester: pytest.Pytester, run: Run) -> None:
    files = write_tests(pytester, test_asks=9)
    pytester.makepyfile(test_idle="def test_it(): pass")
    with Counting() as server:
        words = ("-n2", "--dist=loadfile", "--lleval-rpm=240", *files, "test_idle.py")
        result = run(*words, suite="", model=server.name)
    result.assert_outcomes(passed=10)
    # eight pauses at four a second; with half of the rate, four seconds
    assert 8 / 4 - 0.2 <= server.moments[-1] - server.moments[0] < 3.2


@pytest.mark.parametrize("spread", [["-n0"], ["-n3", "--dist=loadfile"]])
def test_a_budget_is_one_for_suites_and_tests_on_all_workers(
    pytester: pytest.Pytester, run: Run, spread: list[str]
) -> None:
    files = write_tests(pytester, test_one=12, test_two=12)
    with Counting() as server:
        result = run(*spread, "--lleval-max-tokens-total=60", "--lleval-max-tokens=1", *files, model=server.name)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    limits = read_limits(pytester)
    spent = limits["input_tokens"] + limits["output_tokens"]
    assert 60 - 2 * TOKENS < spent <= 60
    assert limits["granted"] == len(server.moments) == spent / TOKENS
    assert limits["granted"] + limits["refused"] == 36
    (path,) = find_runs(pytester.path)
    assert [record["cause"] for record in read_records(path) if "cause" in record].count("budget") == limits["refused"]


def test_a_budget_in_dollars_knows_the_price_of_a_model_that_tests_name(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(
        test_it="""
        import pytest

        @pytest.mark.lleval(model="gateway", dataset=[f"word {number}" for number in range(12)])
        async def test_it(model, sample):
            await model(sample.input, max_tokens=1)
        """
    )
    with Counting() as server:
        table = f'[tool.pytest_lleval.models.gateway]\nmodel = "openai/served-model"\nbase_url = "{server.url}"\n'
        pytester.makepyprojecttoml(table + "input_price = 1e6\noutput_price = 1e6\n")
        result = run("-n2", f"--lleval-max-cost={5 * TOKENS}", "test_it.py", suite="", model=None)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    limits = read_limits(pytester)
    assert 3 * TOKENS <= limits["cost"] <= 5 * TOKENS
    assert limits["refused"] == 12 - len(server.moments) > 0


def test_a_worker_that_replaces_another_brings_no_budget_of_its_own(pytester: pytest.Pytester, run: Run) -> None:
    (file,) = write_tests(pytester, test_asks=12)
    pytester.makepyfile(test_ends="import os\n\ndef test_it(model):\n    model('word')\n    os._exit(1)\n")
    with Counting() as server:
        words = ("-n1", "--lleval-max-tokens-total=40", "test_ends.py", file)
        run(*words, suite="", model=server.name)
    limits = read_limits(pytester)
    assert limits["refused"] > 0
    assert TOKENS * len(server.moments) <= 40


def test_a_wrong_limit_ends_a_session_of_tests_before_its_workers_start(pytester: pytest.Pytester, run: Run) -> None:
    files = write_tests(pytester, test_asks=2)
    result = run("-n2", "--lleval-rpm=many", *files, suite="", model="mock/fixed:A")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*--lleval-rpm: 'many' is *"])


@pytest.mark.parametrize("words", [[], ["--lleval-rpm=1000"]])
def test_workers_get_a_line_for_calls_only_where_there_are_limits(
    pytester: pytest.Pytester, run: Run, words: list[str]
) -> None:
    pytester.makepyfile("def test_it(request):\n    print('lleval_calls' in request.config.workerinput)")
    result = run("-n1", "-rP", *words, suite="", model=None)
    result.stdout.fnmatch_lines([str(bool(words))])
