"""Report files are written when the session ends, and are the same later."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from rundirs import find_runs

from pytest_lleval.cli.main import main

from .conftest import Run


def test_reports_are_written_and_are_the_same_bytes_later(
    pytester: pytest.Pytester, run: Run, workers: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    names = ["out.html", "out.md", "out.json"]
    result = run(*workers, "--lleval-gate=point>=0.25", *(f"--lleval-report={name}" for name in names))
    assert result.ret == 0
    page = Path("out.html").read_text(encoding="utf-8")
    assert "letters" in page
    assert "Content-Security-Policy" in page
    assert json.loads(Path("out.json").read_text()) == json.loads(
        (find_runs(pytester.path)[0] / "report.json").read_text()
    )
    again = [f"again{Path(name).suffix}" for name in names]
    assert main(["report", *(word for name in again for word in ("--output", name))]) == 0
    capsys.readouterr()
    for name, other in zip(names, again, strict=True):
        assert Path(name).read_bytes() == Path(other).read_bytes(), name


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("out.pdf", "*--lleval-report: *out.pdf' is no report this can write; *.html, .json, .md"),
        (".html", "*--lleval-report: *is no report*"),
        ("folder.md", "*--lleval-report: *folder.md' is a directory; name a file in it"),
    ],
)
def test_a_report_that_cannot_be_written_is_refused_before_anything_is_asked(
    pytester: pytest.Pytester, run: Run, name: str, message: str
) -> None:
    pytester.mkdir("folder.md")
    result = run(f"--lleval-report={name}")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([message])
    assert find_runs(pytester.path) == []


def test_tests_of_ones_own_have_reports_too(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(
        test_it="""
        import pytest

        @pytest.mark.lleval(dataset=[{"id": "one", "want": "A"}, {"id": "two", "want": "A"}])
        def test_letter(model, want):
            assert model("which?").text == want
        """
    )
    result = run("--lleval-report=out.html", "--lleval-report=out.md", suite="")
    assert result.ret == 0
    assert "test_letter" in Path("out.html").read_text(encoding="utf-8")
    assert Path("out.md").read_text(encoding="utf-8").startswith("## lleval: ")
