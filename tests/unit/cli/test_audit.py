import itertools
import json
import random
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from observation_parts import chat, gather, sweep
from run_parts import MOCK, make_completion, make_record, write_run

from pytest_lleval.bridges.detect import FORMATS, read_observations
from pytest_lleval.cli.main import main
from pytest_lleval.core.errors import LlevalError
from pytest_lleval.disclosure.foreign import judge_observations

FACTORS = ["F1", "F2", "F3", "F4", "F5", "E"]


def write_incident(folder: Path) -> Path:
    """A benchmark that looked far too fast: a mock, a time-out, characters for tokens, and no start-up in its times."""
    lines = ["model,size,latency_s,output_chars,chars_per_second,startup_s"]
    rng = random.Random(1)
    for _ in range(3):
        for size in (128 << power for power in range(9)):
            latency = min(0.1 + size * 0.002 * rng.gauss(1, 0.05), 10.0 + rng.random() * 0.01)
            lines.append(f"fast-1,{size},{latency:.4f},512,{512 / latency:.2f},2.1")
    path = folder / "incident.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_the_incident_is_exposed_in_plain_words(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_incident(tmp_path)
    assert main(["audit", str(path)]) == 1
    printed = capsys.readouterr().out
    assert printed.startswith(f"file     {path}\nformat   CSV table, 27 rows, model fast-1\n")
    assert "column   size is 'size' (its name has no unit)\n" in printed
    assert "column   latency in s is 'latency_s'\n" in printed
    for finding in (
        "F3  flagged     backend: fast-1: all 9 answers have exactly 512 characters, whatever was asked",
        "F4  flagged     tokens: the rate 'chars_per_second' counts characters, not tokens",
        "the time stops growing with the size: 128 to 8,192 take",
        "but from 8,192 to 32,768 all take 10.",
        "a time-out in disguise",
        "start-up is left out of the time: 'startup_s' is 2.1 s where 'latency_s' is",
    ):
        assert finding in printed
    assert "\ntrustworthy  no\nthe file does not say\n" in printed
    assert "  F2  which model answered\n" in printed


def test_the_machine_readable_audit_has_every_factor_with_its_evidence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["audit", str(write_incident(tmp_path)), "--json"]) == 1
    audit = json.loads(capsys.readouterr().out)
    assert [factor["factor"] for factor in audit["factors"]] == FACTORS
    assert (audit["rows"], audit["trustworthy"]) == (27, False)
    (plateau,) = [found for found in audit["factors"][4]["findings"] if "stops growing" in found["message"]]
    assert plateau["evidence"]["sizes"] == [8192, 16384, 32768]


def test_a_file_with_nothing_against_it_is_no_error_and_not_trusted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [f"m,{row.size},{row.latency},ok" for row in sweep()]
    path = tmp_path / "clean.csv"
    path.write_text("\n".join(["model,size,latency_s,status", *rows]), encoding="utf-8")
    assert main(["audit", str(path)]) == 0
    printed = capsys.readouterr().out
    assert "flagged" not in printed
    assert "trustworthy  no" in printed


