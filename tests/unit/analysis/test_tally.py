import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from run_parts import make_completion, make_record, make_request

from pytest_lleval.analysis.summary import summarise_run
from pytest_lleval.analysis.tally import CACHED, FRESH, UNANSWERED, tally_records
from pytest_lleval.core.records import Exchange, FailedAttempt, Score, Timing, Usage

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


def test_all_calls_of_an_epoch_are_added_up() -> None:
    def answer(tokens: int, seconds: float) -> Exchange:
        completion = make_completion(
            usage=Usage(input_tokens=tokens, output_tokens=1), timing=Timing(queued=0.25, total=seconds)
        )
        return Exchange(request=make_request("?"), completion=completion, started=tokens * 1.0)

    failed = Exchange(request=make_request("?"), failures=(FailedAttempt(error="busy"), FailedAttempt(error="busy")))
    last = answer(30, 3.0)
    record = make_record(
        "a", completion=last.completion, started=30.0, earlier=(answer(10, 1.0), failed, answer(20, 2.0))
    )
    (part,) = tally_records([record])
    found = {name: float(part[name][0]) for name in ("started", "queued", "total", "input_tokens", "output_tokens")}
    assert found == {"started": 10.0, "queued": 0.75, "total": 6.0, "input_tokens": 60.0, "output_tokens": 3.0}
    (summary,) = summarise_run([record])
    assert (summary.traffic.requests, summary.traffic.input_tokens) == (5, 60)


def test_an_epoch_whose_last_call_failed_still_counts_what_came_before() -> None:
    first = Exchange(
        request=make_request("?"), completion=make_completion(usage=Usage(input_tokens=4, output_tokens=2))
    )
    (part,) = tally_records([make_record("a", None, earlier=(first,))])
    assert float(part["input_tokens"][0]) == 4
    assert part["answered"][0] == FRESH
