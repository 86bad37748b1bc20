import json
from dataclasses import asdict
from pathlib import Path

import pytest
from old_runs import make_answers, write_old_run

from pytest_lleval.cli.main import main
from pytest_lleval.reports.view import load_view


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder of the command."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_gates_of_the_run_are_judged_again_by_default(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = write_old_run(folder / "run", make_answers("A" * 40), gates=["accuracy>=0.5", "accuracy>=0.999"])
    assert main(["gate", "run"]) == 1
    printed = capsys.readouterr().out
    assert "gate     pass        accuracy>=0.5\n" in printed
    assert "gate     UNDECIDED   accuracy>=0.999\n" in printed
    assert "gates    2: 1 pass, 0 fail, 1 undecided, 0 unmeasured\n" in printed
    assert main(["gate", "run", "--json"]) == 1
    answers = json.loads(capsys.readouterr().out)["gates"]
    assert answers == json.loads(json.dumps([asdict(found) for found in load_view(run).gates]))


@pytest.mark.parametrize(
    ("answers", "status", "word"),
    [("A" * 40, 0, "pass  "), ("B" * 40, 1, "FAIL  "), ("AB" * 5, 1, "UNDECIDED"), ("", 1, "UNMEASURED")],
)
def test_only_a_pass_is_status_0_and_the_others_are_told_apart(
    folder: Path, capsys: pytest.CaptureFixture[str], answers: str, status: int, word: str
) -> None:
    write_old_run(folder / "run", make_answers(answers))
    assert main(["gate", "run", "--gate", "accuracy>=0.5"]) == status
    assert f"gate     {word}" in capsys.readouterr().out


def test_gates_on_the_command_line_take_the_place_of_the_runs(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_old_run(folder / "run", make_answers("A" * 40), gates=["accuracy<=0.1"])
    assert main(["gate", "run", "--gate", "s:accuracy>=0.5"]) == 0
    assert "accuracy<=0.1" not in capsys.readouterr().out


def test_a_run_is_compared_with_another_one_by_its_samples(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_old_run(folder / "old", make_answers("A" * 60))
    write_old_run(folder / "new", make_answers("A" * 30 + "B" * 30))
    words = ["gate", "new", "--compare-fail", "accuracy:2%", "--baseline", "old"]
    assert main(words) == 1
    printed = capsys.readouterr().out
    assert "gate     FAIL        accuracy:2%" in printed
    assert "30 fell and 0 rose" in printed
    assert f"baseline {folder / 'old'}" in printed


def test_another_baseline_serves_the_runs_own_comparisons(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old = write_old_run(folder / "old", make_answers("A" * 60))
    write_old_run(folder / "older", make_answers("B" * 60))
    write_old_run(folder / "new", make_answers("B" * 60), comparisons=["accuracy:0.1"], baseline=old)
    assert main(["gate", "new"]) == 1
    assert main(["gate", "new", "--baseline", "older"]) == 0
    assert capsys.readouterr().out.count("gate     pass ") == 1


def test_answers_without_a_score_may_be_allowed_afterwards(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lost = {"outcome": "unscored", "cause": "error", "error": "gone", "scores": (), "completion": None}
    records = [*make_answers("A" * 40), *make_answers("A" * 41, **lost)[40:]]
    write_old_run(folder / "run", records, gates=["accuracy>=0.5"])
    assert main(["gate", "run"]) == 1
    assert "UNMEASURED" in capsys.readouterr().out
    assert main(["gate", "run", "--fail-on-unscored", "1"]) == 0


def test_what_makes_the_numbers_doubtful_is_said_beside_the_answers(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_old_run(folder / "run", make_answers("A" * 40))
    main(["gate", "run", "--gate", "accuracy>=0.5"])
    assert "trustworthy: no (" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "was made without gates; name some, e.g. --gate='accuracy>=0.6'"),
        (["--gate", "acuracy>=0.5"], "there is no metric 'acuracy'"),
        (["--gate", "accuracy=0.5"], "lleval gate --gate: 'accuracy=0.5' is no gate"),
        (["--gate", "t:accuracy>=0.5"], "no suite of the run is called 't'; known: s"),
        (["--gate", "s/red:accuracy>=0.5"], "no group of 's' is called 'red'"),
        (["--compare-fail", "accuracy:2%"], "has nothing to compare with; name a run or a file by --baseline"),
        (["--gate", "accuracy>=0.5", "--baseline", "run"], "no gate compares with --baseline="),
        (["--compare-fail", "accuracy:2%", "--baseline", "no"], "'no' is neither a baseline file nor a run"),
        (["--fail-on-unscored", "few"], "lleval gate --fail-on-unscored: 'few'"),
    ],
)
def test_what_cannot_be_judged_is_one_line_and_exit_status_4(
    folder: Path, capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    write_old_run(folder / "run", make_answers("AB", group="blue"))
    assert main(["gate", "run", *words]) == 4
    captured = capsys.readouterr()
    assert message in captured.err
    assert len(captured.err.splitlines()) == 1
    assert captured.out == ""


def test_a_run_that_ended_early_answers_other_gates_by_what_holds_at_any_moment(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_old_run(folder / "run", make_answers("A" * 60), gates=["accuracy>=0.3"], stop_decided=True)
    assert main(["gate", "run", "--gate", "accuracy>=0.5"]) == 0
    assert "anytime-valid" in capsys.readouterr().out
    assert main(["gate", "run", "--gate", "latency_p50<=9"]) == 4
    assert "cannot be decided sample by sample" in capsys.readouterr().err
