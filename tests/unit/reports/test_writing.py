import json
from pathlib import Path

import pytest
from run_parts import make_record, write_run

from pytest_lleval.core.errors import RunDirectoryError, UsageError
from pytest_lleval.execution.rundir import REPORT, write_json
from pytest_lleval.reports.machine import encode_report
from pytest_lleval.reports.view import load_view
from pytest_lleval.reports.writing import check_report_files, write_reports

NAMES = ("out.html", "out.md", "out.json")


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return write_run(tmp_path / "run", [make_record("a", 1.0), make_record("b", 0.0), make_record("c", None)])


def test_each_file_is_written_in_the_form_its_name_ends_in(run: Path, tmp_path: Path) -> None:
    files = [tmp_path / "new" / "folder" / name for name in NAMES]
    write_reports(run, load_view(run), files)
    page, text, report = (file.read_text(encoding="utf-8") for file in files)
    assert page.startswith("<!DOCTYPE html>")
    assert text.startswith("## lleval: ")
    assert json.loads(report)["schema"] == 3
    assert sorted(found.name for found in files[0].parent.iterdir()) == sorted(NAMES)


def test_a_json_report_is_that_of_the_run_directory(run: Path, tmp_path: Path) -> None:
    view = load_view(run)
    write_json(run / REPORT, encode_report(view))
    write_reports(run, view, [tmp_path / "out.json"])
    assert (tmp_path / "out.json").read_bytes() == (run / REPORT).read_bytes()


def test_the_same_run_read_again_gives_the_same_bytes(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in ("first", "later"):
        write_reports(run, load_view(run), [tmp_path / folder / name for name in NAMES])
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TZ", "Pacific/Auckland")
    relative = load_view(Path("run"))._replace(directory=str(run))
    write_reports(Path("run"), relative, [tmp_path / "elsewhere" / name for name in NAMES])
    for name in NAMES:
        kept = (tmp_path / "first" / name).read_bytes()
        assert (tmp_path / "later" / name).read_bytes() == (tmp_path / "elsewhere" / name).read_bytes() == kept


def test_endings_are_known_in_capitals(run: Path, tmp_path: Path) -> None:
    write_reports(run, load_view(run), [tmp_path / "OUT.MD"])
    assert (tmp_path / "OUT.MD").is_file()


@pytest.mark.parametrize("name", ["out.pdf", "out", "html", "out.html.gz"])
def test_another_ending_is_refused_with_those_that_are_known(name: str) -> None:
    with pytest.raises(UsageError, match=rf"--lleval-report: '{name}' is no report.*\.html, \.json, \.md"):
        check_report_files("--lleval-report", [Path("fine.md"), Path(name)])


def test_a_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "out.html").mkdir()
    with pytest.raises(UsageError, match="is a directory"):
        check_report_files("--lleval-report", [tmp_path / "out.html"])


def test_a_file_that_cannot_be_written_is_named(run: Path, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(RunDirectoryError, match=r"taken/out\.md' cannot be written"):
        write_reports(run, load_view(run), [tmp_path / "taken" / "out.md"])


def test_what_was_there_is_kept_when_writing_fails(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "out.md"
    file.write_text("before")

    def fail(self: Path, data: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", fail)
    with pytest.raises(RunDirectoryError, match="No space left on device"):
        write_reports(run, load_view(run), [file])
    assert file.read_text() == "before"
