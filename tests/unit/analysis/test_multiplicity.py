import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_lleval.analysis.multiplicity import holm

P_VALUES = st.lists(st.floats(0, 1), max_size=8)


def test_holms_published_way_of_stepping_down():
    """Holm 1979's procedure by hand: 4 * 0.01, 3 * 0.02 and so on, never falling."""
    assert holm([0.04, 0.01, 0.03, 0.02]) == pytest.approx((0.06, 0.04, 0.06, 0.06))


def test_adjusted_values_agree_with_statsmodels():
    multitest = pytest.importorskip("statsmodels.stats.multitest")
    rng = np.random.default_rng(1)
    for count in (1, 2, 3, 8, 57):
        p_values = (rng.random(count) ** 3).round(2).tolist()
        assert holm(p_values) == pytest.approx(multitest.multipletests(p_values, method="holm")[1])


@given(P_VALUES)
def test_adjusted_values_are_no_smaller_and_keep_the_order(p_values):
    adjusted = holm(p_values)
    pairs = sorted(zip(p_values, adjusted, strict=True))
    assert all(raw <= found <= 1 for raw, found in pairs)
    assert [found for _, found in pairs] == sorted(adjusted)


def test_one_test_needs_no_adjustment():
    assert holm([0.03]) == (0.03,)
    assert holm([]) == ()


@pytest.mark.parametrize("p", [-0.1, 1.2, float("nan")])
def test_what_is_no_p_value_is_an_error(p):
    with pytest.raises(ValueError, match=f"{p} is not a p-value"):
        holm([0.5, p])
