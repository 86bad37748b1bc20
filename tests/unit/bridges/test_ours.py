from pathlib import Path

import pytest
from run_parts import MOCK, make_completion, make_record, write_run

from pytest_lleval.bridges.detect import read_observations
from pytest_lleval.core.errors import RunDirectoryError, UsageError
from pytest_lleval.core.records import Message, Request, Timing
from pytest_lleval.execution.rundir import JOURNAL, MANIFEST

REQUEST = Request(messages=(Message(role="user", content="Which one?"),))


@pytest.fixture
def run(tmp_path: Path) -> Path:
    cached = make_completion(cached=True, timing=Timing(total=0.1))
    records = [
        make_record("a", request=REQUEST, started=5.0),
        make_record("b", request=REQUEST, completion=cached),
        make_record("c", None, request=REQUEST, error="the request timed out"),
    ]
    return write_run(tmp_path / "run", records)


def test_a_run_directory_and_its_journal_say_the_same(run: Path) -> None:
    seen = read_observations(run)
    assert seen.rows == read_observations(run / JOURNAL).rows
    answered, cached, failed = seen.rows
    assert (answered.model, answered.requested, answered.served) == ("openai/m", "m-2026", "m-2026")
    assert (answered.prompt, answered.latency, answered.output, answered.started) == ("user: Which one?", 0.5, "A", 5.0)
    assert (cached.cached, cached.latency) == (True, None)
    assert (failed.status, failed.output) == ("timeout", None)


def test_a_mock_is_known_by_the_manifest(tmp_path: Path) -> None:
    write_run(tmp_path, [make_record("a", model=MOCK.spec)], identities=[MOCK])
    assert read_observations(tmp_path).mocks == (MOCK.spec,)


def test_a_journal_without_its_manifest_says_what_is_missing(run: Path) -> None:
    (run / MANIFEST).unlink()
    assert "who was attached, and where, is not known" in read_observations(run).notes[0]


def test_a_changed_line_is_an_error(run: Path) -> None:
    path = run / JOURNAL
    path.write_text(path.read_text(encoding="utf-8").replace('"text":"A"', '"text":"B"', 1), encoding="utf-8")
    with pytest.raises(RunDirectoryError, match="the chain of digests breaks here"):
        read_observations(run)


def test_a_journal_of_another_name_is_an_error(run: Path) -> None:
    other = (run / JOURNAL).rename(run / "mine.jsonl")
    with pytest.raises(UsageError, match="is no run of ours: name its directory"):
        read_observations(other)
