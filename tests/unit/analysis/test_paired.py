import time
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest, norm, ttest_rel

from pytest_lleval.analysis.paired import compare_paired, mcnemar
from pytest_lleval.analysis.tango import PairedRates

VALUE = st.sampled_from([0.0, 0.25, 1 / 3, 0.5, 1.0])
PAIRS = st.lists(st.tuples(VALUE, VALUE), min_size=1, max_size=25)
BINARY = st.lists(st.tuples(st.sampled_from([0.0, 1.0]), st.sampled_from([0.0, 1.0])), min_size=1, max_size=25)


def split(pairs):
    new, base = zip(*pairs, strict=True)
    return new, base


def make_binary(gain, loss, n):
    return [1.0] * gain + [0.0] * (n - gain), [0.0] * gain + [1.0] * loss + [0.0] * (n - gain - loss)


def test_mcnemar_agrees_with_the_textbook():
    """Agresti 2013, table 11.1: 150 and 86 of 1600 changed their approval; z = -4.17."""
    assert norm.isf(mcnemar(150, 86)) == pytest.approx(4.17, abs=0.08)


@given(st.integers(0, 40), st.integers(0, 40))
def test_mcnemar_is_the_binomial_test_of_what_changed(more, fewer):
    expected = binomtest(more, more + fewer, alternative="greater").pvalue if more + fewer else 1.0
    assert mcnemar(more, fewer) == pytest.approx(expected)


@pytest.mark.parametrize(("gain", "loss"), [(12, 5), (0, 6), (3, 3)])
def test_two_sided_p_values_agree_with_statsmodels(gain, loss):
    tables = pytest.importorskip("statsmodels.stats.contingency_tables")
    found = compare_paired(*make_binary(gain, loss, 40))
    assert found.p_changed == pytest.approx(tables.mcnemar([[0, gain], [loss, 0]], exact=True).pvalue)


def test_right_and_wrong_answers_get_tangos_interval():
    found = compare_paired(*make_binary(5, 12, 60))
    assert (found.low, found.high) == pytest.approx(PairedRates(5 / 60, 12 / 60, 60).find_limits(norm.ppf(0.975)))
    assert (found.better, found.worse, found.method) == (5, 12, "Tango")
    assert found.difference == pytest.approx(-7 / 60)
    assert found.p_worse == pytest.approx(binomtest(12, 17, alternative="greater").pvalue)


def test_partial_values_get_nearly_the_paired_t_test_where_there_are_many():
    rng = np.random.default_rng(2)
    base = rng.integers(0, 6, 2000) / 5
    new = np.clip(base + rng.integers(-2, 3, 2000) / 5, 0, 1)
    found, expected = compare_paired(new.tolist(), base.tolist()), ttest_rel(new, base)
    interval = expected.confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high), abs=2e-4)
    assert found.p_better == pytest.approx(ttest_rel(new, base, alternative="greater").pvalue, abs=0.02)
    assert found.method == "Tango, effective n"


