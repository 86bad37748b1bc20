import json
from pathlib import Path
from typing import Any

import pytest
from old_runs import make_answer
from shard_runs import WHOLE, read_lines, write_shard

from pytest_lleval.cli.main import main
from pytest_lleval.core.gates import parse_threshold
from pytest_lleval.execution.merging import REPEATED_JOURNAL
from pytest_lleval.execution.rundir import MANIFEST, REPORT

NAMES = ("q0 q3 q6", "q1 q4", "q2 q5")
#: 3 of 7 are right
GATES = tuple(parse_threshold("-", text) for text in ("accuracy>=0.1", "latency_p50<=9"))
LOST = {"outcome": "unscored", "cause": "error", "error": "gone", "scores": (), "completion": None}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder of the command."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write_shards(**settings: Any) -> list[str]:
    for number, names in enumerate(NAMES, start=1):
        write_shard(Path(f"s{number}"), names, f"{number}/3", **settings)
    return ["s1", "s2", "s3"]


def read_report(run: str) -> dict:
    return json.loads((Path(run) / REPORT).read_text(encoding="utf-8"))


def test_shards_give_the_report_of_the_whole(capsys: pytest.CaptureFixture[str]) -> None:
    write_shard(Path("whole"), " ".join(WHOLE), gates=GATES)
    assert main(["report", "whole"]) == 0
    assert main(["merge", *write_shards(gates=GATES), "--output", "m"]) == 0
    assert capsys.readouterr().out.endswith("merged   3 runs, 3 of 3 shards\n")
    whole, merged = read_report("whole"), read_report("m")
    assert {gate["answer"] for gate in merged["gates"]} == {"pass"}
    same = ("suites", "models", "gates", "part", "acknowledged", "baseline")
    assert {name: merged[name] for name in same} == {name: whole[name] for name in same}


def test_commands_on_old_runs_take_a_run_that_was_put_together(capsys: pytest.CaptureFixture[str]) -> None:
    write_shard(Path("whole"), " ".join(WHOLE))
    assert main(["merge", *write_shards(), "--output", "m"]) == 0
    assert main(["verify", "m"]) == 0
    assert main(["gate", "m", "--gate=accuracy>=0.1"]) == 0
    assert main(["gate", "m", "--gate=accuracy>=0.9"]) == 1
    capsys.readouterr()
    assert main(["compare", "whole", "m", "--json"]) == 0
    compared = json.loads(capsys.readouterr().out)
    assert (compared["flipped"], compared["suites"][0]["change"]["n"]) == (0, 7)
    assert main(["show", "m", "--sample", "q4"]) == 0
    assert "of shard 2/3" in capsys.readouterr().out


def test_a_missing_shard_is_said_and_fails(capsys: pytest.CaptureFixture[str]) -> None:
    write_shards(gates=GATES)
    assert main(["merge", "s1", "s3", "--output", "m"]) == 1
    printed = capsys.readouterr().out.splitlines()
    assert printed[-3:] == [
        "merged   2 runs, 2 of 3 shards",
        "2 of 2 gates do not pass",
        "incomplete: 2 of the 7 samples that were chosen have no record: shard 2/3 is not among the runs",
    ]
    assert {gate["answer"] for gate in read_report("m")["gates"]} == {"unmeasured"}
    # and is put in later
    assert main(["merge", "m", "s2", "--output", "all"]) == 0
    assert {gate["answer"] for gate in read_report("all")["gates"]} == {"pass"}


def test_a_shard_that_was_interrupted_is_said_and_completed_by_another_run_of_it() -> None:
    write_shards()
    suite = {"selected": 3}
    write_shard(Path("s1"), "q0", "1/3", suite=suite)
    assert main(["merge", "s1", "s2", "s3", "--output", "m"]) == 1
    assert read_report("m")["part"]["message"].endswith("no record, in runs that were interrupted")
    write_shard(Path("s1-again"), "q3 q6", "1/3", suite=suite)
    assert main(["merge", "s1", "s1-again", "s2", "s3", "--output", "all"]) == 0
    assert read_report("all")["part"] is None


def test_what_was_asked_twice_counts_once_and_is_disclosed() -> None:
    write_shards()
    again = [make_answer("q0", "B", started=9.0), make_answer("q3", WHOLE["q3"], started=9.0)]
    write_shard(Path("again"), again, "1/3", suite={"selected": 3})
    assert main(["merge", "s1", "s2", "s3", "again", "--output", "m"]) == 0
    report = read_report("m")
    assert report["suites"][0]["scored"] == 7
    told = {(found["factor"], found["severity"]): found["message"] for found in report["disclosures"]}
    assert told["A", "note"].startswith("2 answers are to what another of its runs was asked as well: the first that")
    assert told["S", "warning"] == "1 of 2 answers to what was asked in two runs are scored otherwise (first: s::q0)"
    assert [line["sample"] for line in read_lines(Path("m"), REPEATED_JOURNAL)] == ["q0", "q3"]
    assert main(["verify", "m"]) == 0


