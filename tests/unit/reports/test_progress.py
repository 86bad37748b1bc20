from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_lleval.reports.progress import LiveProgress, format_duration


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def drawn() -> list[str]:
    return []


@pytest.fixture
def live(clock: Clock, drawn: list[str]) -> LiveProgress:
    return LiveProgress(drawn.append, clock)


def test_the_line_shows_how_far_how_well_how_fast_and_how_long(live: LiveProgress, clock: Clock) -> None:
    for value in (1.0, 0.0, 0.5, None):
        live.add(value, 2)
    clock.now += 10
    assert live.format_line(1040) == (
        "lleval  4/1,040 samples · accuracy 0.500 · 1 unscored · 0.8 requests/s · 43 min 10 s left"
    )


def test_nothing_is_claimed_before_something_is_known(live: LiveProgress, clock: Clock) -> None:
    clock.now += 5
    assert live.format_line(10) == "lleval  0/10 samples · 0.0 requests/s"
    live.add(None, 1)
    assert "accuracy" not in live.format_line(10)


def test_the_last_line_leaves_no_time(live: LiveProgress, clock: Clock) -> None:
    clock.now += 2
    live.add(1.0, 1)
    assert live.format_line(1) == "lleval  1/1 samples · accuracy 1.000 · 0.5 requests/s"


def test_cases_of_an_earlier_session_do_not_shorten_what_is_left(live: LiveProgress, clock: Clock) -> None:
    for _ in range(90):
        live.add(1.0, 0)
    assert "left" not in live.format_line(100)
    clock.now += 10
    live.add(1.0, 1)
    assert live.format_line(100).endswith("0.1 requests/s · 1 min 30 s left")


def test_a_clock_that_stands_still_divides_by_nothing(live: LiveProgress) -> None:
    live.add(1.0, 1)
    assert live.format_line(2).startswith("lleval  1/2 samples")


@given(steps=st.lists(st.floats(0, 0.4), max_size=60))
@settings(max_examples=50, deadline=None)
def test_the_line_is_drawn_at_most_ten_times_a_second_and_for_the_last_case(steps: list[float]) -> None:
    clock = Clock()
    times: list[float] = []
    live = LiveProgress(lambda text: times.append(clock.now), clock)
    for step in steps:
        clock.now += step
        live.add(1.0, 1)
        live.show(len(steps) + 1)
    assert all(later - earlier >= 0.1 - 1e-9 for earlier, later in pairwise(times))
    assert len(times) >= sum(steps) / 0.6 - 1
    count = len(times)
    live.add(1.0, 1)
    live.show(len(steps) + 1)
    assert len(times) == count + 1


def test_what_is_drawn_is_the_line(live: LiveProgress, drawn: list[str]) -> None:
    live.add(0.0, 1)
    live.show(3)
    assert drawn == [live.format_line(3)]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (59.4, "59 s"),
        (59.6, "1 min 00 s"),
        (185, "3 min 05 s"),
        (3599.7, "1 h 00 min"),
        (7825, "2 h 10 min"),
        (100_000, "27 h 46 min"),
    ],
)
def test_durations_read_as_people_say_them(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text
