import json
from pathlib import Path

import pytest
from old_runs import make_answers, write_old_run
from run_parts import describe_suite, make_completion, make_request

from pytest_lleval.cli.main import main
from pytest_lleval.core.records import TokenLogprob
from pytest_lleval.execution.journal import read_journal
from pytest_lleval.execution.rundir import JOURNAL

SUITE = """
from pytest_lleval import Generation, Sample, Score, Suite, suite

class Scorer:
    name = "lenient"

    def __init__(self, accepted):
        self.accepted = accepted

    def __call__(self, sample, completion):
        if completion.text == "E":
            raise ValueError("E is no letter\\x1b[2J")
        return Score(name=self.name, value=float(completion.text in self.accepted), answer=completion.text)

@suite
def s(accepted: str = "AB", logprobs: int = 0):
    return Suite(
        name="s",
        version="2",
        dataset=[Sample(id=f"q{number}", input="What is it?", target="A") for number in range(6)],
        scorers=[Scorer(accepted)],
        generation=Generation(top_logprobs=logprobs),
        parameters={"accepted": accepted},
    )
"""
LOST = {"outcome": "unscored", "cause": "refused", "error": "no", "scores": (), "completion": None}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder of the command, with a suite and a run of six samples, of which one was refused."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "suite.py").write_text(SUITE, encoding="utf-8")
    asked = {"request": make_request("What is it?")}
    records = [*make_answers("AABCC", **asked), *make_answers("A" * 6, **asked, **LOST)[5:]]
    write_old_run(tmp_path / "run", records, suites=[describe_suite(edition="inline")])
    return tmp_path


def test_answers_are_scored_by_the_suite_as_it_is_now(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rescore", "run", "--suite", "suite.py"]) == 0
    printed = capsys.readouterr().out
    row = next(line.split() for line in printed.splitlines() if line.startswith("s  "))
    assert row[:5] == ["s", "5", "0.400", "0.600", "+0.2000"]
    assert "s on openai/m: unscored refused 1\n" in printed
    assert "answers whose score changed (1 of 1)\ns::q2[m]  target A\n      old 0" in printed
    assert "scored again by version 2 of the suite" in printed
    assert "trustworthy: no (" in printed


def test_nothing_is_written_unless_a_run_is_to_be_saved(folder: Path) -> None:
    before = {
        path: path.read_bytes() for path in folder.rglob("*") if path.is_file() and "__pycache__" not in str(path)
    }
    main(["rescore", "run", "--suite", "suite.py"])
    after = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file() and "__pycache__" not in str(path)}
    assert before == after


