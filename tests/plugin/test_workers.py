"""Workers die, fall silent and lie; the run goes on and counts each case once."""

import json
import os
import signal
import sys
import time
from pathlib import Path

import pytest
from rundirs import find_runs, read_records
from serving import ModelServer

from .conftest import Run

#: a model inside the worker that takes it down: `how` is what it does, `when` decides from the question and a flag file
DEADLY = """
import os, signal, time
from pathlib import Path

FLAG = Path(__file__).with_name("was-here")

def answer(question):
    time.sleep(0.02)
    if "PYTEST_XDIST_WORKER" in os.environ and {when}:
        FLAG.touch()
        {how}
    return "A"
"""
DIE = "os.kill(os.getpid(), signal.SIGKILL)"
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="kills and stops processes by signals")


def write_model(pytester: pytest.Pytester, when: str, how: str = DIE) -> str:
    pytester.makepyfile(deadly=DEADLY.format(when=when, how=how))
    return "callable/deadly:answer"


def read_once(pytester: pytest.Pytester) -> dict[str, dict[str, object]]:
    """Return the only run's records by case; there must be one each."""
    (path,) = find_runs(pytester.path)
    records = read_records(path)
    assert len({record["case"] for record in records}) == len(records)
    return {record["case"]: record for record in records}


def test_what_a_dead_worker_held_is_asked_elsewhere(pytester: pytest.Pytester, run: Run) -> None:
    result = run("-n2", model=write_model(pytester, '"green 2" in question and not FLAG.exists()'))
    assert result.ret == 0
    result.assert_outcomes(passed=12)
    result.stdout.fnmatch_lines(["scored   12, unscored 0", "worker gw? ended before its time*given to others"])
    assert len(read_once(pytester)) == 12
    (path,) = find_runs(pytester.path)
    (session,) = json.loads((path / "manifest.json").read_text())["sessions"]
    assert [event["worker"] for event in session["events"] if "lost" in event]


def test_a_case_that_kills_two_workers_is_set_aside_and_the_others_are_scored(
    pytester: pytest.Pytester, run: Run
) -> None:
    result = run("-n2", model=write_model(pytester, '"green 2" in question'))
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["scored   11, unscored 1 (error 1)"])
    records = read_once(pytester)
    aside = next(record for name, record in records.items() if "green/2" in name)
    assert aside["outcome"] == "unscored"
    assert "set aside" in str(aside["error"])
    assert sum(record["outcome"] == "scored" for record in records.values()) == 11


@pytest.mark.slow
def test_a_dead_worker_is_noticed_though_a_child_holds_its_connection(pytester: pytest.Pytester, run: Run) -> None:
    """A forked child keeps the pipes open: xdist alone would wait for its end, half a minute here."""
    how = "[time.sleep(30), os._exit(0)] if os.fork() == 0 else " + DIE
    began = time.monotonic()
    result = run("-n2", model=write_model(pytester, '"green 2" in question and not FLAG.exists()', how))
    assert time.monotonic() - began < 27
    result.assert_outcomes(passed=12)
    result.stdout.fnmatch_lines(["worker gw? ended before its time (its process has ended, and something*"])
    assert len(read_once(pytester)) == 12


def test_killed_from_outside_while_requests_are_in_flight_nothing_is_lost(
    pytester: pytest.Pytester, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytester.makeconftest(
        """
        import os
        from pathlib import Path

        def pytest_collection_finish(session):
            if hasattr(session.config, "workerinput"):
                Path(f"{session.config.workerinput['workerid']}.pid").write_text(str(os.getpid()))
        """
    )
    killed: list[int] = []
    with ModelServer(answer="A", latency=0.2) as server:

        def kill_once(request: object) -> None:
            pid = Path(pytester.path, "gw1.pid")
            if len(server.posts) == 8 and not killed and pid.exists():
                killed.append(int(pid.read_text()))
                os.kill(killed[0], signal.SIGKILL)

        server.faults = kill_once
        result = run("-n2", "--lleval-max-connections=4", model=f"openai/served-model@{server.url}")
    assert killed
    assert result.ret == 0
    result.assert_outcomes(passed=12)
    assert len(read_once(pytester)) == 12
    # the probe, the twelve, and what the dead worker had in flight
    assert 14 <= len(server.posts) <= 14 + 2


def test_hooks_that_want_to_see_each_item_run_see_it(pytester: pytest.Pytester, run: Run, workers: list[str]) -> None:
    pytester.makeconftest(
        """
        import pytest
        from pathlib import Path

        @pytest.hookimpl(wrapper=True)
        def pytest_runtest_protocol(item):
            with Path("seen").open("a") as stream:
                stream.write(item.nodeid + "\\n")
            return (yield)
        """
    )
    run(*workers).assert_outcomes(passed=12)
    assert len(set((pytester.path / "seen").read_text().splitlines())) == 12
    assert len(read_once(pytester)) == 12


@pytest.mark.parametrize("dist", ["load", "loadscope", "loadfile", "worksteal", "each"])
def test_a_scheduler_named_by_the_user_is_used(pytester: pytest.Pytester, run: Run, dist: str) -> None:
    result = run("-n2", f"--dist={dist}", "-v")
    assert f"scheduling tests via {'WorkStealing' if dist == 'worksteal' else dist.title()[:4]}" in result.stdout.str()
    assert "scored   12, unscored 0" in result.stdout.str()
    assert len(read_once(pytester)) == 12


def test_cases_and_other_tests_share_the_workers(pytester: pytest.Pytester, run: Run, workers: list[str]) -> None:
    pytester.makepyfile(
        test_mine="""
        import pytest

        @pytest.mark.parametrize("number", range(9))
        def test_mine(number):
            assert number != 4
        """
    )
    result = run(*workers, "test_mine.py")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.assert_outcomes(passed=20, failed=1)
    result.stdout.fnmatch_lines(["scored   12, unscored 0"])


def test_a_test_that_takes_its_worker_down_is_named_and_the_rest_is_run(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(
        test_mine="""
        import os, pytest

        @pytest.mark.parametrize("number", range(9))
        def test_mine(number):
            if number == 4:
                os._exit(3)
        """
    )
    result = run("-n2", "test_mine.py")
    result.assert_outcomes(passed=20, failed=1)
    result.stdout.fnmatch_lines(["*worker 'gw?' crashed while running 'test_mine.py::test_mine*4*'"])
    assert len(read_once(pytester)) == 12


def test_workers_that_may_not_be_replaced_leave_named_holes_and_no_green_session(
    pytester: pytest.Pytester, run: Run
) -> None:
    result = run("-n1", "--max-worker-restart=0", model=write_model(pytester, '"green 2" in question'))
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["not run: * of the selected cases: *"])


@pytest.mark.parametrize(("words", "seen"), [([], False), (["--timeout=50"], True)])
def test_a_timeout_for_every_item_holds_for_cases_too(
    pytester: pytest.Pytester, run: Run, words: list[str], seen: bool
) -> None:
    pytest.importorskip("pytest_timeout")
    pytester.makeconftest(
        """
        import pytest
        from pathlib import Path
        from pytest_lleval.plugin.onlookers import has_onlookers

        @pytest.hookimpl(trylast=True)
        def pytest_collection_finish(session):
            if hasattr(session.config, "workerinput"):
                Path("onlookers").write_text(str(has_onlookers(session.config)))
        """
    )
    run("-n1", "-p", "pytest_timeout", *words).assert_outcomes(passed=12)
    assert (pytester.path / "onlookers").read_text() == str(seen)
