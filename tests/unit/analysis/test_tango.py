import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from scipy.stats import norm

from pytest_lleval.analysis.tango import PairedRates

TABLES = st.integers(2, 60).flatmap(
    lambda n: st.integers(0, n).flatmap(lambda gain: st.tuples(st.just(gain), st.integers(0, n - gain), st.just(n)))
)


def make(gain, loss, n):
    return PairedRates(gain / n, loss / n, n)


def test_the_score_agrees_with_tangos_example():
    """Tango 1998, section 5: 44 pairs of which 1 differs, margin 0.1: Z = 1.709, 90 % interval from -0.096."""
    rates = make(0, 1, 44)
    assert rates.score(-0.1) == pytest.approx(1.709, abs=5e-4)
    assert norm.sf(rates.score(-0.1)) == pytest.approx(0.044, abs=5e-4)
    assert rates.find_limits(norm.ppf(0.95))[0] == pytest.approx(-0.096, abs=5e-4)


@pytest.mark.parametrize(
    ("gain", "loss", "n", "low", "high"),
    [
        # Fagerland, Lydersen & Laake 2014, Statistics in Medicine 33:2850: the data of Bentur et al. and of Cavo et al.
        (1, 7, 21, -0.517, -0.026),
        (6, 16, 161, -0.124, -0.005),
    ],
)
def test_the_interval_agrees_with_published_ones(gain, loss, n, low, high):
    assert make(gain, loss, n).find_limits(norm.ppf(0.975)) == pytest.approx((low, high), abs=6e-4)


@pytest.mark.parametrize(("gain", "loss", "n"), [(3, 9, 40), (0, 4, 25), (12, 1, 30)])
@pytest.mark.parametrize("margin", [-0.2, -0.05, 0.0, 0.1])
def test_the_variance_is_that_of_the_likeliest_rates_with_the_margin(gain, loss, n, margin):
    def surprise(fallen):
        risen = fallen + margin
        cells = ((gain, risen), (loss, fallen), (n - gain - loss, 1 - risen - fallen))
        return -sum(count * math.log(max(chance, 1e-300)) for count, chance in cells)

    fallen = minimize_scalar(
        surprise, bounds=(max(0.0, -margin), (1 - margin) / 2), method="bounded", options={"xatol": 1e-10}
    ).x
    variance = (2 * fallen + margin - margin**2) / n
    expected = ((gain - loss) / n - margin) / math.sqrt(variance)
    assert make(gain, loss, n).score(margin) == pytest.approx(expected, rel=1e-4)


def test_at_no_margin_the_score_is_mcnemars():
    assert make(12, 5, 100).score(0.0) == pytest.approx((12 - 5) / math.sqrt(17))


@pytest.mark.parametrize("n", [1, 20, 14_042])
def test_without_a_change_the_half_width_is_known_in_closed_form(n):
    z = norm.ppf(0.975)
    assert make(0, 0, n).find_limits(z) == pytest.approx((-(z**2) / (n + z**2), z**2 / (n + z**2)))


@given(TABLES, st.floats(0.1, 4))
@settings(deadline=None)
def test_the_interval_holds_the_difference_and_mirrors(table, quantile):
    gain, loss, n = table
    low, high = make(gain, loss, n).find_limits(quantile)
    assert -1 <= low <= (gain - loss) / n <= high <= 1
    assert make(loss, gain, n).find_limits(quantile) == pytest.approx((-high, -low), abs=1e-9)


@given(TABLES)
@settings(deadline=None)
def test_the_score_falls_as_the_margin_rises(table):
    scores = [make(*table).score(margin) for margin in np.linspace(-0.99, 0.99, 41)]
    assert all(one >= other - 1e-9 for one, other in pairwise(scores))


@given(TABLES)
@settings(deadline=None)
def test_the_lower_bound_is_where_the_p_value_is_the_level(table):
    rates = make(*table)
    bound = rates.find_lower_bound(norm.ppf(0.95))
    assert bound <= rates.find_limits(norm.ppf(0.95))[0]
    if bound > -1:
        assert rates.find_p_above(bound) == pytest.approx(0.05, abs=1e-6)


def test_a_tilt_widens_the_side_where_the_variance_grows_and_never_narrows_the_other():
    plain, tilted = (PairedRates(0.05, 0.1, 100, tilt=tilt) for tilt in ((0.0, 0.0), (0.15, -0.6)))
    assert tilted.find_limits(1.96)[0] < plain.find_limits(1.96)[0]
    assert tilted.find_limits(1.96)[1] == pytest.approx(plain.find_limits(1.96)[1])


def test_more_samples_that_change_alike_show_smaller_differences():
    rates = PairedRates(0.05, 0.1, 100, freedom=19, tilt=(0.2, -0.6))
    assert rates.scale(4.0).n == 400
    assert rates.scale(4.0).find_p_below(0.0) < rates.find_p_below(0.0)
    assert rates.scale(1.0).find_limits(1.96) == rates.find_limits(1.96)
