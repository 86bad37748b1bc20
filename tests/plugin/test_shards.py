"""A run divided over sessions that know nothing of each other, put together again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from rundirs import find_runs, read_records
from serving import ModelServer

from pytest_lleval.cli.main import main
from pytest_lleval.execution.rundir import read_manifest

from .conftest import Run

#: answers by what it is asked, rightly in some cases
CLEVER = """
from pytest_lleval.core.records import Completion, Request

def answer(request: Request) -> Completion:
    text = request.messages[-1].content
    return Completion(text="ABCD"[sum(map(ord, text)) % 4], model="clever")
"""
MODEL = "callable/clever:answer"
#: of the traffic, what is no time
COUNTED = ("requests", "retried", "input_tokens", "output_tokens", "without_usage", "cache_hits")


@pytest.fixture(autouse=True)
def clever(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(clever=CLEVER)


def run_shards(run: Run, count: int, *words: str, model: str = MODEL) -> list[str]:
    """Run every shard; return the names of their directories."""
    for index in range(1, count + 1):
        result = run(f"--lleval-shard={index}/{count}", f"--lleval-run-dir=s{index}", *words, model=model)
        assert result.ret == 0, result.outlines
        result.stdout.fnmatch_lines([f"lleval: shard {index}/{count}"])
    return [f"s{index}" for index in range(1, count + 1)]


def read_report(run: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((run / "report.json").read_text(encoding="utf-8"))
    return found


def read_numbers(run: Path) -> list[dict[str, Any]]:
    """Return all numbers of a report that do not depend on clocks."""
    suites: list[dict[str, Any]] = read_report(run)["suites"]
    return [{**suite, "traffic": {name: suite["traffic"][name] for name in COUNTED}} for suite in suites]


def read_answers(run: Path) -> dict[tuple[str, int], tuple[str, float]]:
    return {
        (record["case"], record["epoch"]): (record["completion"]["text"], record["scores"][0]["value"])
        for record in read_records(run)
    }


def test_shards_put_together_give_the_report_of_one_session(
    pytester: pytest.Pytester, run: Run, workers: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    gates = ["--lleval-gate=point>=0.1", "--lleval-gate=letters/red:accuracy<=0.99", "--lleval-gate=accuracy>=0.9"]
    words = [*workers, *gates, "--lleval-epochs=2", "--lleval-temperature=0.7"]
    run(*words, "--lleval-run-dir=whole", model=MODEL)
    names = run_shards(run, 3, *words)
    capsys.readouterr()
    assert main(["merge", *names, "--output", "m"]) == 1
    assert "of 3 gates do not pass" in capsys.readouterr().out
    whole, merged = pytester.path / "whole", pytester.path / "m"
    assert read_answers(merged) == read_answers(whole)
    assert len(read_answers(merged)) == 24
    assert read_numbers(merged) == read_numbers(whole)
    both = [read_report(path) for path in (whole, merged)]
    for name in ("gates", "datasets", "part", "acknowledged", "trustworthy"):
        one, other = (report[name] for report in both)
        if name == "datasets":
            other = [{key: value for key, value in suite.items() if key != "whole"} for suite in other]
        assert one == other, name
    states = [[(factor["factor"], factor["state"]) for factor in report["factors"]] for report in both]
    assert states[0] == states[1]
    assert {gate["answer"] for gate in both[1]["gates"]} == {"pass", "fail"}


def test_models_and_epochs_of_a_sample_stay_together(pytester: pytest.Pytester, run: Run, workers: list[str]) -> None:
    words = [*workers, "--lleval-model=mock/fixed:B", "--lleval-epochs=2", "--lleval-temperature=1"]
    names = run_shards(run, 5, *words)
    seen: set[str] = set()
    for name in names:
        records = read_records(pytester.path / name)
        samples = {record["sample"] for record in records}
        assert len(records) == 4 * len(samples)
        assert not samples & seen
        assert len(samples) in (2, 3)
        seen |= samples
    assert len(seen) == 12


def test_limit_and_ids_choose_before_shards_are_dealt(pytester: pytest.Pytester, run: Run) -> None:
    names = run_shards(run, 2, "--lleval-limit=6", "--lleval-sample-id=*/[012]")
    taken = [record["sample"] for name in names for record in read_records(pytester.path / name)]
    run("--lleval-limit=6", "--lleval-sample-id=*/[012]", "--lleval-run-dir=whole", model=MODEL)
    assert sorted(taken) == sorted(record["sample"] for record in read_records(pytester.path / "whole"))
    assert len(taken) == 6
    # red, green and blue in each
    assert all(len({r["group"] for r in read_records(pytester.path / name)}) == 3 for name in names)


def test_gates_of_a_shard_are_unmeasured_and_do_not_fail_its_job(
    pytester: pytest.Pytester, run: Run, workers: list[str]
) -> None:
    result = run(*workers, "--lleval-shard=2/3", "--lleval-gate=accuracy>=0.99", "--junitxml=out.xml", model=MODEL)
    assert result.ret == 0
    result.stdout.fnmatch_lines(
        [
            "suite    letters on callable/clever:answer (shard 2/3)",
            "gate     UNMEASURED  accuracy>=0.99",
            "         shard 2/3 of a run: 4 of the 12 samples that were chosen; a gate needs the whole: *",
        ]
    )
    (suite,) = ET.parse(pytester.path / "out.xml").getroot().iter("testsuite")
    assert [suite.get(name) for name in ("tests", "errors", "failures", "skipped")] == ["5", "0", "0", "1"]
    # who asks for a verdict hears that there is none
    assert main(["gate", find_runs(pytester.path)[0].name]) == 1


def test_a_shard_that_could_not_be_scored_fails_whatever_its_gates(run: Run, pytester: pytest.Pytester) -> None:
    pytester.makepyfile(broken="def answer(request): raise ValueError(request)")
    assert run("--lleval-shard=1/3", "--lleval-gate=accuracy>=0.1", model="callable/broken:answer").ret != 0


def test_more_shards_than_samples_make_runs_that_ask_nobody_and_merge(
    pytester: pytest.Pytester, run: Run, workers: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with ModelServer(answer="A") as server:
        model = f"openai/served-model@{server.url}"
        names = run_shards(run, 3, *workers, "--lleval-limit=2", model=model)
        counts = [len(read_records(pytester.path / name)) for name in names if (pytester.path / name).is_dir()]
        assert sorted(counts) == [0, 1, 1]
        asked = len(server.posts)
        (empty,) = (name for name in names if not read_records(pytester.path / name))
        result = run(f"--lleval-shard={empty[1:]}/3", *workers, "--lleval-limit=2", model=model)
        assert (result.ret, len(server.posts)) == (0, asked)
    result.stdout.fnmatch_lines(["*none of the 2 samples that were chosen, there are more shards than samples*"])
    assert main(["merge", *names, "--output", "m"]) == 0
    assert "3 runs, 3 of 3 shards" in capsys.readouterr().out


@pytest.mark.parametrize("shard", ["0/3", "4/3", "a/b", "3"])
def test_what_is_no_shard_is_refused_before_anything_is_asked(pytester: pytest.Pytester, run: Run, shard: str) -> None:
    result = run(f"--lleval-shard={shard}")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: --lleval-shard: '{shard}' is no shard; write I/N with I from 1 to N*"])
    assert find_runs(pytester.path) == []


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--lleval-stop=decided", "--lleval-gate=accuracy>=0.5"], "*no gate is decided by a part of the samples*"),
        (["--lleval-matrix=256"], "*is about suites, a size matrix is measured whole*"),
        (["--lleval-save-baseline=main.json"], "*a part of the samples is no baseline*"),
    ],
)
def test_what_a_part_cannot_be_asked_for_is_refused(run: Run, words: list[str], message: str) -> None:
    result = run("--lleval-shard=1/2", *words)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([message])


def test_one_of_one_is_a_whole_run(pytester: pytest.Pytester, run: Run) -> None:
    result = run("--lleval-shard=1/1", "--lleval-gate=point>=0.1")
    result.assert_outcomes(passed=12)
    result.stdout.no_fnmatch_line("*shard*")
    (path,) = find_runs(pytester.path)
    assert read_manifest(path)["settings"]["shard"] is None
    assert [gate["answer"] for gate in read_report(path)["gates"]] == ["pass"]


def test_the_ini_file_may_name_the_shard(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makeini("[pytest]\nlleval_shard = 2/3\n")
    run(model=MODEL).assert_outcomes(passed=4)


def test_a_run_goes_on_as_the_shard_it_was(pytester: pytest.Pytester, run: Run) -> None:
    run("--lleval-shard=2/3", "-k", "red", model=MODEL)
    (path,) = find_runs(pytester.path)
    before = len(read_records(path))
    assert before == 1
    for words in (["--lleval-shard=1/3"], ["--lleval-suite=letters.py", f"--lleval-model={MODEL}"]):
        result = run("--lleval-resume", *words, suite="", model=None)
        assert result.ret == pytest.ExitCode.USAGE_ERROR
        result.stderr.fnmatch_lines(["*--lleval-resume: * is shard 2/3 of its suites, this session takes *"])
    assert run("--lleval-resume", suite="", model=None).ret == 0
    assert len(read_records(path)) == 4


def test_a_whole_run_does_not_go_on_as_a_shard(run: Run) -> None:
    run(model=MODEL)
    result = run("--lleval-resume", "--lleval-shard=1/3", suite="", model=None)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*is the whole of its suites, this session takes shard 1/3; leave --lleval-shard out"])


def test_what_is_missing_of_a_run_that_was_put_together_can_be_asked(
    pytester: pytest.Pytester, run: Run, workers: list[str]
) -> None:
    names = run_shards(run, 3, *workers, "--lleval-gate=point>=0.1")
    assert main(["merge", names[0], names[2], "--output", "m"]) == 1
    result = run("--lleval-resume=m", *workers, suite="", model=None)
    assert result.ret == 0
    result.stdout.fnmatch_lines(["gate     pass *"])
    report = read_report(pytester.path / "m")
    assert (report["part"], report["suites"][0]["scored"]) == (None, 12)
    assert len(read_records(pytester.path / "m")) == 12


def test_a_dry_run_counts_the_shard(run: Run, pytester: pytest.Pytester) -> None:
    result = run("--lleval-shard=2/3", "--lleval-dry-run")
    result.stdout.fnmatch_lines(
        ["mock/fixed:A: 4 cases, 4 requests, *", "shard 2/3: 4 of the 12 samples that were chosen"]
    )
    assert run("--lleval-shard=30/30", "--lleval-dry-run").ret == 0
    assert find_runs(pytester.path) == []


def test_collecting_lists_the_shard(run: Run) -> None:
    result = run("--lleval-shard=2/3", "--collect-only", "-q")
    assert len([line for line in result.outlines if line.startswith("letters::")]) == 4


MOODY = """
from pathlib import Path

