import math

import pytest
from scipy.stats import norm, t

from pytest_lleval.analysis.tails import find_quantile, find_tail


@pytest.mark.parametrize("freedom", [1, 3, 19, 14_041])
def test_quantiles_and_tails_agree_with_scipy(freedom):
    assert find_quantile(0.975, freedom) == pytest.approx(t.ppf(0.975, freedom))
    assert find_tail(1.7, freedom) == pytest.approx(t.sf(1.7, freedom))


def test_without_end_of_freedom_the_distribution_is_normal():
    assert find_quantile(0.95) == pytest.approx(norm.ppf(0.95))
    assert find_tail(-1.2) == pytest.approx(norm.sf(-1.2))


@pytest.mark.parametrize("freedom", [2, math.inf])
def test_nothing_is_beyond_infinity(freedom):
    assert (find_tail(math.inf, freedom), find_tail(-math.inf, freedom)) == (0, 1)
