from pathlib import Path

import pytest
from run_parts import make_record, write_run

from pytest_lleval.core.gates import GateResult
from pytest_lleval.plugin.stepsummary import publish_verdict
from pytest_lleval.reports.view import RunView, load_view


class Reporter:
    """Keeps what is printed."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def ensure_newline(self) -> None:
        pass

    def write_line(self, line: str, **markup: bool) -> None:
        self.lines.append(line)


@pytest.fixture
def view(tmp_path: Path) -> RunView:
    gate = GateResult(gate="accuracy>=0.6", suite="s", model="m", answer="fail", message="Größe 0.5")
    return load_view(write_run(tmp_path / "run", [make_record("a", 1.0)]))._replace(gates=[gate])


def publish(view: RunView, **environment: str) -> list[str]:
    reporter = Reporter()
    publish_verdict(view, reporter, environment)  # type: ignore[arg-type]  # all that is used of one
    return reporter.lines


def test_elsewhere_nothing_is_said(view: RunView) -> None:
    assert publish(view) == publish(view, GITHUB_STEP_SUMMARY="", GITHUB_ACTIONS="false") == []


def test_the_page_is_added_to_what_other_steps_have_written(view: RunView, tmp_path: Path) -> None:
    file = tmp_path / "summary.md"
    file.write_text("before\n", encoding="utf-8")
    assert publish(view, GITHUB_STEP_SUMMARY=str(file)) == []
    text = file.read_bytes().decode("utf-8")
    assert text.startswith("before\n## lleval: of 1 gate 1 failed; ")
    assert "Größe" in text


def test_the_job_is_marked_where_it_is_one(view: RunView) -> None:
    assert publish(view, GITHUB_ACTIONS="true") == [
        "::error title=lleval gate fail%3A accuracy>=0.6::s on m: Größe 0.5"
    ]


@pytest.mark.parametrize("place", ["gone/summary.md", ".", "nul\x00l"])
def test_a_page_that_cannot_be_written_is_one_line_and_no_crash(view: RunView, tmp_path: Path, place: str) -> None:
    (line,) = publish(view, GITHUB_STEP_SUMMARY=f"{tmp_path}/{place}")
    assert line.startswith("the verdict could not be written to GITHUB_STEP_SUMMARY=")
    assert line.isprintable()


def test_the_page_is_written_without_a_terminal_too(view: RunView, tmp_path: Path) -> None:
    file = tmp_path / "summary.md"
    publish_verdict(view, None, {"GITHUB_STEP_SUMMARY": str(file), "GITHUB_ACTIONS": "true"})
    assert file.is_file()