def test_a_saved_run_is_one_that_every_command_reads(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rescore", "run", "--suite", "suite.py", "--save-run", "again"]) == 0
    assert [record.scores[0].value for record in read_journal(folder / "again") if record.scores] == [1, 1, 1, 0, 0]
    capsys.readouterr()
    assert main(["report", "again"]) == 0
    printed = capsys.readouterr().out
    assert "0.600  [" in printed
    assert (
        "A  answers      note       s: scored again by version 2 of the suite, from the answers stored in " in printed
    )
    assert main(["verify", "again"]) == 0
    assert main(["compare", "run", "again"]) == 0
    manifest = json.loads((folder / "again" / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["rescored_from"]["run"] == str(folder / "run")
    assert manifest["rescored_from"]["suites"][0]["version"] == "1"
    assert (manifest["suites"][0]["version"], manifest["suites"][0]["parameters"]) == ("2", {"accepted": "AB"})


def test_what_was_asked_and_answered_is_kept_as_it_was(folder: Path) -> None:
    main(["rescore", "run", "--suite", "suite.py", "--save-run", "again"])
    pairs = zip(read_journal(folder / "run"), read_journal(folder / "again"), strict=True)
    assert all((old.request, old.completion, old.case) == (new.request, new.completion, new.case) for old, new in pairs)


def test_a_journal_that_was_changed_is_not_scored_and_leaves_no_run(folder: Path) -> None:
    journal = folder / "run" / JOURNAL
    journal.write_bytes(journal.read_bytes().replace(b'"text":"B"', b'"text":"A"'))
    assert main(["rescore", "run", "--suite", "suite.py", "--save-run", "again"]) == 4
    assert not (folder / "again" / JOURNAL).exists()


def test_parameters_are_those_of_the_run_unless_given(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    records = make_answers("AABCC", request=make_request("What is it?"))
    # one of them is gone from the suite since
    write_old_run(folder / "strict", records, arguments={"accepted": "A", "gone": "1"})
    assert main(["rescore", "strict", "--suite", "suite.py"]) == 0
    assert "no score has changed" in capsys.readouterr().out
    assert main(["rescore", "strict", "--suite", "suite.py", "--arg", "accepted=ABC"]) == 0
    assert "(3 of 3)" in capsys.readouterr().out


def test_an_answer_whose_scorer_had_failed_is_scored(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    failed = {"outcome": "unscored", "cause": "error", "error": "scorer failed", "scores": ()}
    write_old_run(folder / "broken", make_answers("AB", request=make_request("What is it?"), **failed))
    assert main(["rescore", "broken", "--suite", "suite.py", "--save-run", "again"]) == 0
    assert [record.outcome for record in read_journal(folder / "again")] == ["scored", "scored"]
    assert "answers whose score changed (2 of 2)" in capsys.readouterr().out


def test_an_answer_whose_scorer_fails_now_is_unscored_and_exit_status_1(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_old_run(folder / "run2", make_answers("AE", request=make_request("What is it?")))
    assert main(["rescore", "run2", "--suite", "suite.py", "--save-run", "again"]) == 1
    printed = capsys.readouterr().out
    assert "1 answers that had a score have none now: their scorer failed" in printed
    assert "\x1b" not in printed
    assert [record.cause for record in read_journal(folder / "again")] == [None, "error"]


def test_another_prompt_than_the_suite_asks_now_is_disclosed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_old_run(folder / "polite", make_answers("AB", request=make_request("What is it? Please!")))
    assert main(["rescore", "polite", "--suite", "suite.py", "--save-run", "again"]) == 0
    message = "s: 2 of 2 answers are to other prompts than the suite asks now"
    assert message in capsys.readouterr().out
    main(["report", "again"])
    assert message in capsys.readouterr().out


def test_log_probabilities_are_read_from_the_journal(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--suite", "suite.py", "--arg", "logprobs=2"]
    assert main(["rescore", "run", *words]) == 4
    assert "scores log probabilities, and none of the 5 stored answers has any" in capsys.readouterr().err
    logprobs = (TokenLogprob(token="A", logprob=-0.1),)
    asked = {"request": make_request("What is it?"), "completion": make_completion(text="A", logprobs=logprobs)}
    write_old_run(folder / "likely", make_answers("AB", **asked))
    assert main(["rescore", "likely", *words]) == 0


@pytest.mark.parametrize(
    ("text", "words", "message"),
    [
        ("What is it?", ["--suite", "gsm8k"], "has no answers to 'gsm8k', it was made of 's'"),
        ("What is it?", ["--suite", "suite.py::s/red"], "names a group"),
        ("What is it?", ["--suite", "nosuch"], "no suite is called 'nosuch'"),
        ("What is it?", ["--suite", "suite.py", "--arg", "x=1"], "no parameter of s is called 'x'"),
        ("Who is it?", ["--suite", "suite.py"], "8 of 8 stored prompts do not ask what suite 's' has"),
        ("What is it?", ["--suite", "suite.py"], "2 samples of the run are not in s, edition inline, e.g. 'q6'"),
        ("What is it?", ["--suite", "suite.py", "--save-run", "run"], "'run' is there already and not empty"),
    ],
)
def test_what_cannot_be_scored_again_is_one_line_and_exit_status_4(
    folder: Path, capsys: pytest.CaptureFixture[str], text: str, words: list[str], message: str
) -> None:
    count = 8 if "samples" in message else 6
    write_old_run(folder / "old", make_answers("A" * count, request=make_request(text)), suites=[describe_suite()])
    assert main(["rescore", "old", *words]) == 4
    captured = capsys.readouterr()
    assert message.replace("8 of 8", f"{count} of {count}") in captured.err
    assert len(captured.err.splitlines()) == 1
    assert captured.out == ""
