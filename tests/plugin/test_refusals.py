"""What cannot be done as typed is one clear error before anything is asked."""

import pytest
from rundirs import find_runs
from serving import Fault, ModelServer

from .conftest import Run


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--lleval-suite=mmul"], "*--lleval-suite: no suite is called 'mmul'; did you mean 'mmlu'?*"),
        (["--lleval-arg=shots=5"], "*--lleval-arg: no parameter of * is called 'shots'*"),
        (["--lleval-arg=shots"], "*--lleval-arg: 'shots' is not of the form NAME=VALUE*"),
        (["--lleval-model=opneai/x"], "*--lleval-model: no provider is called 'opneai'; did you mean 'openai'*"),
        (["--lleval-model=gpt-4o"], "*--lleval-model: 'gpt-4o' is not PROVIDER/MODEL*"),
        (["--lleval-limit=0"], "*--lleval-limit: '0' is neither a number of samples*"),
        (["--lleval-limit=50-60"], "*--lleval-limit*"),
        (["--lleval-epochs=none"], "*--lleval-epochs: 'none' is not a whole number of at least 1*"),
        (["--lleval-epochs=0"], "*--lleval-epochs: '0' is not a whole number of at least 1*"),
        (["--lleval-seed=x"], "*--lleval-seed: 'x' is not a whole number*"),
        (["--lleval-temperature=3"], "*--lleval-temperature: '3' is not a number from 0 to 2*"),
        (["--lleval-temperature=nan"], "*--lleval-temperature: 'nan' is not a number from 0 to 2*"),
        (["--lleval-sample-id=pink/*"], "*--lleval-sample-id*'pink/[*]'*"),
        (["--lleval-resume=gone"], "*--lleval-resume: 'gone' is no run*"),
        (["--lleval-resume"], "*--lleval-resume: there is no run in *"),
    ],
)
@pytest.mark.parametrize("spread", [[], ["-n2"]], ids=["plain", "-n2"])
def test_a_wrong_option_is_named_with_its_value_and_a_way_out(
    pytester: pytest.Pytester, run: Run, words: list[str], message: str, spread: list[str]
) -> None:
    result = run(*words, *spread)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([message])
    assert "Traceback" not in result.stdout.str() + result.stderr.str()
    assert not find_runs(pytester.path)


def test_a_dead_server_stops_the_session_once(pytester: pytest.Pytester, run: Run, workers: list[str]) -> None:
    result = run(*workers, model="openai/any@http://127.0.0.1:9/v1")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: openai/any@http://127.0.0.1:9/v1: *http://127.0.0.1:9/v1*"])
    assert result.stderr.str().count("ERROR") == 1
    assert not find_runs(pytester.path)


def test_a_wrong_key_is_said_and_not_shown(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-hunter2-hunter2")
    fault = Fault(status=401, message="Incorrect API key provided: sk-hunter2-hunter2")
    with ModelServer(answer="A", faults=lambda seen: fault) as server:
        result = run(model=f"openai/any@{server.url}")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*OPENAI_API_KEY*"])
    assert "hunter2" not in result.stdout.str() + result.stderr.str()


def test_a_missing_key_is_named(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    result = run(model="openai/gpt-4o-mini")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*OPENAI_API_KEY*"])


def test_a_model_the_server_does_not_have_is_named_with_those_it_has(run: Run) -> None:
    fault = Fault(status=404, message="The model `served-modle` does not exist")
    with ModelServer(model="served-model", faults=lambda seen: fault if seen.method == "POST" else None) as server:
        result = run(model=f"openai/served-modle@{server.url}")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*served-modle*did you mean 'served-model'?*"])


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ('{"input": "q", "target": "A"}\n{"input": \n', "*rows.jsonl:2: *"),
        ('{"question": "q"}\n', "*rows.jsonl:1: *input*"),
        ("", "*rows.jsonl*"),
        ('{"id": "a", "input": "q"}\n{"id": "a", "input": "r"}\n', "*'a'*"),
    ],
    ids=["broken JSON", "missing column", "no rows", "one id twice"],
)
def test_a_broken_dataset_is_named_by_file_and_row(
    pytester: pytest.Pytester, run: Run, rows: str, message: str, workers: list[str]
) -> None:
    (pytester.path / "rows.jsonl").write_text(rows)
    pytester.makepyfile(
        mine="""
        from pytest_lleval import Suite, exact
        mine = Suite(name="mine", version="1", dataset="rows.jsonl", scorers=[exact()])
        """
    )
    result = run(*workers, suite="mine.py")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([message])
    assert not find_runs(pytester.path)


def test_a_suite_file_that_fails_is_named(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(mine="1 / 0")
    result = run(suite="mine.py")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*mine.py*ZeroDivisionError*"])


def test_a_secret_in_a_model_table_is_refused(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyprojecttoml('[tool.pytest_lleval.models.mine]\nmodel = "openai/x"\napi_key = "sk-hunter2"\n')
    result = run(model="mine")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*api_key looks like a secret*"])
    assert "hunter2" not in result.stderr.str()


def test_a_worker_with_another_dataset_is_refused_before_anything_is_asked(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(
        mine="""
        import os
        from pytest_lleval import Sample, Suite, exact
        target = os.environ.get("PYTEST_XDIST_WORKER", "controller")
        mine = Suite(name="mine", version="1", dataset=[Sample(id="1", input="q", target=target)], scorers=[exact()])
        """
    )
    with ModelServer(answer="A") as server:
        result = run("-n2", suite="mine.py", model=f"openai/served-model@{server.url}")
        probes = len(server.posts)
    assert result.ret not in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED)
    result.stdout.fnmatch_lines(["*suite 'mine': this worker has another dataset (digest *"])
    assert probes == 2
