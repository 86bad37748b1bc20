"""Retries, limits, budgets, deadlines and the cache, as a session shows them."""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from rundirs import find_runs, read_records
from serving import Fault, ModelServer, SeenRequest, fail_first

from .conftest import Run
from .test_resume import wait_for_records


def read_manifest(pytester: pytest.Pytester) -> dict[str, Any]:
    (path,) = find_runs(pytester.path)
    manifest: dict[str, Any] = json.loads((path / "manifest.json").read_text())
    return manifest


#: requests of an attachment: one with the template's own system prompt, one with ours
PROBES = 2


def name_model(server: ModelServer) -> str:
    return f"openai/served-model@{server.url}"


def after_probe(fault: Fault) -> Any:
    """Script a fault for everything but the probe before the run."""

    def script(request: SeenRequest) -> Fault | None:
        return fault if request.question.endswith("?") else None

    return script


def test_requests_that_fail_are_made_again_and_counted(run: Run, workers: list[str], pytester: pytest.Pytester) -> None:
    seen = [0]

    def sometimes(request: SeenRequest) -> Fault | None:
        seen[0] += request.question.endswith("?")
        return (None, Fault(status=500), Fault(close=True), Fault(truncate=True), Fault(body="{not json"), None)[
            seen[0] % 6 if request.question.endswith("?") else 0
        ]

    with ModelServer(answer="A", faults=sometimes) as server:
        result = run(*workers, model=name_model(server))
        posts = len(server.posts)
    result.assert_outcomes(passed=12)
    failed = posts - 12 - PROBES
    assert failed > 3
    text = result.stdout.str()
    assert f"requests {posts - PROBES:,} (" in text
    assert f"note       {failed} requests failed (" in text
    (path,) = find_runs(pytester.path)
    assert sum(len(record.get("failures", ())) for record in read_records(path)) == failed


@pytest.mark.parametrize(("spread", "by"), [("-n0", "main"), ("-n2", "all"), ("-n4", "all")])
def test_a_server_that_takes_three_at_once_is_driven_at_about_three(
    run: Run, pytester: pytest.Pytester, spread: str, by: str
) -> None:
    turned_away = [0]

    def crowd(request: SeenRequest) -> Fault | None:
        if server._waiting < 3:
            return None
        turned_away[0] += 1
        return Fault(status=429)

    with ModelServer(answer="A", latency=0.03, faults=crowd) as server:
        result = run(spread, "--lleval-epochs=15", "--lleval-max-connections=32", model=name_model(server))
    assert result.ret == 0
    changes = [event for event in read_manifest(pytester)["sessions"][0]["events"] if "limit" in event]
    assert changes[-1]["limit"] <= 6
    assert {"overload"} <= {event["cause"] for event in changes}
    # the workers of a run share one limit
    assert {event["worker"] for event in changes} == {by}
    assert turned_away[0] < 60


def test_the_rate_holds_over_all_workers(run: Run) -> None:
    with ModelServer(answer="A") as server:
        began = time.monotonic()
        result = run("-n2", "--lleval-rpm=240", model=name_model(server))
        took = time.monotonic() - began
    result.assert_outcomes(passed=12)
    # twelve at four a second: eleven pauses
    assert took >= 11 / 4


@pytest.mark.parametrize("spread", [["-n0"], ["-n2"]])
def test_what_the_budget_has_no_room_for_is_unscored_and_not_sent(
    run: Run, pytester: pytest.Pytester, spread: list[str]
) -> None:
    with ModelServer(answer="A") as server:
        words = ["--lleval-max-tokens-total=16", "--lleval-max-tokens=1"]
        result = run(*spread, *words, model=name_model(server))
        asked = len(server.posts) - PROBES
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert 3 <= asked < 12
    result.stdout.fnmatch_lines([f"scored   {asked}, unscored {12 - asked} (budget {12 - asked})"])
    assert "--lleval-max-tokens-total" in result.stdout.str()
    assert read_manifest(pytester)["sessions"][0]["limits"]["refused"] == 12 - asked


def test_a_budget_in_dollars_needs_a_price(run: Run, pytester: pytest.Pytester) -> None:
    with ModelServer(answer="A") as server:
        refused = run("--lleval-max-cost=1", model=name_model(server))
        assert refused.ret == pytest.ExitCode.USAGE_ERROR
        refused.stderr.fnmatch_lines(["*--lleval-max-cost*input_price*"])
        assert not server.posts
        result = run("--lleval-max-cost=1", "--lleval-max-tokens-total=100000", model=name_model(server))
    assert result.ret == 0
    assert "--lleval-max-cost" in result.stdout.str()


def test_a_server_that_stops_answering_ends_the_session_by_its_deadline(
    run: Run, pytester: pytest.Pytester, workers: list[str]
) -> None:
    with ModelServer(answer="A", faults=after_probe(Fault(delay=60))) as server:
        began = time.monotonic()
        result = run(*workers, "--lleval-deadline=1", "--lleval-max-connections=4", model=name_model(server))
        took = time.monotonic() - began
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert took < 12
    result.stdout.fnmatch_lines(["scored   0, unscored 12 (error 12)"])
    (path,) = find_runs(pytester.path)
    assert {record["cause"] for record in read_records(path)} == {"error"}


