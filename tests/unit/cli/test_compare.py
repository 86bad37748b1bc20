import json
from pathlib import Path

import pytest
from old_runs import make_answers, write_old_run
from run_parts import describe_suite, make_completion, make_request

from pytest_lleval.cli.main import main
from pytest_lleval.reports.baselines import write_baseline
from pytest_lleval.reports.view import load_baseline


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder of the command, with a run in which two samples fell and one rose."""
    monkeypatch.chdir(tmp_path)
    write_old_run(tmp_path / "old", make_answers("A" * 6 + "B"))
    write_old_run(tmp_path / "new", make_answers("ABBAAAA"))
    return tmp_path


def test_means_are_compared_sample_by_sample(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", "old", "new"]) == 0
    lines = capsys.readouterr().out.splitlines()
    row = next(line.split() for line in lines if line.startswith("s  "))
    assert row[:5] == ["s", "7", "0.857", "0.714", "-0.1429"]
    assert row[-3:] == ["1.000", "2", "1"]
    assert any("trustworthy: no (" in line for line in lines)


def test_samples_whose_score_changed_are_shown_with_both_answers(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", "old", "new", "--flipped", "2"]) == 0
    printed = capsys.readouterr().out
    assert "samples whose score changed (2 of 3)" in printed
    assert "fell  s::q1  target A\n      base 1  'A'               A\n      new  0  'B'               B\n" in printed
    assert "rose" not in printed.partition("samples whose")[2]
    main(["compare", "old", "new", "--flipped", "all"])
    assert "rose  s::q6  target A" in capsys.readouterr().out
    main(["compare", "old", "new", "--flipped", "0"])
    assert "samples whose" not in capsys.readouterr().out


def test_a_baseline_file_has_the_numbers_and_no_texts(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    facts = {"created": 0, "git": None, "acknowledged": {}, "disclosures": []}
    write_baseline(folder / "main.json", load_baseline(folder / "old").results, facts)
    assert main(["compare", "main.json", "new"]) == 0
    printed = capsys.readouterr().out
    assert "-0.1429" in printed
    assert "fell  s::q1  target A\n      base 1\n      new  0  'B' " in printed


def test_runs_of_different_models_are_paired_by_sample(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    records = make_answers("A" * 7, model="openai/other", completion=make_completion(text="A", model="m-2026"))
    write_old_run(folder / "other", records, model="other")
    assert main(["compare", "old", "other"]) == 0
    printed = capsys.readouterr().out
    assert "base     " in printed
    assert "old: openai/m\n" in printed
    assert "other: openai/other\n" in printed
    assert "openai/other is compared with openai/m" in printed


def test_groups_are_compared_where_wanted_and_corrected_for_their_number(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, answers in (("a", "A" * 12), ("b", "B" * 12)):
        red = make_answers(answers, group="red")
        blue = make_answers("A" * 24, group="blue")[12:]
        write_old_run(folder / name, [*red, *blue])
    assert main(["compare", "a", "b", "--by-group", "--json"]) == 0
    groups = json.loads(capsys.readouterr().out)["suites"][0]["groups"]
    assert [(found["group"], found["fell"]) for found in groups] == [("blue", 0), ("red", 12)]
    # two groups, exact McNemar of 12 that all fell
    assert groups[1]["p"] == pytest.approx(2 * 2 * 0.5**12)
    main(["compare", "a", "b"])
    assert "group of s" not in capsys.readouterr().out


def test_what_else_is_not_the_same_is_said_under_the_table(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    records = make_answers("A" * 7, request=make_request("What else?"))
    suites = [describe_suite(version="2", digest="e" * 64)]
    write_old_run(folder / "other", records, suites=suites, system_prompt="Be brief.")
    assert main(["compare", "old", "other"]) == 0
    printed = capsys.readouterr().out.partition("not the same in both")[2]
    assert "s: another task version: it was '1', is '2'" in printed
    assert "the dataset has changed" in printed
    assert "system_prompt was None, is 'Be brief.'" in printed
    assert "7 of 7 prompts are others than in the baseline: wording" in printed


def test_times_are_compared_by_their_ratio(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", "old", "new", "--metric", "latency_p50", "--json"]) == 0
    change = json.loads(capsys.readouterr().out)["suites"][0]["change"]
    assert (change["base"], change["new"], change["difference"], change["is_relative"]) == (0.5, 0.5, 0.0, True)


def test_answers_that_command_a_terminal_are_spelled_out(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    evil = make_completion(text="\x1b[2J\x07漢\nmore")
    write_old_run(folder / "evil", make_answers("B" * 7, completion=evil))
    assert main(["compare", "old", "evil"]) == 0
    printed = capsys.readouterr().out
    assert r"\x1b[2J\x07漢 ..." in printed
    assert "\x1b" not in printed


def test_suites_of_another_dataset_are_not_compared(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_old_run(folder / "other", make_answers("A" * 7), suites=[describe_suite(edition="half")])
    assert main(["compare", "old", "other"]) == 4
    assert "another edition of the dataset than the base's: 'half', not 'full'" in capsys.readouterr().err


def test_a_suite_that_is_not_in_both_is_named_and_exit_status_1(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    suites = [describe_suite(), describe_suite(name="t")]
    records = [*make_answers("A" * 7), *make_answers("A" * 3, suite="t")]
    write_old_run(folder / "more", records, suites=suites)
    assert main(["compare", "old", "more"]) == 1
    assert "t on openai/m: not compared: the base has no results of it" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["old", "no"], "lleval compare B: 'no' is neither a baseline file nor a run"),
        (["old", "new", "--metric", "acuracy"], "did you mean 'accuracy'?"),
        (
            ["old", "new", "--flipped", "few"],
            "lleval compare --flipped: 'few' is neither a number such as 10 nor 'all'",
        ),
        (["old", "new", "--metric", "cost"], "no sample has cost in both runs"),
    ],
)
def test_what_cannot_be_compared_is_one_line_and_exit_status_4(
    capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    assert main(["compare", *words]) == 4
    captured = capsys.readouterr()
    assert message in captured.err
    assert len(captured.err.splitlines()) == 1
