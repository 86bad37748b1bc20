"""Journals of several runs make one, in which each sample counts once."""

import itertools
import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from old_runs import make_answer
from shard_runs import read_bodies, read_lines, write_shard

from pytest_lleval.core.encoding import dump_record
from pytest_lleval.core.errors import RunDirectoryError
from pytest_lleval.execution.audit import AUDIT_JOURNAL
from pytest_lleval.execution.fresh import FreshRun
from pytest_lleval.execution.journal import Journal, read_journal
from pytest_lleval.execution.merging import REPEATED_JOURNAL, JournalMerger, Origin
from pytest_lleval.execution.rundir import JOURNAL, MANIFEST, read_manifest

LOST = {"outcome": "unscored", "cause": "error", "error": "gone", "scores": (), "completion": None}
NUMBERS = itertools.count()


def merge(folder: Path, *runs: Path, label: str = "") -> tuple[Path, JournalMerger]:
    with FreshRun(folder, "here") as target:
        merger = JournalMerger(target)
        for run in runs:
            merger.take(Origin(run=run, label=label, suites=frozenset({"s"}), models=frozenset({"openai/m"})))
        target.finish({**read_manifest(runs[0]), "sessions": []})
    return folder, merger


def read_scores(run: Path) -> dict[tuple[str, int], float | None]:
    """Return the score of each sample and epoch that counts: the last one's."""
    return {(r.sample, r.epoch): r.primary.value if r.primary else None for r in read_journal(run)}


def test_shards_that_share_nothing_are_one_after_the_other(tmp_path: Path) -> None:
    one, two = write_shard(tmp_path / "1", "q0 q2", "1/2"), write_shard(tmp_path / "2", "q1 q3", "2/2")
    merged, merger = merge(tmp_path / "m", one, two)
    assert [line["sample"] for line in read_lines(merged)] == ["q0", "q2", "q1", "q3"]
    assert (merger.repeated, merger.contradicted) == (0, 0)
    assert sorted(path.name for path in merged.iterdir()) == [MANIFEST, JOURNAL]


def test_workers_of_the_same_name_are_told_apart(tmp_path: Path) -> None:
    run = write_shard(tmp_path / "1", [make_answer("q0", "A", worker="gw0")], "1/2")
    merged, _ = merge(tmp_path / "m", run, label=" of shard 1/2")
    (line,), (before,) = read_lines(merged), read_lines(run)
    assert line["worker"] == "gw0 of shard 1/2"
    assert {**line, "worker": "gw0", "chain": ""} == {**before, "chain": ""}


def test_the_first_run_that_could_score_a_sample_has_it(tmp_path: Path) -> None:
    one = write_shard(tmp_path / "1", [make_answer("q0", "A"), make_answer("q1", "A", **LOST)])
    two = write_shard(tmp_path / "2", [make_answer("q0", "B"), make_answer("q1", "B", started=5.0)])
    merged, merger = merge(tmp_path / "m", one, two)
    assert read_scores(merged) == {("q0", 1): 1.0, ("q1", 1): 0.0}
    assert [line["sample"] for line in read_lines(merged, REPEATED_JOURNAL)] == ["q0"]
    assert (merger.repeated, merger.contradicted, merger.first_contradicted) == (1, 1, "s::q0")


def test_a_second_answer_that_scores_the_same_contradicts_nothing(tmp_path: Path) -> None:
    one = write_shard(tmp_path / "1", [make_answer("q0", "B")])
    two = write_shard(tmp_path / "2", [make_answer("q0", "C")])
    _, merger = merge(tmp_path / "m", one, two)
    assert (merger.repeated, merger.contradicted) == (1, 0)


def test_epochs_are_no_repeats_of_each_other(tmp_path: Path) -> None:
    run = write_shard(tmp_path / "1", [make_answer("q0", "A", epoch=1), make_answer("q0", "B", epoch=2)])
    merged, merger = merge(tmp_path / "m", run)
    assert (len(read_lines(merged)), merger.repeated) == (2, 0)


def test_what_a_resumed_run_asked_again_stays_its_history(tmp_path: Path) -> None:
    run = write_shard(tmp_path / "1", [make_answer("q0", "A", **LOST), make_answer("q0", "A")])
    merged, merger = merge(tmp_path / "m", run)
    assert [line["outcome"] for line in read_lines(merged)] == ["unscored", "scored"]
    assert merger.repeated == 0


def test_void_records_are_left_out_and_the_rest_has_a_chain_of_its_own(tmp_path: Path) -> None:
    liar = [make_answer("q0", "A", worker="gw1"), make_answer("q1", "A", worker="gw0"), make_answer("q0", "B")]
    run = write_shard(tmp_path / "1", liar, session={"excluded": [{"worker": "gw1", "begin": 0, "end": 10**6}]})
    merged, _ = merge(tmp_path / "m", run)
    assert read_scores(merged) == {("q1", 1): 1.0, ("q0", 1): 0.0}
    assert read_scores(merged) == read_scores(run)


def test_a_broken_chain_is_refused_and_nothing_is_left_behind(tmp_path: Path) -> None:
    one, two = write_shard(tmp_path / "1", "q0 q1", "1/2"), write_shard(tmp_path / "2", "q2 q3", "2/2")
    journal = two / JOURNAL
    journal.write_text(journal.read_text().replace('"text":"B"', '"text":"A"'))
    with pytest.raises(RunDirectoryError, match=r"2.samples\.jsonl:1: the chain of digests breaks here"):
        merge(tmp_path / "m", one, two)
    assert not (tmp_path / "m").exists()
    # a directory that was there stays
    (tmp_path / "mine").mkdir()
    with pytest.raises(RunDirectoryError):
        merge(tmp_path / "mine", one, two)
    assert list((tmp_path / "mine").iterdir()) == []


