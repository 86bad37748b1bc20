"""A run that was stopped goes on where it stopped."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from rundirs import find_runs, read_records
from serving import ModelServer

from pytest_lleval.core.encoding import dump_record
from pytest_lleval.execution.journal import Journal, read_journal

from .conftest import Run


def wait_for_records(root: Path, count: int, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if any(len(read_records(run)) >= count for run in find_runs(root) if (run / "samples.jsonl").exists()):
            return
        time.sleep(0.02)
    raise TimeoutError(f"no {count} records within {seconds} s")


@pytest.mark.skipif(sys.platform == "win32", reason="sends SIGINT to a process group")
def test_ctrl_c_keeps_what_was_answered_and_resume_asks_only_the_rest(
    pytester: pytest.Pytester, run: Run, workers: list[str]
) -> None:
    with ModelServer(answer="A", latency=0.1) as server:
        model = f"openai/served-model@{server.url}"
        words = ["-p", "xdist", "-p", "lleval", "--lleval-suite=letters.py", f"--lleval-model={model}"]
        process = subprocess.Popen(
            [sys.executable, "-m", "pytest", *words, "--lleval-max-connections=2", *workers],
            cwd=pytester.path,
            start_new_session=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        try:
            wait_for_records(pytester.path, 3)
            server.latency = 30
            os.killpg(process.pid, signal.SIGINT)
            output, _ = process.communicate(timeout=30)
        finally:
            process.kill()
        assert process.returncode == pytest.ExitCode.INTERRUPTED, output.decode()
        assert b"lleval" in output
        (path,) = find_runs(pytester.path)
        before = [record["case"] for record in read_records(path) if record["outcome"] == "scored"]
        assert 3 <= len(before) < 12
        server.latency = 0
        asked = len(server.posts)
        result = run("--lleval-resume", *workers, suite="", model=None)
        assert result.ret == 0
        result.assert_outcomes(passed=12)
        result.stdout.fnmatch_lines(["scored   12, unscored 0"])
        records = read_records(path)
        assert [record["case"] for record in records[: len(before)]] == before
        assert len({record["case"] for record in records}) == len(records) == 12
        # the probe of the new session is the one request beyond the missing cases
        assert len(server.posts) - asked == 12 - len(before) + 2
    assert find_runs(pytester.path) == [path]


def test_a_finished_run_asks_nothing_and_shows_everything(
    pytester: pytest.Pytester, run: Run, workers: list[str]
) -> None:
    run()
    (path,) = find_runs(pytester.path)
    before = (path / "samples.jsonl").read_bytes()
    result = run(f"--lleval-resume={path.name}", *workers, suite="", model=None)
    result.assert_outcomes(passed=12)
    if not workers:
        result.stdout.fnmatch_lines(["letters .www.www.www *"])
    assert (path / "samples.jsonl").read_bytes() == before


def test_what_is_typed_beside_resume_counts(pytester: pytest.Pytester, run: Run, workers: list[str]) -> None:
    run("--lleval-limit=6")
    (path,) = find_runs(pytester.path)
    run("--lleval-resume", "--lleval-epochs=2", *workers, suite="", model=None).assert_outcomes(passed=6)
    assert len(read_records(path)) == 12
    refused = run("--lleval-resume", "--lleval-seed=5", suite="", model=None)
    assert refused.ret == pytest.ExitCode.USAGE_ERROR


def test_more_epochs_and_more_samples_extend_a_run(pytester: pytest.Pytester, run: Run, workers: list[str]) -> None:
    run("--lleval-limit=6")
    (path,) = find_runs(pytester.path)
    run("--lleval-resume", "--lleval-epochs=2", *workers).assert_outcomes(passed=12)
    records = read_records(path)
    assert len(records) == len({(record["case"], record["epoch"]) for record in records}) == 24


@pytest.mark.parametrize(
    ("word", "difference"),
    [
        ("--lleval-seed=1", "seed: was 0, is 1"),
        ("--lleval-temperature=1", "temperature: was None, is 1.0"),
        ("--lleval-system-prompt=Hi", "system_prompt: was None, is 'Hi'"),
        ("--lleval-model=mock/fixed:B", "mock/fixed:B served model: was None"),
    ],
)
def test_another_experiment_is_refused_with_the_difference(
    pytester: pytest.Pytester, run: Run, word: str, difference: str
) -> None:
    run()
    (path,) = find_runs(pytester.path)
    before = (path / "samples.jsonl").read_bytes()
    result = run("--lleval-resume", word)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"*is another experiment*{difference}*"])
    assert (path / "samples.jsonl").read_bytes() == before


def test_a_changed_dataset_is_another_experiment(pytester: pytest.Pytester, run: Run, suite_file: Path) -> None:
    run()
    suite_file.write_text(suite_file.read_text().replace("row % 4", "(row + 1) % 4"))
    result = run("--lleval-resume")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*letters digest: was *"])


def test_a_torn_last_line_is_cut_and_asked_again(pytester: pytest.Pytester, run: Run) -> None:
    run()
    (path,) = find_runs(pytester.path)
    journal = path / "samples.jsonl"
    journal.write_bytes(journal.read_bytes()[:-40])
    run("--lleval-resume").assert_outcomes(passed=12)
    records = read_records(path)
    assert len(records) == len({record["case"] for record in records}) == 12


def test_unscored_cases_are_asked_again(pytester: pytest.Pytester, run: Run) -> None:
    run()
    (path,) = find_runs(pytester.path)
    records = list(read_journal(path))
    records[0] = replace(records[0], outcome="unscored", cause="error", error="the server was gone", scores=())
    (path / "samples.jsonl").unlink()
    with Journal(path) as journal:
        for record in records:
            journal.append(dump_record(record))
    result = run("--lleval-resume")
    result.stdout.fnmatch_lines(["scored   12, unscored 0"])
    assert len(read_records(path)) == 13
