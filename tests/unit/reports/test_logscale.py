import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_lleval.reports.page.logscale import LogScale, choose_labels, list_ticks


def test_equal_factors_are_equal_ways():
    scale = LogScale(1, 100, 0, 200)
    assert scale.place(10) - scale.place(1) == pytest.approx(scale.place(100) - scale.place(10))
    assert scale.place(0.001) == 0
    assert scale.place(1e9) == pytest.approx(200)


def test_axes_may_run_from_the_bottom_up():
    scale = LogScale(1, 100, 200, 0, room=0.1)
    assert 200 > scale.place(1) > scale.place(100) > 0


def test_one_value_has_room():
    assert LogScale(5, 5, 0, 100).place(5) == pytest.approx(50)


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (0.08, 12, [0.1, 1, 10]),
        (0.08, 3.3, [0.1, 0.3, 1, 3]),
        (0.6, 9, [1, 2, 5]),
        (0.9, 2.5, [1, 1.5, 2]),
        (1.01, 1.35, [1.1, 1.2, 1.3]),
    ],
)
def test_ticks_are_round_and_enough(low, high, ticks):
    assert list_ticks(low, high) == ticks


@given(low=st.floats(1e-4, 1e3), factor=st.floats(1.25, 1e6))
def test_ticks_are_between_the_ends_and_not_too_many(low, factor):
    ticks = list_ticks(low, low * factor)
    assert 1 <= len(ticks) <= 12
    assert all(low <= tick <= low * factor for tick in ticks)


def test_labels_that_were_asked_for_come_first():
    assert choose_labels([0, 30, 50, 100], [False, True, False, True], 40) == [True, False, True, True]
