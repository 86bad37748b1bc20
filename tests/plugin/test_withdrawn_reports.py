"""What an excluded worker has reported before it was found out counts nowhere, and nothing else is lost with it."""

from collections import Counter
from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from rundirs import find_runs, read_records

from .attacks import read_session, write_attack
from .conftest import Run as Start

Run = Callable[..., pytest.RunResult]
#: two epochs that it says could not be scored, then a record in another's name
FAILING = """
global told
told = globals().get("told", 0) + 1
bad = replace(record, outcome="unscored", cause="error", error="it says so", scores=())
send(bad if told < 3 else replace(record, worker="gw0"))
"""


@pytest.fixture
def run(run: Start) -> Start:
    """Few connections: each worker gets a part of the cases."""
    return lambda *words, **chosen: run("-n2", "--lleval-max-connections=2", *words, **chosen)


def read_cases(pytester: pytest.Pytester) -> tuple[Any, list[tuple[str, str]]]:
    """Return the suite of the JUnit file, and class and name of each of its cases."""
    (suite,) = ET.parse(pytester.path / "j.xml").getroot().iter("testsuite")
    return suite.attrib, [(case.get("classname", ""), case.get("name", "")) for case in suite.iter("testcase")]


def test_failures_that_an_excluded_worker_has_reported_do_not_fail_the_session(
    pytester: pytest.Pytester, run: Run
) -> None:
    write_attack(pytester, lie=FAILING)
    result = run("--junitxml=j.xml")
    assert len(read_session(find_runs(pytester.path)[0])["excluded"]) == 1
    result.assert_outcomes(passed=12)
    assert result.ret == 0
    counts, cases = read_cases(pytester)
    assert (counts["tests"], counts["failures"], counts["errors"]) == ("12", "0", "0")
    assert max(Counter(cases).values()) == 1


def test_failures_of_honest_workers_stay(pytester: pytest.Pytester, run: Run) -> None:
    write_attack(pytester, lie=FAILING)
    pytester.makepyfile(
        test_mine="""
        import os
        import time

        def test_wrong():
            assert "PYTEST_XDIST_WORKER" not in os.environ

        def test_twice(request):
            request.addfinalizer(lambda: 1 / 0)
            assert False
        """
    )
    result = run("--junitxml=j.xml", "test_mine.py")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    _, cases = read_cases(pytester)
    assert ("test_mine", "test_wrong") in cases
    # pytest writes a failed test and its failed teardown down apart, under one name
    assert cases.count(("test_mine", "test_twice")) == 2


def test_a_run_that_goes_on_has_spent_what_excluded_workers_have(pytester: pytest.Pytester, run: Run) -> None:
    write_attack(pytester, lie=FAILING)
    assert run("--lleval-max-tokens-total=100000").ret == 0
    (path,) = find_runs(pytester.path)
    assert run(f"--lleval-resume={path}", suite="", model=None).ret == 0
    limits = read_session(path)["limits"]
    assert limits["granted"] == 0
    # void answers have cost what others cost; a mock says of none what it took
    answers = read_records(path)
    assert len(answers) > 12
    assert limits["output_tokens"] == len(answers) * 1024