def test_answers_are_cached_disclosed_and_asked_again_when_told_to(run: Run, workers: list[str]) -> None:
    with ModelServer(answer="A") as server:

        def ask(*words: str) -> tuple[int, str]:
            before = len(server.posts)
            result = run(*workers, *words, model=name_model(server))
            return len(server.posts) - before - PROBES, result.stdout.str()

        assert ask()[0] == 12
        asked, text = ask()
        assert asked == 0
        assert "requests 0 (0 retried), cache hits 12" in text
        assert "note       12 of 12 answers came from the response cache" in text
        assert ask("--lleval-cache=off")[0] == 12
        assert ask("--lleval-cache=refresh")[0] == 12
        assert ask("--lleval-cache=only")[0] == 0
        asked, text = ask("--lleval-cache=only", "--lleval-seed=5")
        assert asked == 0
        assert "scored   0, unscored 12 (error 12)" in text
        assert "not in the response cache" in text
        assert ask("--lleval-temperature=0.5")[0] == ask("--lleval-temperature=0.5")[0] == 12


@pytest.mark.parametrize("word", ["--lleval-cache=sometimes", "--lleval-rpm=0", "--lleval-deadline=-1"])
def test_a_wrong_limit_is_refused_with_its_value(run: Run, word: str) -> None:
    result = run(word)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    option, _, value = word.partition("=")
    result.stderr.fnmatch_lines([f"*{option}: '{value}' is *"])


def test_two_sessions_cannot_write_to_one_run(run: Run, pytester: pytest.Pytester, suite_file: Path) -> None:
    with ModelServer(answer="A", latency=0.2) as server:
        words = ["-p", "xdist", "-p", "lleval", "--lleval-suite=letters.py", f"--lleval-model={name_model(server)}"]
        words += ["--lleval-max-connections=1", "--lleval-run-dir=mine"]
        first = subprocess.Popen(
            [sys.executable, "-m", "pytest", *words],
            cwd=pytester.path,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        try:
            until = time.monotonic() + 30
            journal = pytester.path / "mine" / "samples.jsonl"
            while not (journal.exists() and journal.read_bytes()):
                assert time.monotonic() < until
                time.sleep(0.02)
            second = run("--lleval-resume=mine", suite="", model=None)
            output, _ = first.communicate(timeout=60)
        finally:
            first.kill()
    assert second.ret == pytest.ExitCode.USAGE_ERROR
    second.stderr.fnmatch_lines(["*mine: another session is writing to this run*"])
    assert first.returncode == 0, output.decode()
    assert len(journal.read_text().splitlines()) == 12


@pytest.mark.skipif(sys.platform == "win32", reason="kills by a signal")
def test_a_controller_that_is_killed_loses_nothing_it_has_heard(
    run: Run, pytester: pytest.Pytester, workers: list[str]
) -> None:
    with ModelServer(answer="A", latency=0.15) as server:
        words = ["-p", "xdist", "-p", "lleval", "--lleval-suite=letters.py", f"--lleval-model={name_model(server)}"]
        words += ["--lleval-max-connections=2", "--lleval-cache=off"]
        process = subprocess.Popen([sys.executable, "-m", "pytest", *words, *workers], cwd=pytester.path)
        try:
            wait_for_records(pytester.path, 3)
        finally:
            process.kill()
            process.wait()
        time.sleep(0.4)
        asked = len(server.posts)
        (path,) = find_runs(pytester.path)
        had = len(read_whole(path))
        server.latency = 0
        result = run("--lleval-resume", *workers, suite="", model=None)
        result.assert_outcomes(passed=12)
        assert len(server.posts) - asked == 12 - had + PROBES
        # what was in flight when it was killed, and the probes
        assert asked - PROBES - had <= 2
    records = read_records(path)
    assert len({record["case"] for record in records}) == len(records) == 12


def read_whole(run: Path) -> list[str]:
    lines = (run / "samples.jsonl").read_text().splitlines(keepends=True)
    return [line for line in lines if line.endswith("\n")]


def test_a_journal_that_was_tampered_with_is_not_gone_on_with(run: Run, pytester: pytest.Pytester) -> None:
    run("--lleval-limit=6")
    (path,) = find_runs(pytester.path)
    journal = path / "samples.jsonl"
    journal.write_text(journal.read_text().replace('"value":0.0', '"value":1.0', 1))
    result = run("--lleval-resume", "--lleval-limit=12")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*samples.jsonl:*: the chain of digests breaks here*"])


def test_only_the_first_requests_fail_and_the_session_does_not_notice(run: Run) -> None:
    with ModelServer(answer="A") as server:
        fail = fail_first(2, Fault(status=429, headers={"Retry-After": "0"}))
        server.faults = lambda request: fail(request) if request.question.endswith("?") else None
        run(model=name_model(server)).assert_outcomes(passed=12)