def answer(prompt):
    if Path("down").exists() and "red" in prompt:
        raise ValueError("down")
    return "A"
"""


def test_last_failed_asks_again_what_failed_of_the_shard_and_both_runs_merge(
    pytester: pytest.Pytester, run: Run
) -> None:
    pytester.makepyfile(moody=MOODY)
    (pytester.path / "down").touch()
    model = "callable/moody:answer"
    failed = run("--lleval-shard=2/3", "--lleval-run-dir=s2", model=model)
    failed.assert_outcomes(passed=3, errors=1)
    assert failed.ret == pytest.ExitCode.TESTS_FAILED
    (pytester.path / "down").unlink()
    run("--lleval-shard=2/3", "--lf", "--lleval-run-dir=again", model=model).assert_outcomes(passed=1)
    for index in (1, 3):
        run(f"--lleval-shard={index}/3", f"--lleval-run-dir=s{index}", model=model)
    assert main(["merge", "s1", "s2", "s3", "--output", "lacking"]) == 1
    assert main(["merge", "s1", "s2", "s3", "again", "--output", "m"]) == 0
    assert read_report(pytester.path / "m")["suites"][0]["scored"] == 12


def test_a_case_of_another_shard_is_not_found(run: Run) -> None:
    known = {line for line in run("--lleval-shard=2/3", "--collect-only", "-q").outlines if line.startswith("letters")}
    every = {line for line in run("--collect-only", "-q").outlines if line.startswith("letters")}
    assert run(min(known), "--lleval-shard=2/3").ret == 0
    result = run(min(every - known), "--lleval-shard=2/3")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*names no case of this run, which is shard 2/3*"])


EVAL = """
import pytest

@pytest.mark.lleval(dataset=[{"id": "a", "input": "x"}], model="mock/fixed:A")
def test_case(sample, model):
    assert model(sample.input).text == "A"

def test_plain():
    pass
"""


def test_eval_cases_of_tests_are_not_divided_and_refused(
    pytester: pytest.Pytester, run: Run, workers: list[str]
) -> None:
    pytester.makepyfile(test_eval=EVAL)
    result = run("test_eval.py", "--lleval-shard=1/2", *workers)
    assert result.ret not in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED)
    result.stdout.fnmatch_lines(["*--lleval-shard=1/2 divides suites and no tests, all of whose eval cases*"])


def test_a_shard_of_no_suite_is_refused(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(test_eval=EVAL)
    result = run("test_eval.py", "--lleval-shard=1/2", suite="", model=None)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*--lleval-shard is about suites, and there is none: name one by --lleval-suite=NAME"])