def test_columns_are_taken_as_they_are_mapped(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "own.csv"
    path.write_text("who,n,took\nm,1,2000\nm,2,3000\n", encoding="utf-8")
    words = ["audit", str(path), "--map=model=who,size=n[tokens]", "--map", "latency=took[ms]"]
    assert main(words) == 0
    printed = capsys.readouterr().out
    assert "column   size in tokens is 'n'\n" in printed
    assert "column   latency in ms is 'took'\n" in printed


def test_a_run_of_a_mock_is_flagged(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    record = make_record("a", model=MOCK.spec, completion=make_completion(model="fixed:A", fingerprint=None))
    write_run(tmp_path / "run", [record], identities=[MOCK])
    assert main(["audit", str(tmp_path / "run")]) == 1
    assert "F3  flagged     backend: no model was asked" in capsys.readouterr().out


def test_text_of_the_file_cannot_command_the_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "evil.json"
    evil = "mock\x1b[2J\nF1  clean"
    path.write_text(json.dumps([{"model": evil, "latency_ms": 1, "size\x1b": 2}]), encoding="utf-8")
    assert main(["audit", str(path), "--map", "size=size\x1b"]) == 1
    captured = capsys.readouterr()
    assert "\x1b" not in captured.out
    assert "\nF1  clean" not in captured.out
    assert main(["audit", str(path), "--map", "size=\x1b[2J"]) == 4
    assert "\x1b" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nosuch.csv"], "nosuch.csv: there is no such file or directory"),
        (["f.csv", "--map=latncy=a"], "no key is called 'latncy'; did you mean 'latency'?"),
        (["f.csv", "--format=csv"], "lleval audit --format: no format is called 'csv'"),
        (["f.csv", "--format=promptfoo"], "is no result of promptfoo"),
        (["f.csv", "--format=lm-eval"], "is no result of lm-eval"),
        (["f.csv", "--format=lleval"], "is no run of ours"),
    ],
)
def test_what_cannot_be_read_is_one_line_and_exit_status_4(
    words: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("f.csv").write_text("size,latency_s\n1,2\n", encoding="utf-8")
    assert main(["audit", *words]) == 4
    captured = capsys.readouterr()
    assert message in captured.err
    assert len(captured.err.splitlines()) == 1
    assert captured.out == ""


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                [
                    *(
                        "model",
                        "latency",
                        "size",
                        "output",
                        "prompt",
                        "error",
                        "status",
                        "cached",
                        "usage",
                        "rate",
                        "started",
                    ),
                    *(
                        "results",
                        "configs",
                        "config",
                        "provider",
                        "response",
                        "latencyMs",
                        "testIdx",
                        "promptIdx",
                        "samples",
                    ),
                    *(
                        "doc_id",
                        "resps",
                        "arguments",
                        "schema",
                        "case",
                        "suite",
                        "sample",
                        "outcome",
                        "worker",
                        "tokens",
                    ),
                ]
            ),
            inner,
            max_size=6,
        )
    ),
    max_leaves=30,
)
SCALAR = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.floats(0, 100)
    | st.sampled_from(["", "a", "mock", "5"])
)
COLUMNS = ["model", "latency_s", "size", "output", "prompt", "error", "status", "cached", "tokens", "prompt_tokens"]
COLUMNS += ["started", "rate", "startup_s", "ttft_ms", "total_s", "id", "host", "prompt_chars", "served_model", "chars"]
QUICK = settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def audit_bytes(path: Path, content: bytes, form: str) -> None:
    path.write_bytes(content)
    try:
        verdicts = judge_observations(read_observations(path, form))
    except LlevalError:
        return
    assert [verdict.factor for verdict in verdicts] == FACTORS
    assert all("\n" not in verdict.message or "\\n" not in verdict.message for verdict in verdicts)


@QUICK
@given(value=JSON, form=st.sampled_from(FORMATS), lines=st.booleans())
def test_any_json_gives_verdicts_or_one_error(value: object, form: str, lines: bool, tmp_path: Path) -> None:
    text = "\n".join(json.dumps(item) for item in value) if lines and isinstance(value, list) else json.dumps(value)
    audit_bytes(tmp_path / "any.json", text.encode(), form)


@QUICK
@given(
    columns=st.lists(st.sampled_from(COLUMNS), min_size=1, max_size=8, unique=True),
    values=st.lists(SCALAR, min_size=1, max_size=40),
    count=st.integers(1, 40),
)
def test_any_values_of_known_columns_give_verdicts_or_one_error(
    columns: list[str], values: list[object], count: int, tmp_path: Path
) -> None:
    cells = itertools.cycle(values)
    rows = [{column: next(cells) for column in columns} for _ in range(count)]
    audit_bytes(tmp_path / "any.json", json.dumps(rows).encode(), "table")


@QUICK
@given(content=st.binary(max_size=60) | st.text(alphabet="a,;\t\n\r\"'1.{}[]:-", max_size=60).map(str.encode))
def test_any_bytes_give_verdicts_or_one_error(content: bytes, tmp_path: Path) -> None:
    audit_bytes(tmp_path / "any.bin", content, "auto")
    audit_bytes(tmp_path / "any.csv", b"model,latency_s,size,output\n" + content, "table")


@QUICK
@given(random=st.randoms(use_true_random=False), faulty=st.booleans())
def test_the_order_of_rows_changes_no_verdict_but_that_of_drift(random: random.Random, faulty: bool) -> None:
    rows = [*chat(rows=12), *chat(rows=12, model="n"), *sweep(repeats=2)]
    if faulty:
        rows = [replace(row, latency=min(row.latency or 0, 2.0), output_tokens=37) for row in rows]
    shuffled = list(rows)
    random.shuffle(shuffled)
    before, after = (judge_observations(gather(some)) for some in (rows, shuffled))
    assert [verdict.state for verdict in before[:5]] == [verdict.state for verdict in after[:5]]


@QUICK
@given(st.lists(st.sampled_from([row.row for row in sweep()]), max_size=4))
def test_few_rows_are_never_clean(picked: list[int]) -> None:
    rows = sweep()[: len(picked)]
    assert all(verdict.state != "clean" for verdict in judge_observations(gather(rows)))
