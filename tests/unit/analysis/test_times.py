import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import t

from pytest_lleval.analysis.times import bound_mean

TIMES = st.lists(st.integers(1, 1000).map(lambda one: one / 100), min_size=2, max_size=30)


def test_times_that_do_not_lean_have_the_interval_of_t() -> None:
    values = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]
    expected = t.interval(0.95, 6, loc=4.0, scale=np.std(values, ddof=1) / np.sqrt(7))
    assert bound_mean(values) == pytest.approx(expected)


def test_each_limit_is_as_many_errors_away_as_the_variance_that_goes_with_it_says() -> None:
    values = np.random.default_rng(1).exponential(size=400).tolist()
    low, high = bound_mean(values)
    mean, error = np.mean(values), np.var(values, ddof=1) / 400
    slope = 2.0 / 400  # of an exponential distribution with mean 1
    for limit in (low, high):
        score = abs(limit - mean) / np.sqrt(error + slope * (limit - mean))
        assert score == pytest.approx(1.97, abs=0.1)


def test_rare_long_times_leave_both_sides_as_much_doubt() -> None:
    """The truth is above the upper limit of t in 5.5 % of runs, and below the lower one in 1 %."""
    rng = np.random.default_rng(2)
    found = [bound_mean(rng.exponential(size=57).tolist()) for _ in range(3000)]
    above, below = (np.mean([one[side] < 1.0 if side else one[side] > 1.0 for one in found]) for side in (1, 0))
    assert above < 0.04
    assert below < 0.045


@given(TIMES)
def test_a_mean_of_times_lies_within_its_limits_whatever_the_unit(values: list[float]) -> None:
    low, high = bound_mean(values)
    assert low - 1e-9 <= np.mean(values) <= high + 1e-9
    assert bound_mean([1000 * one for one in values]) == pytest.approx((1000 * low, 1000 * high))


def test_equal_times_have_no_doubt() -> None:
    assert bound_mean([2.0, 2.0, 2.0]) == (2.0, 2.0)
