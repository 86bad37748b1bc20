import gzip
import io
import json
import sys
from pathlib import Path

import pytest
from run_parts import MOCK, describe_suite, make_completion, make_identity, make_record, write_run

from pytest_lleval.cli.main import main
from pytest_lleval.execution.rundir import JOURNAL, REPORT


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder of the command."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def run(folder: Path) -> Path:
    records = [make_record("a", 1.0), make_record("b", 0.0), make_record("c", None)]
    return write_run(folder / ".lleval" / "runs" / "20260101-000000-0000", records)


def test_a_report_is_computed_again_from_the_journal(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report"]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert "accuracy                 0.500  [0.095, 0.905]  Wilson" in printed
    assert "scored   2, unscored 1 (error 1)" in printed
    assert json.loads((run / REPORT).read_text(encoding="utf-8"))["suites"][0]["scored"] == 2


def test_the_machine_readable_report_is_the_one_that_is_kept(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", run.name, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == json.loads((run / REPORT).read_text(encoding="utf-8"))


def test_a_number_of_a_mock_comes_with_its_disclosure(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    record = make_record("a", model=MOCK.spec, completion=make_completion(model="fixed:A", fingerprint=None))
    write_run(folder / "mocked", [record], identities=[MOCK])
    assert main(["report", "mocked"]) == 0
    printed = capsys.readouterr().out
    assert "accuracy                 1.000" in printed
    assert "F3 backend      flagged    a mock answers" in printed


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["report"], "ERROR: lleval report: there is no run in "),
        (["report", "nosuch"], "ERROR: lleval report: 'nosuch' is no run; looked for manifest.json in "),
        (["fetch", "mmul"], "no suite is called 'mmul'; did you mean 'mmlu'?"),
        (["fetch", "local/smollm"], "ERROR: "),
    ],
)
def test_what_cannot_be_done_is_one_line_and_exit_status_4(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 4
    captured = capsys.readouterr()
    assert message in captured.err
    assert len(captured.err.splitlines()) == 1
    assert captured.out == ""


def test_a_broken_journal_is_named_by_file_and_line(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = run / JOURNAL
    path.write_text("{}\n" + path.read_text(encoding="utf-8"), encoding="utf-8")
    assert main(["report"]) == 4
    assert f"{path}:1: not a record" in capsys.readouterr().err


def test_no_command_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main([])
    assert caught.value.code == 2
    assert "COMMAND" in capsys.readouterr().err


def test_suites_are_listed_with_their_parameters_and_the_built_in_models(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["suites"]) == 0
    printed = capsys.readouterr().out
    assert "mmlu         MMLU: " in printed
    assert "num_fewshot: int = 0" in printed
    assert "gsm8k" in printed
    assert "built-in models: local/smollm2-135m" in printed


def test_fetch_says_what_is_there(data_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fetch", "mmlu"]) == 0
    assert "mmlu: 14,042 samples, edition full (14,042), from " in capsys.readouterr().out


def test_the_problems_of_humaneval_are_fetched_and_said_to_have_no_suite(
    data_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["fetch", "humaneval"]) == 0
    place, _, rest = capsys.readouterr().out.removeprefix("humaneval: ").partition(" (")
    assert rest == "data only: there is no suite for it yet)\n"
    with gzip.open(place, "rt", encoding="utf-8") as stream:
        assert sum("canonical_solution" in json.loads(line) for line in stream) == 164


def test_letters_the_terminal_does_not_have_are_spelled_out(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    evil = "漢\ud800\x1b[2J"
    records = [make_record("a", group=evil), make_record("b", group="y")]
    write_run(folder / "run", records, identities=[make_identity(server=evil)], suites=[describe_suite(origin=evil)])
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", stream)
    assert main(["report", "run"]) == 0
    stream.flush()
    assert rb"origin   \u6f22\ud800\x1b[2J" in stream.buffer.getvalue()
