"""Failures that are known: they excuse a test for a while, and change no number."""

from __future__ import annotations

import json
from typing import Any

import pytest
from rundirs import find_runs

from .conftest import Run

TESTS = """
import pytest

@pytest.mark.lleval(dataset=[{"id": "one", "want": "A"}, {"id": "two", "want": "B"}])
def test_letter(model, want):
    assert model("which?").text == want
"""
KNOWN = """
[[failure]]
sample = "{sample}"
reason = "the mock only says A"
"""


def read_findings(pytester: pytest.Pytester) -> list[dict[str, Any]]:
    report = json.loads((find_runs(pytester.path)[-1] / "report.json").read_text())
    return [found for found in report["disclosures"] if "known" in found["message"]]


def write_known(pytester: pytest.Pytester, sample: str, more: str = "") -> None:
    (pytester.path / "known_failures.toml").write_text(KNOWN.format(sample=sample) + more)


def test_a_test_that_is_known_to_fail_is_an_expected_failure_and_still_wrong(
    pytester: pytest.Pytester, run: Run, workers: list[str]
) -> None:
    pytester.makepyfile(test_it=TESTS)
    write_known(pytester, "two")
    result = run(*workers, suite="")
    result.assert_outcomes(passed=1, xfailed=1)
    assert result.ret == 0
    result.stdout.fnmatch_lines(["pass rate *0.500*", "A  answers *cases that failed as known and count as wrong (1)*"])


def test_what_does_not_fail_any_more_is_reported(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(test_it=TESTS)
    write_known(pytester, "test_it.py::test_letter[one]")
    result = run(suite="")
    result.assert_outcomes(passed=1, failed=1)
    (found,) = read_findings(pytester)
    assert (found["severity"], "do not fail any more" in found["message"]) == ("warning", True)


def test_an_expired_entry_excuses_nothing_and_is_reported(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(test_it=TESTS)
    write_known(pytester, "two", "expires = 2020-01-01\n")
    result = run(suite="")
    result.assert_outcomes(passed=1, failed=1)
    assert "have expired" in read_findings(pytester)[0]["message"]


def test_samples_of_suites_are_told_apart_and_count_as_before(
    pytester: pytest.Pytester, run: Run, workers: list[str]
) -> None:
    write_known(pytester, "letters::red/*")
    result = run(*workers, "--lleval-gate=point>=0.25")
    assert result.ret == 0
    (found,) = read_findings(pytester)
    assert found["message"].startswith("cases that failed as known and count as wrong (3)")
    assert set(found["evidence"]["cases"]) == {f"letters::red/{row}[fixed:A]" for row in (1, 2, 3)}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[failure]]\nsample = 'x'\n", "*failure 1: it has no reason*"),
        ("[[failure]]\nsampel = 'x'\n", "*no key of a known failure is called 'sampel'*sample*"),
        ("[failure", "*known_failures.toml: it is no TOML*"),
    ],
)
def test_a_broken_file_stops_the_session_before_anything_is_asked(
    pytester: pytest.Pytester, run: Run, text: str, message: str
) -> None:
    (pytester.path / "known_failures.toml").write_text(text)
    result = run()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([message])
    assert find_runs(pytester.path) == []
    pytester.makepyfile(test_it=TESTS)
    assert run(suite="").ret == pytest.ExitCode.USAGE_ERROR