@pytest.mark.parametrize("name", [JOURNAL, REPEATED_JOURNAL])
def test_the_journal_that_holds_what_is_no_record_is_named(tmp_path: Path, name: str) -> None:
    run = write_shard(tmp_path / "1", "q0")
    (run / name).unlink(missing_ok=True)
    with Journal(run, name) as journal:
        journal.append('{"worker":"gw0"}')
    with pytest.raises(RunDirectoryError, match=f"1.{name}: holds what is no record"):
        merge(tmp_path / "m", run)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"suite": "other"}, "holds a record of the suite 'other', which its manifest does not name"),
        ({"model": "other"}, "holds a record of the model 'other', which its manifest does not name"),
        ({"epoch": -1}, "holds what is no record, by its 'epoch'"),
    ],
)
def test_what_cannot_be_a_record_of_the_run_is_refused(tmp_path: Path, changes: dict, problem: str) -> None:
    run = write_shard(tmp_path / "1", [make_answer("q0", "A", **changes)])
    with pytest.raises(RunDirectoryError, match=problem):
        merge(tmp_path / "m", run)


@pytest.mark.parametrize("text", ["[]", "1", '{"a":'])
def test_lines_that_are_no_objects_are_refused(tmp_path: Path, text: str) -> None:
    run = write_shard(tmp_path / "1", "q0")
    with Journal(run, AUDIT_JOURNAL) as journal:
        journal.append('{"worker":"gw0"}')
    path = run / AUDIT_JOURNAL
    path.unlink()
    with Journal(run, AUDIT_JOURNAL) as journal:
        journal.append(text + " ")
    with pytest.raises(RunDirectoryError, match=r"audit\.jsonl"):
        merge(tmp_path / "m", run)


def test_answers_that_were_asked_again_come_along_once(tmp_path: Path) -> None:
    run = write_shard(tmp_path / "1", "q0", "1/2")
    with Journal(run, AUDIT_JOURNAL) as journal:
        journal.append(json.dumps({"worker": "gw0", "audited": "gw1", "rescored": None}, separators=(",", ":")))
    merged, _ = merge(tmp_path / "m", run, run, label=" of shard 1/2")
    (line,) = read_lines(merged, AUDIT_JOURNAL)
    assert (line["worker"], line["audited"]) == ("gw0 of shard 1/2", "gw1 of shard 1/2")


def test_a_run_that_is_cut_off_in_a_line_is_read_up_to_it(tmp_path: Path) -> None:
    run = write_shard(tmp_path / "1", "q0 q1")
    text = (run / JOURNAL).read_text()
    (run / JOURNAL).write_text(text[:-20])
    merged, _ = merge(tmp_path / "m", run)
    assert [line["sample"] for line in read_lines(merged)] == ["q0"]


#: a run: for some samples, how they were answered; each record is another one by its moment
ANSWERS = st.dictionaries(st.sampled_from(["q0", "q1", "q2"]), st.sampled_from(["A", "B", "lost", "lost, A"]))


def write_answers(run: Path, answers: dict[str, str]) -> Path:
    records = []
    for sample, words in answers.items():
        for word in words.split(", "):
            changes = {"started": float(next(NUMBERS)), **(LOST if word == "lost" else {})}
            records.append(make_answer(sample, word, **changes))
    return write_shard(run, records)


@given(runs=st.tuples(ANSWERS, ANSWERS, ANSWERS))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_it_does_not_matter_in_which_steps_or_how_often_runs_are_put_together(tmp_path: Path, runs) -> None:
    place = tmp_path / str(next(NUMBERS))
    a, b, c = (write_answers(place / name, answers) for name, answers in zip("abc", runs, strict=True))
    whole, counts = merge(place / "abc-1", a, b, c)
    left, _ = merge(place / "ab", a, b)
    right, _ = merge(place / "bc", b, c)
    others = [
        merge(place / "abc-2", left, c),
        merge(place / "abc-3", a, right),
        merge(place / "abc-4", left, right),
        merge(place / "abc-5", whole, a, b, c, whole),
    ]
    for found, again in others:
        assert read_scores(found) == read_scores(whole)
        assert read_bodies(found, REPEATED_JOURNAL) == read_bodies(whole, REPEATED_JOURNAL)
        assert read_bodies(found) == read_bodies(whole)
        assert (again.repeated, again.contradicted) == (counts.repeated, counts.contradicted)


@given(runs=st.lists(ANSWERS, min_size=1, max_size=4))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_record_is_lost_and_none_is_there_twice(tmp_path: Path, runs) -> None:
    place = tmp_path / str(next(NUMBERS))
    written = [write_answers(place / str(number), answers) for number, answers in enumerate(runs)]
    merged, merger = merge(place / "m", *written)
    before = sorted(itertools.chain(*map(read_bodies, written)))
    assert sorted([*read_bodies(merged), *read_bodies(merged, REPEATED_JOURNAL)]) == before
    assert merger.repeated == len(read_bodies(merged, REPEATED_JOURNAL))
    keys = {(line["sample"], line["epoch"]) for run in written for line in read_lines(run)}
    assert {(line["sample"], line["epoch"]) for line in read_lines(merged)} == keys
    assert [dump_record(record) for record in read_journal(merged)] or not keys
