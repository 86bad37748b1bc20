from pathlib import Path

import pytest
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
