from pathlib import Path

import pytest
from old_runs import make_answer, make_answers, write_old_run
from run_parts import make_completion, make_record

from pytest_lleval.cli.main import main
from pytest_lleval.core.encoding import dump_record
from pytest_lleval.core.records import FailedAttempt, Message, Request, Score, SeedCheck, Timing, TokenLogprob, Usage
from pytest_lleval.execution.journal import Journal
from pytest_lleval.reports.fitting import measure_width

EVIL = "\x1b[2Jfirst\u202e\nscore    1 by exact"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder of the command, with a run of a right, a wrong and an unscored sample."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    records = [*make_answers("AB", flags=("F3",)), make_record("q2", None, target=("A",))]
    write_old_run(tmp_path / ".lleval" / "runs" / "20260101-000000-0000", records)
    return tmp_path


def list_names(printed: str) -> list[str]:
    return [line.split()[0] for line in printed.splitlines()[1:]]


def test_the_newest_run_is_a_table_with_a_line_for_each_sample(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show"]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines[0] == ["sample", "score", "answer", "target", "seconds", "flags"]
    assert lines[1] == ["q0", "1", "A", "A", "0.500", "F3"]
    assert lines[2] == ["q1", "0", "B", "A", "0.500", "F3"]
    assert lines[3][:2] == ["q2", "error"]


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (["--wrong"], ["q1"]),
        (["--unscored"], ["q2"]),
        (["--wrong", "--unscored"], ["q1", "q2"]),
        (["--limit", "2"], ["q0", "q1"]),
        (["--suite", "s"], ["q0", "q1", "q2"]),
    ],
)
def test_samples_are_chosen_by_what_became_of_them(
    capsys: pytest.CaptureFixture[str], words: list[str], names: list[str]
) -> None:
    assert main(["show", *words]) == 0
    assert list_names(capsys.readouterr().out) == names


@pytest.mark.parametrize("columns", ["40", "80", "200"])
def test_no_line_is_wider_than_the_terminal_or_what_the_columns_need(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], columns: str
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    long = make_answer("漢字" * 80, "B" * 300, flags=("F1", "F2", "F3", "F4", "F5"))
    write_old_run(folder / "long", [long])
    assert main(["show", "long"]) == 0
    assert max(map(measure_width, capsys.readouterr().out.splitlines())) <= max(72, int(columns))


def test_a_sample_is_shown_whole(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    messages = (Message(role="system", content="Be brief."), Message(role="user", content="Which\nletter?"))
    record = make_answer(
        "red/1",
        "B",
        group="red",
        request=Request(messages=messages),
        scores=(Score(name="exact", value=0.0, answer="B", explanation="not A"),),
        completion=make_completion(
            text="B",
            response_id="r-1",
            usage=Usage(input_tokens=1000, output_tokens=2),
            timing=Timing(queued=0.25, first_byte=0.5, total=1.5),
            logprobs=(TokenLogprob(token="B", logprob=-0.5, top={"B": -0.5, "A": -1.5}),),
        ),
        failures=(FailedAttempt(error="the server was busy", status=503, seconds=0.1, waited=1.0),),
        seed_check=SeedCheck(same_text=False, text="C"),
    )
    write_old_run(folder / "one", [record])
    assert main(["show", "one", "--sample", "red/1"]) == 0
    printed = capsys.readouterr().out
    for line in (
        "suite    s, sample red/1, group red",
        " system\n  | Be brief.\n user\n  | Which\n  | letter?",
        "attempt  1 failed: the server was busy (after 0.100 s, status 503, waited 1.000 s)",
        "answer   of m-2026, ended by stop\n  | B",
        "tokens   in 1,000, out 2, cached not reported",
        "time     1.500 s (queued 0.250 s, connect not seen, first byte 0.500 s)",
        "logprob  'B' -0.5000 among 'B' -0.5000, 'A' -1.5000",
        "target   A",
        "score    0 by exact, read 'B'\n  | not A",
        "flags    retried 1",
        "again    another text\n  | C",
    ):
        assert f"{line}\n" in printed


def test_every_epoch_of_a_sample_is_shown(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    records = [make_answer("q0", answer, epoch=epoch) for epoch, answer in ((1, "A"), (2, "B"))]
    write_old_run(folder / "twice", records, epochs=2)
    assert main(["show", "twice", "--sample", "q*"]) == 0
    printed = capsys.readouterr().out
    assert "epoch 1 of 2\n" in printed
    assert "epoch 2 of 2\n" in printed
    main(["show", "twice"])
    assert "q0 #2 " in capsys.readouterr().out


def test_texts_of_models_neither_command_the_terminal_nor_look_like_lines_of_ours(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record = make_answer("q0", "B", completion=make_completion(text=EVIL, model="\x1b[1m"))
    write_old_run(folder / "evil", [record])
    main(["show", "evil", "--sample", "q0"])
    printed = capsys.readouterr().out
    assert "  | \\x1b[2Jfirst\\u202e\n  | score    1 by exact\n" in printed
    assert not {"\x1b", "\u202e"} & set(printed)


def test_long_texts_are_cut_unless_all_is_wanted(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_old_run(folder / "long", [make_answer("q0", "B", completion=make_completion(text="x" * 3000))])
    main(["show", "long", "--sample", "q0"])
    assert "... 1,000 more characters; --full shows them" in capsys.readouterr().out
    main(["show", "long", "--wrong", "--full"])
    assert "x" * 3000 in capsys.readouterr().out


def test_of_an_epoch_that_was_asked_again_the_last_record_counts(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = folder / ".lleval" / "runs" / "20260101-000000-0000"
    manifest = run / "manifest.json"
    text = manifest.read_text(encoding="utf-8").replace('"sessions": [', '"sessions": [{"ended": 1.0, "started": 0.0},')
    manifest.write_text(text, encoding="utf-8")
    with Journal(run) as journal:
        journal.append(dump_record(make_answer("q2", "A")))
    main(["show"])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in lines[1:]] == [["q0", "1"], ["q1", "0"], ["q2", "1"]]


def test_ids_with_brackets_are_found_by_their_name(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_old_run(folder / "run", [make_answer("q[1]", "A")])
    assert main(["show", "run", "--sample", "q[1]"]) == 0
    assert "sample q[1]" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nosuch"], "lleval show: 'nosuch' is no run"),
        (["--sample", "q7"], "lleval show --sample: no sample of the run is called 'q7'; did you mean"),
        (["--suite", "t"], "lleval show --suite: no suite of the run is called 't'; known: s"),
        (["--limit", "few"], "lleval show --limit: 'few'"),
    ],
)
def test_what_cannot_be_shown_is_one_line_and_exit_status_4(
    capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    assert main(["show", *words]) == 4
    captured = capsys.readouterr()
    assert message in captured.err
    assert len(captured.err.splitlines()) == 1
    assert captured.out == ""


def test_that_nothing_is_to_be_shown_is_said(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_old_run(folder / "right", make_answers("AAA"))
    assert main(["show", "right", "--wrong"]) == 0
    assert capsys.readouterr().out == f"no sample of {folder / 'right'} is to be shown\n"
