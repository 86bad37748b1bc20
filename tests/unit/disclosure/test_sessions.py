"""Sessions of a run one after the other, and beside each other."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_lleval.disclosure.sessions import label_sessions, measure_wall


def label(*shards: str) -> list[str]:
    return label_sessions([{"shard": shard} for shard in shards])


def test_a_run_of_one_session_needs_no_labels() -> None:
    assert label_sessions([{}]) == label("1/3") == [""]
    assert label_sessions([]) == []


def test_sessions_of_a_resumed_run_are_numbered() -> None:
    assert label_sessions([{}, {}]) == label("1/3", "1/3") == [" of session 1", " of session 2"]


def test_sessions_of_shards_are_named_by_them() -> None:
    assert label("1/3", "2/3") == [" of shard 1/3", " of shard 2/3"]
    assert label("2/3", "1/3", "2/3") == [" of shard 2/3, session 1", " of shard 1/3", " of shard 2/3, session 2"]
    # a run that was put together and went on as a whole
    assert label("1/3", "2/3", "") == [" of shard 1/3", " of shard 2/3", " of session 3"]


@given(st.lists(st.sampled_from(["", "1/3", "2/3"]), min_size=2))
def test_no_two_sessions_have_the_same_label(shards: list[str]) -> None:
    assert len(set(label(*shards))) == len(shards)


@pytest.mark.parametrize(
    ("spans", "seconds"),
    [
        ([], 0.0),
        ([(0, 5)], 5.0),
        # a pause is left out
        ([(0, 5), (100, 102)], 7.0),
        # beside each other, inside each other, one after the other
        ([(0, 5), (1, 6)], 6.0),
        ([(0, 9), (2, 3), (4, 5)], 9.0),
        ([(5, 9), (0, 5)], 9.0),
    ],
)
def test_wall_time_is_when_any_session_was_going_on(spans: list[tuple[float, float]], seconds: float) -> None:
    assert measure_wall([{"started": began, "ended": ended} for began, ended in spans]) == seconds