def test_unscored_answers_beyond_what_is_allowed_fail_as_they_would_have_in_a_session(
    capsys: pytest.CaptureFixture[str],
) -> None:
    runs = write_shards()
    write_shard(Path("s2"), [make_answer("q1", "A", **LOST), make_answer("q4", "A")], "2/3")
    assert main(["merge", *runs, "--output", "m"]) == 1
    assert capsys.readouterr().out.endswith("\nunmeasured: 1 of 7 answers could not be scored, allowed are 0\n")


def test_a_strict_run_fails_on_what_nobody_has_acknowledged(capsys: pytest.CaptureFixture[str]) -> None:
    found = {"factor": "D", "severity": "warning", "message": "half a dataset", "evidence": {}}
    assert main(["merge", *write_shards(strict=True, manifest={"disclosures": [found]}), "--output", "m"]) == 1
    assert "\n--lleval-strict: 1 finding is not acknowledged (D); " in capsys.readouterr().out
    acknowledged = {"D": "on purpose"}
    runs = write_shards(strict=True, manifest={"disclosures": [found]}, acknowledged=acknowledged)
    assert main(["merge", *runs, "--output", "n"]) == 0


def test_shards_without_samples_change_nothing() -> None:
    for number, names in enumerate([*WHOLE, "", ""], start=1):
        write_shard(Path(f"s{number}"), names, f"{number}/9")
    assert main(["merge", *(f"s{number}" for number in (9, 1, 2, 3, 4, 5, 6, 7, 8)), "--output", "m"]) == 0
    assert read_report("m")["suites"][0]["cases"] == 7
    assert main(["merge", "s8", "s9", "--output", "nothing"]) == 1
    assert "7 of the 7 samples" in read_report("nothing")["part"]["message"]


def test_different_experiments_are_refused_and_nothing_is_written(
    capsys: pytest.CaptureFixture[str], folder: Path
) -> None:
    write_shards()
    write_shard(Path("s2"), "q1 q4", "2/3", seed=7, temperature=0.5)
    assert main(["merge", "s1", "s2", "s3", "--output", "m"]) == 4
    printed = capsys.readouterr().err
    assert "no parts of one run (seed: was 0, is 7; temperature: was None, is 0.5)" in printed
    assert printed.count("\n") == 1
    assert not (folder / "m").exists()


def test_a_broken_run_is_refused_and_nothing_is_written(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    write_shards()
    journal = folder / "s2" / "samples.jsonl"
    journal.write_text("".join(journal.read_text().splitlines(keepends=True)[1:]))
    assert main(["merge", "s1", "s2", "s3", "--output", "m"]) == 4
    assert "the chain of digests breaks here" in capsys.readouterr().err
    assert not (folder / "m").exists()


def test_what_is_no_run_is_refused_by_name(capsys: pytest.CaptureFixture[str]) -> None:
    write_shards()
    assert main(["merge", "s1", "s4", "--output", "m"]) == 4
    assert "lleval merge: 's4' is no run" in capsys.readouterr().err


def test_a_directory_that_holds_something_is_not_written_to(capsys: pytest.CaptureFixture[str]) -> None:
    runs = write_shards()
    assert main(["merge", *runs, "--output", "s1"]) == 4
    assert "lleval merge --output: 's1' is there already and not empty" in capsys.readouterr().err
    assert main(["merge", *runs, "--output", ""]) == 4


def test_without_a_directory_the_run_is_where_those_of_sessions_are(folder: Path) -> None:
    assert main(["merge", *write_shards()]) == 0
    (run,) = (folder / ".lleval" / "runs").iterdir()
    assert (run / MANIFEST).is_file()
    assert main(["verify"]) == 0


def test_reports_are_written_in_any_form(folder: Path) -> None:
    assert main(["merge", *write_shards(), "--output", "m", "--report", "m.html", "--report", "m.md"]) == 0
    assert "gw" not in (folder / "m.md").read_text(encoding="utf-8")
    assert (folder / "m.html").stat().st_size > 1000
    assert main(["merge", "s1", "s2", "s3", "--output", "n", "--report", "m.pdf"]) == 4
