import json
import shutil
from pathlib import Path

import pytest
from run_parts import make_record, write_run

from pytest_lleval.cli.main import main
from pytest_lleval.execution.rundir import JOURNAL, REPORT


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run with its report, the newest of the current folder."""
    monkeypatch.chdir(tmp_path)
    run = write_run(tmp_path / ".lleval" / "runs" / "20260101-000000-0000", [make_record("a"), make_record("b", 0.0)])
    assert main(["report"]) == 0
    return run


def test_the_newest_run_is_verified_by_default(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify"]) == main(["verify", run.name]) == main(["verify", str(run / REPORT)]) == 0
    assert capsys.readouterr().out.count("the journal gives the same report") == 3


def test_a_report_away_from_its_run_is_checked_against_its_digest_alone(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copy(run / REPORT, tmp_path / "sent.json")
    assert main(["verify", "sent.json"]) == 0
    assert "its run is not beside it" in capsys.readouterr().out


def test_a_changed_number_is_found(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = json.loads((run / REPORT).read_text(encoding="utf-8"))
    report["suites"][0]["scored"] = 3
    (run / REPORT).write_text(json.dumps(report), encoding="utf-8")
    assert main(["verify"]) == 1
    assert "does NOT match its digest" in capsys.readouterr().out


def test_a_report_that_its_journal_does_not_give_is_found(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    journal = run / JOURNAL
    journal.write_bytes(journal.read_bytes().splitlines(keepends=True)[0])
    assert main(["verify"]) == 1
    assert "the journal gives ANOTHER report" in capsys.readouterr().out


def test_a_journal_that_was_changed_is_named_by_its_line(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    journal = run / JOURNAL
    journal.write_bytes(journal.read_bytes().replace(b'"value":0.0', b'"value":1.0'))
    assert main(["verify"]) == 4
    assert "samples.jsonl:2: the chain of digests breaks here" in capsys.readouterr().err


@pytest.mark.parametrize(("text", "message"), [("{", "is no JSON"), ("[]", "is no report"), ("{}", "is no report")])
def test_what_is_no_report_is_refused(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, message: str
) -> None:
    (tmp_path / "other.json").write_text(text, encoding="utf-8")
    assert main(["verify", "other.json"]) == 4
    assert message in capsys.readouterr().err


def test_a_run_that_is_not_there_is_named(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", "nosuch"]) == 4
    assert "lleval verify: 'nosuch' is no run" in capsys.readouterr().err
