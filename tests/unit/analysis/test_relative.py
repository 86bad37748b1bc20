import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import ttest_rel

from pytest_lleval.analysis.relative import compare_quantiles, compare_totals

POSITIVE = st.integers(1, 1000).map(float)
PAIRS = st.lists(st.tuples(POSITIVE, POSITIVE), min_size=3, max_size=20)


def make_times(n, seed=1, slower=1.0):
    rng = np.random.default_rng(seed)
    shared = rng.normal(size=n)
    times = [np.exp(0.5 * (shared + rng.normal(size=n))) for _ in range(2)]
    return (times[0] * slower).tolist(), times[1].tolist()


def test_p_values_of_totals_are_those_of_a_t_test():
    new, base = make_times(30)
    found = compare_totals(new, base)
    scaled = [1.1 * value for value in base]
    assert found.p_more == pytest.approx(ttest_rel(new, base, alternative="greater").pvalue)
    assert found.p_not_more_than(0.1) == pytest.approx(ttest_rel(new, scaled, alternative="less").pvalue)


def test_limits_of_totals_are_where_p_values_are_the_level():
    found = compare_totals(*make_times(30))
    assert found.distribution.find_p_above(found.low) == pytest.approx(0.025)
    assert found.distribution.find_p_below(found.high) == pytest.approx(0.025)
    assert found.p_not_more_than(found.find_upper_bound(0.95)) == pytest.approx(0.05)


@given(PAIRS)
@settings(deadline=None)
def test_totals_hold_their_change_whatever_the_unit(pairs):
    new, base = (list(values) for values in zip(*pairs, strict=True))
    found = compare_totals(new, base)
    milli = compare_totals([value / 1000 for value in new], [value / 1000 for value in base])
    assert -1 <= found.low <= found.change <= found.high
    assert (milli.low, milli.change) == (pytest.approx(found.low, abs=1e-6), pytest.approx(found.change))


@given(PAIRS)
@settings(deadline=None)
def test_swapping_the_runs_inverts_the_ratio_of_totals(pairs):
    new, base = (list(values) for values in zip(*pairs, strict=True))
    found, mirror = compare_totals(new, base), compare_totals(base, new)
    if np.isfinite(found.high) and np.isfinite(mirror.high) and found.low > -1:
        assert 1 / (1 + mirror.high) == pytest.approx(1 + found.low, rel=1e-5)


def test_a_total_that_is_always_a_tenth_more_is_known_exactly():
    base = [1.0, 2.0, 5.0] * 10
    found = compare_totals([1.1 * value for value in base], base)
    assert (found.low, found.high) == (pytest.approx(0.1, abs=1e-6), pytest.approx(0.1, abs=1e-6))
    assert found.p_more < 1e-6
    assert found.p_not_more_than(0.2) < 1e-6


def test_equal_totals_show_no_change_either_way():
    found = compare_totals([3.0, 5.0, 4.0], [3.0, 5.0, 4.0])
    assert (found.change, found.p_more, found.p_less) == (0, 0.5, 0.5)


def test_a_base_of_which_nothing_is_known_gives_no_upper_limit():
    found = compare_totals([1.0, 1.0], [0.0, 100.0])
    assert (found.low, found.high) == (-1, np.inf)


@pytest.mark.parametrize("q", [0.5, 0.9])
def test_the_error_of_a_ratio_of_quantiles_is_what_repeated_runs_show(q):
    """Of 300 runs of 200 samples the logarithms of the ratio vary as much as each run says of itself."""
    found = [compare_quantiles(*make_times(200, seed=seed), q) for seed in range(300)]
    seen = np.std([np.log1p(one.change) for one in found])
    assert np.median([one.distribution.error for one in found]) == pytest.approx(seen, rel=0.15)


def test_samples_that_go_together_tell_more_of_a_ratio():
    new, base = make_times(200)
    assert compare_quantiles(new, base, 0.5).high < compare_quantiles(new, base[::-1], 0.5).high


def test_a_quantile_that_hardly_a_sample_is_beyond_has_no_limits():
    found = compare_quantiles(*make_times(20), 0.95)
    assert (found.low, found.high) == (-1, np.inf)
    assert np.isfinite(compare_quantiles(*make_times(30), 0.95).high)


def test_times_that_are_all_alike_are_no_doubt():
    found = compare_quantiles([2.0] * 30, [1.0] * 30, 0.5)
    assert (found.low, found.high, found.p_more) == (1, 1, 0)
    alike = compare_quantiles([2.0] * 30, [2.0] * 30, 0.5)
    assert (alike.change, alike.p_more, alike.p_less) == (0, 0.5, 0.5)


def test_a_gate_tells_slower_from_no_slower():
    new, base = make_times(400, slower=1.5)
    slower, alike = compare_quantiles(new, base, 0.5), compare_quantiles(base, base, 0.5)
    assert slower.p_more < 0.01
    assert slower.p_not_more_than(0.1) > 0.9
    assert alike.p_not_more_than(0.1) < 0.01
    assert alike.p_more > 0.05


def test_limits_of_quantiles_are_where_p_values_are_the_level():
    found = compare_quantiles(*make_times(100), 0.5)
    assert found.p_not_more_than(max(0.0, found.find_upper_bound(0.95))) == pytest.approx(0.05, abs=0.01)


@pytest.mark.parametrize(
    ("new", "base", "message"),
    [
        ([1.0], [1.0], "1 samples"),
        ([], [], "0 samples"),
        ([1.0, 2.0], [1.0], "2 new values and 1 of the base"),
        ([-1.0, 2.0], [1.0, 1.0], r"-1\.0 is negative"),
        ([1.0, 1.0], [0.0, 0.0], "all 0"),
    ],
)
def test_what_cannot_be_compared_is_an_error(new, base, message):
    with pytest.raises(ValueError, match=message):
        compare_totals(new, base)
    with pytest.raises(ValueError, match=message):
        compare_quantiles(new, base, 0.5)


def test_impossible_quantiles_and_tolerances_are_errors():
    with pytest.raises(ValueError, match="1 is not a quantile"):
        compare_quantiles([1.0, 2.0], [1.0, 2.0], 1)
    with pytest.raises(ValueError, match="a quantile that is 0"):
        compare_quantiles([0.0, 0.0, 2.0], [1.0, 2.0, 1.0], 0.1)
    with pytest.raises(ValueError, match=r"a tolerance of -0\.1"):
        compare_totals([1.0, 2.0], [1.0, 2.0]).p_not_more_than(-0.1)
