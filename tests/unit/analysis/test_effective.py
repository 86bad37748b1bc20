import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_lleval.analysis.effective import find_effective_n

VARIANCE = st.floats(0, 0.25)


def test_many_values_are_worth_what_their_variance_says() -> None:
    """Means of 4 independent epochs of 2,000 samples are worth 8,000 values."""
    assert find_effective_n(0.25, 0.25 / 8000, 2000) == pytest.approx(8000, rel=0.001)


def test_values_that_are_right_or_wrong_are_worth_themselves() -> None:
    assert find_effective_n(0.25, 0.25 / 49, 50) == pytest.approx(50)


@pytest.mark.parametrize("possible", [0.0, 0.25])
def test_what_does_not_vary_at_all_counts_one_a_unit(possible: float) -> None:
    assert find_effective_n(possible, 0.0, 12) == 12


def test_few_units_that_hardly_vary_leave_doubt() -> None:
    assert 10 < find_effective_n(0.02, 1e-9, 10) < 35


def test_more_than_the_values_there_are_count_only_where_units_are_many() -> None:
    """Clusters of 5 whose values, means of 3 epochs, do not depend on each other."""
    few, many = (find_effective_n(0.1, 0.1 / (15 * units), units, most=5 * units) for units in (20, 2000))
    assert few == 100
    assert 5 * 2000 * 2 < many < 15 * 2000


@given(VARIANCE, VARIANCE, st.floats(1, 1e5), st.floats(1, 10))
def test_a_unit_is_never_worth_less_than_one_value(possible: float, error: float, units: float, size: float) -> None:
    assert find_effective_n(possible, error, units, most=size * units) >= units


@given(VARIANCE, st.floats(1e-9, 0.25), st.floats(1e-9, 0.25), st.floats(1, 1e5))
def test_what_varies_more_is_worth_less(possible: float, one: float, other: float, units: float) -> None:
    least, most = sorted((one, other))
    assert find_effective_n(possible, least, units) >= find_effective_n(possible, most, units)