def test_fewer_clusters_than_samples_widen_the_interval():
    new, base = make_binary(30, 10, 100)
    alone = compare_paired(new, base)
    found = compare_paired(new, base, clusters=[index // 5 for index in range(100)])
    assert found.low < alone.low < alone.high < found.high
    assert (found.rates.freedom, found.method) == (19, "Tango, clustered")
    assert found.p_better > alone.p_better


@given(PAIRS, st.booleans())
@settings(deadline=None)
def test_swapping_the_runs_mirrors_everything(pairs, clustered):
    new, base = split(pairs)
    clusters = [min(index, 3) for index in range(len(pairs))] if clustered and len(pairs) > 1 else None
    found = compare_paired(new, base, clusters=clusters)
    mirror = compare_paired(base, new, clusters=clusters)
    assert -1 <= found.low <= found.difference <= found.high <= 1
    assert (found.low, found.high) == pytest.approx((-mirror.high, -mirror.low), abs=1e-9)
    assert (found.p_worse, found.worse) == (pytest.approx(mirror.p_better), mirror.better)


@given(PAIRS, st.randoms(use_true_random=False))
@settings(deadline=None)
def test_the_order_of_samples_changes_nothing(pairs, random: Random):
    assert compare_paired(*split(random.sample(pairs, len(pairs)))) == compare_paired(*split(pairs))


@given(PAIRS, st.floats(0.01, 0.5))
@settings(deadline=None)
def test_a_tolerance_beyond_the_lower_bound_is_shown_and_one_short_of_it_is_not(pairs, spare):
    found = compare_paired(*split(pairs))
    bound = found.find_lower_bound(0.95)
    assert bound <= found.difference
    if bound - spare >= -1:
        assert found.p_not_worse_than(-bound + spare if bound < spare else 0.0) <= 0.05 + 1e-9
    if -1 < bound < -spare:
        assert found.p_not_worse_than(-bound - spare) >= 0.05 - 1e-9


@given(PAIRS, st.floats(0, 1))
@settings(deadline=None)
def test_equivalence_is_the_harder_one_of_two_tests(pairs, tolerance):
    new, base = split(pairs)
    found = compare_paired(new, base)
    either = found.p_not_worse_than(tolerance), compare_paired(base, new).p_not_worse_than(tolerance)
    assert found.p_equivalent(tolerance) == pytest.approx(max(either))


@given(BINARY)
@settings(deadline=None)
def test_a_test_of_no_tolerance_is_no_easier_than_one_of_some(pairs):
    found = compare_paired(*split(pairs))
    assert found.p_not_worse_than(0.0) >= found.p_not_worse_than(0.1) - 1e-12


def test_clusters_never_count_as_more_values_than_they_hold():
    """Samples that hardly vary do not rule out a cluster that is lost altogether."""
    new, base = [0.6, 0.4, 0.5, 0.5, 0.5] * 8, [0.5] * 40
    assert compare_paired(new, base).effective_n > 40
    assert compare_paired(new, base, clusters=[index // 5 for index in range(40)]).effective_n <= 40


@pytest.mark.parametrize("value", [1.0, 1 / 3])
def test_runs_that_are_alike_differ_by_no_more_than_their_number_tells(value):
    found = compare_paired([value] * 50, [value] * 50)
    z = norm.ppf(0.975)
    assert (found.low, found.high) == pytest.approx((-(z**2) / (50 + z**2), z**2 / (50 + z**2)))
    assert (found.p_worse, found.p_better, found.p_changed) == (1, 1, 1)
    assert found.p_not_worse_than(0.1) < 0.05 < found.p_not_worse_than(0.02)


def test_differences_that_are_all_alike_are_no_certainty():
    found = compare_paired([0.5] * 20, [0.25] * 20)
    assert found.low < 0.2
    assert found.high > 0.3


def test_one_sample_is_a_comparison_that_tells_little():
    found = compare_paired([1.0], [0.5])
    assert (found.n, found.difference) == (1, 0.5)
    assert found.high - found.low > 0.8
    assert found.p_worse > 0.05


def test_fourteen_thousand_samples_take_milliseconds():
    rng = np.random.default_rng(1)
    new, base = rng.random(14_042).round(1).tolist(), rng.random(14_042).round(1).tolist()
    times = []
    for _ in range(5):
        began = time.process_time()
        compare_paired(new, base)
        times.append(time.process_time() - began)
    assert min(times) < 0.05


@pytest.mark.parametrize(
    ("new", "base", "message"),
    [
        ([], [], "at least one sample"),
        ([1.0], [1.0, 0.0], "1 new values and 2 of the base"),
        ([1.5], [1.0], "1.5 is not in 0..1"),
        ([1.0], [float("nan")], "nan is not in 0..1"),
    ],
)
def test_what_cannot_be_compared_is_an_error(new, base, message):
    with pytest.raises(ValueError, match=message):
        compare_paired(new, base)


def test_one_cluster_and_impossible_tolerances_are_errors():
    with pytest.raises(ValueError, match="one cluster tells nothing"):
        compare_paired([1.0, 0.0], [1.0, 1.0], clusters=["a", "a"])
    with pytest.raises(ValueError, match=r"a tolerance of -0\.1"):
        compare_paired([1.0], [1.0]).p_not_worse_than(-0.1)
    with pytest.raises(ValueError, match="-1 and 3"):
        mcnemar(-1, 3)


def test_losses_that_are_rare_and_large_leave_doubt_of_more():
    """Of 100 clusters 5 are lost altogether, and in the others as much rises as falls: the lower limit is farther."""
    new, base = [1.0, 0.0, 1.0, 1.0, 1.0] * 95 + [0.0] * 25, [0.0, 1.0, 1.0, 1.0, 1.0] * 95 + [1.0] * 25
    found = compare_paired(new, base, clusters=[index // 5 for index in range(500)])
    assert found.difference - found.low > 1.3 * (found.high - found.difference)


def test_many_clusters_whose_differences_do_not_go_together_count_as_more_values_than_they_hold():
    """Means of three epochs vary less than right and wrong answers do."""
    rng = np.random.default_rng(3)
    new, base = (rng.binomial(3, 0.5, 3000) / 3 for _ in range(2))
    found = compare_paired(new.tolist(), base.tolist(), clusters=[index // 5 for index in range(3000)])
    assert found.effective_n > 3000
