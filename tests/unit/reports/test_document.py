from pathlib import Path

import pytest
from matrix_runs import cross, fail_call, write_matrix_run
from report_parts import EVIL, write_evil_run
from run_parts import make_record, write_run

from pytest_lleval.core.gates import GateResult
from pytest_lleval.reports.document import MOST_CHARACTERS, render_document
from pytest_lleval.reports.view import load_view


def test_a_document_has_verdict_numbers_gates_groups_and_the_command(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", [make_record("g/a", 1.0, group="g"), make_record("g/b", 0.0, group="g")])
    gate = GateResult(gate="accuracy>=0.6", suite="s", model="openai/m", answer="fail", message="too low")
    lines = render_document(run, load_view(run)._replace(gates=[gate])).splitlines()
    assert lines[0].startswith("## lleval: of 1 gate 1 failed; not trustworthy")
    assert "| s | openai/m | accuracy | 0.500 | 0.095 to 0.905 | 2 | 0 | none |" in lines
    assert "| accuracy&#62;=0.6 | s | openai/m | fail | too low |" in lines
    assert "<details><summary>1 groups of s on openai/m</summary>" in lines
    assert "python -m pytest" in lines


def test_texts_of_others_stay_texts(tmp_path: Path) -> None:
    run = write_evil_run(tmp_path / "run")
    document = render_document(run, load_view(run))
    for name in EVIL.keys() - {"emoji"}:
        assert EVIL[name] not in document
    assert "<script" not in document
    assert "<img" not in document


def test_a_document_fits_a_comment(tmp_path: Path) -> None:
    records = [make_record(f"q{number}", group=f"a group of a rather long name {number}" * 2) for number in range(900)]
    run = write_run(tmp_path / "run", records)
    document = render_document(run, load_view(run))
    assert len(document) <= MOST_CHARACTERS
    assert document.endswith("more lines are left out.\n")


@pytest.mark.parametrize("records", [[], [make_record("a", None)]])
def test_nothing_scored_is_no_number(tmp_path: Path, records: list[object]) -> None:
    run = write_run(tmp_path / "run", records)  # type: ignore[arg-type]
    assert render_document(run, load_view(run)).startswith("## lleval: nothing was scored; ")


def test_a_size_matrix_is_a_table_with_its_crossovers_and_flags(tmp_path: Path) -> None:
    run = write_matrix_run(tmp_path / "run", [*cross(), fail_call("b", "s", 7)], contexts=[("a", 5000)])
    lines = render_document(run, load_view(run)).splitlines()
    assert lines[0].startswith("## lleval: From ")
    assert "| median seconds | s 400 | m 1,600 | l 6,400 |" in lines
    (row,) = [line for line in lines if line.startswith("| b ")]
    assert row.startswith("| b | 2 s ±1%, 6/6 right (X) | 2 s ±1%, 6/6 right |")
    assert [line for line in lines if line.startswith("- a&#58; time &#126; size^")]
    assert [line for line in lines if line.startswith("- X b at s&#58; 1 of 7 calls failed")]
    assert any("--lleval-matrix=s,m,l" in line for line in lines)
    assert "scored" not in lines[0]


def test_names_in_a_matrix_stay_texts(tmp_path: Path) -> None:
    calls = [fail_call(EVIL["link"], "s", 1, EVIL["image"])]
    run = write_matrix_run(tmp_path / "run", calls, models=(EVIL["link"],))
    document = render_document(run, load_view(run))
    assert EVIL["link"] not in document
    assert EVIL["image"] not in document
