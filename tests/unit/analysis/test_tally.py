import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from run_parts import make_completion, make_record

from pytest_lleval.analysis.tally import CACHED, FRESH, UNANSWERED, tally_records
from pytest_lleval.core.records import Score

ROWS = st.lists(
    st.tuples(st.sampled_from("abcdef"), st.integers(1, 3), st.sampled_from([0.0, 0.25, 1.0])),
    min_size=1,
    max_size=20,
    unique_by=lambda row: row[:2],
)


def test_the_latest_record_of_an_epoch_counts() -> None:
    (part,) = tally_records([make_record("a", None), make_record("b", 0.0), make_record("a", 1.0)])
    assert list(part["sample"]) == ["a", "b"]
    assert list(part.score("exact")) == [1.0, 0.0]
    assert [part.name("cause", code) for code in part["cause"]] == ["", ""]


def test_scores_of_another_name_leave_gaps_that_are_no_zeros() -> None:
    two = (Score(name="exact", value=1.0), Score(name="polite", value=0.5))
    (part,) = tally_records([make_record("a", 0.0), make_record("b", scores=two), make_record("c", None)])
    assert part.scorers == ("exact", "polite")
    assert list(part.means("polite")["sample"]) == ["b"]
    assert list(part.means("exact")["value"]) == [0.0, 1.0]


def test_clusters_and_groups_keep_their_words() -> None:
    (part,) = tally_records([make_record("a", group="g", cluster="text 1"), make_record("b", group="h")])
    found = part.means("exact")
    assert [part.name("cluster", code) for code in found["cluster"]] == ["text 1", ""]
    assert [part.name("group", code) for code in found["group"]] == ["g", "h"]


def test_what_was_answered_from_the_cache_is_told_apart() -> None:
    records = [make_record("a"), make_record("b", completion=make_completion(cached=True)), make_record("c", None)]
    (part,) = tally_records(records)
    assert list(part["answered"]) == [FRESH, CACHED, UNANSWERED]


@given(rows=ROWS, data=st.data())
@settings(deadline=None, max_examples=60)
def test_means_are_those_of_each_samples_epochs_in_any_order_of_arrival(rows: list[tuple], data: st.DataObject) -> None:
    records = [make_record(sample, value, epoch=epoch) for sample, epoch, value in data.draw(st.permutations(rows))]
    (part,) = tally_records(records)
    found = part.means("exact")
    assert list(found["sample"]) == sorted({sample for sample, _, _ in rows})
    for sample, value, epochs in zip(found["sample"], found["value"], found["epochs"], strict=True):
        values = [value for name, _, value in rows if name == sample]
        assert value == pytest.approx(sum(values) / len(values))
        assert epochs == len(values)
