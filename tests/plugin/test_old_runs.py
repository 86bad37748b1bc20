"""What a session says of its run, the commands on old runs say too."""

import json
from pathlib import Path

import pytest
from rundirs import find_runs

from pytest_lleval.cli.main import main
from pytest_lleval.core.encoding import dump_record
from pytest_lleval.execution.journal import read_journal

from .conftest import Run

GATES = ["--lleval-gate=accuracy>=0.2", "--lleval-gate=letters/red:accuracy<=0.9", "--lleval-gate=latency_p50<=9"]


def read_gates(run: Path) -> list[dict[str, object]]:
    found: list[dict[str, object]] = json.loads((run / "report.json").read_text(encoding="utf-8"))["gates"]
    return found


def ask_gates(capsys: pytest.CaptureFixture[str], *words: str) -> list[dict[str, object]]:
    capsys.readouterr()
    main(["gate", *words, "--json"])
    found: list[dict[str, object]] = json.loads(capsys.readouterr().out)["gates"]
    return found


def test_gates_give_the_same_numbers_in_the_session_and_later(
    pytester: pytest.Pytester, run: Run, workers: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    run(*workers)
    (old,) = find_runs(pytester.path)
    run(*workers, *GATES, f"--lleval-baseline={old}", "--lleval-compare-fail=accuracy:0.5")
    new = find_runs(pytester.path)[-1]
    judged = read_gates(new)
    assert [found["gate"] for found in judged] == [
        "accuracy>=0.2",
        "letters/red:accuracy<=0.9",
        "latency_p50<=9",
        "accuracy:0.5",
    ]
    assert ask_gates(capsys, str(new)) == judged


def test_gates_named_later_give_what_they_would_have_given(
    pytester: pytest.Pytester, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    run()
    run(
        *GATES,
        "--lleval-baseline=.lleval/runs/" + find_runs(pytester.path)[0].name,
        "--lleval-compare-fail=accuracy:2%",
    )
    old, new = find_runs(pytester.path)
    words = [word.replace("--lleval-", "--") for word in GATES]
    later = ask_gates(capsys, new.name, *words, "--compare-fail=accuracy:2%", f"--baseline={old.name}")
    assert later == read_gates(new)


def test_the_suite_of_a_run_gives_the_scores_of_the_run_again(
    pytester: pytest.Pytester, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    run()
    (made,) = find_runs(pytester.path)
    assert main(["rescore", made.name, "--suite", "letters.py", "--save-run", "again"]) == 0
    assert "no score has changed" in capsys.readouterr().out
    again = pytester.path / "again"
    assert [dump_record(record) for record in read_journal(again)] == [
        dump_record(record) for record in read_journal(made)
    ]


def test_mmlu_by_log_probabilities_is_scored_again_from_the_journal(
    pytester: pytest.Pytester, run: Run, data_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytester.makepyfile(
        likely="""
        from pytest_lleval.core.records import Completion, Request, TokenLogprob

        def answer(request: Request) -> Completion:
            token = TokenLogprob(token="A", logprob=-0.2, top={"A": -0.2, "C": -1.2})
            return Completion(text="A", model="likely", logprobs=(token,))
        """
    )
    run("--lleval-limit=5", "--lleval-arg=method=logprobs", suite="mmlu", model="callable/likely:answer")
    (made,) = find_runs(pytester.path)
    assert main(["rescore", made.name, "--suite", "mmlu"]) == 0
    printed = capsys.readouterr().out
    assert "no score has changed" in printed
    assert main(["show", made.name, "--limit", "1", "--full"]) == 0
    assert "logprob  'A' -0.2000 among 'A' -0.2000, 'C' -1.2000" in capsys.readouterr().out
