import subprocess
import sys
import time
from collections.abc import Callable
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq
from scipy.stats import norm

from pytest_lleval.analysis.effective import find_effective_n
from pytest_lleval.analysis.statistics import (
    estimate_clustered,
    estimate_macro,
    estimate_mean,
    estimate_rate,
)


def bound(rate: float, n: float) -> tuple[float, float]:
    """Wilson's limits from their definition: where the score equals the quantile."""
    quantile = norm.ppf(0.975)

    def score(truth: float) -> float:
        return float(abs(rate - truth) - quantile * np.sqrt(truth * (1 - truth) / n))

    return float(brentq(score, 1e-9, rate)), float(brentq(score, rate, 1 - 1e-9))


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    [
        # Newcombe 1998, Statistics in Medicine 17:857, table I, method 3 (score)
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0000, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_agrees_with_published_values(successes: int, n: int, low: float, high: float) -> None:
    estimate = estimate_rate(successes, n)
    assert estimate.low == pytest.approx(low, abs=5e-5)
    assert estimate.high == pytest.approx(high, abs=5e-5)


@given(st.integers(1, 20000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
@settings(deadline=None)
def test_a_rate_lies_within_its_interval_and_mirrors(pair: tuple[int, int]) -> None:
    successes, n = pair
    estimate, mirror = estimate_rate(successes, n), estimate_rate(n - successes, n)
    assert estimate.low is not None
    assert estimate.high is not None
    assert 0 <= estimate.low <= estimate.value <= estimate.high <= 1
    assert estimate.low == pytest.approx(1 - (mirror.high or 0), abs=1e-12)


def test_a_rate_of_nothing_is_an_error() -> None:
    with pytest.raises(ValueError, match="0 of 0"):
        estimate_rate(0, 0)


def test_partial_values_get_wilsons_interval_with_the_n_their_variance_is_worth() -> None:
    values = [0.0, 0.5, 1.0, 0.5] * 25
    estimate = estimate_mean(values)
    low, high = bound(0.5, find_effective_n(0.25, np.var(values, ddof=1) / 100, 100))
    assert estimate.method == "Wilson, effective n"
    assert (estimate.low, estimate.high) == (pytest.approx(low, abs=1e-9), pytest.approx(high, abs=1e-9))


def test_partial_values_tell_more_than_as_many_right_and_wrong_ones() -> None:
    partial, whole = estimate_mean([0.25, 0.75] * 20), estimate_mean([0.0, 1.0] * 20)
    assert whole.low is not None
    assert partial.low is not None
    assert whole.low < partial.low < 0.5


def test_partial_values_that_are_all_alike_tell_as_much_as_right_and_wrong_ones() -> None:
    """Nothing is known of how they vary: a third of three epochs each time is no certainty."""
    estimate, rate = estimate_mean([1 / 3] * 30), estimate_rate(10, 30)
    assert estimate.value == pytest.approx(1 / 3)
    assert (estimate.low, estimate.high) == (pytest.approx(rate.low), pytest.approx(rate.high))


VALUES = st.lists(st.sampled_from([0.0, 0.2, 1 / 3, 0.5, 1.0]), min_size=2, max_size=30)


@given(VALUES, st.randoms(use_true_random=False))
@settings(deadline=None)
def test_a_mean_lies_within_its_interval_whatever_the_order(values: list[float], random: Random) -> None:
    estimate = estimate_mean(values)
    assert 0 <= (estimate.low or 0) <= estimate.value <= (estimate.high or 0) <= 1
    assert estimate_mean(random.sample(values, len(values))) == estimate


@given(VALUES)
@settings(deadline=None)
def test_a_mean_mirrors(values: list[float]) -> None:
    estimate, mirror = estimate_mean(values), estimate_mean([1 - value for value in values])
    assert estimate.low == pytest.approx(1 - (mirror.high or 0), abs=1e-9)


def test_one_partial_value_has_no_interval() -> None:
    assert estimate_mean([0.5]).low is None


def test_the_mean_of_nothing_is_an_error() -> None:
    with pytest.raises(ValueError, match="at least one value"):
        estimate_mean([])
    with pytest.raises(ValueError, match="at least one value"):
        estimate_clustered([], [])
    with pytest.raises(ValueError, match="each at least one value"):
        estimate_macro([[1.0], []])


def test_clusters_of_one_are_no_clusters() -> None:
    values = [0.0, 1.0, 1.0, 0.0, 1.0]
    assert estimate_clustered(values, "abcde") == estimate_mean(values)


def test_values_alike_within_clusters_widen_the_interval() -> None:
    values = [1.0] * 5 + [0.0] * 5 + [1.0] * 5 + [0.0] * 5
    alike = estimate_clustered(values, [index // 5 for index in range(20)])
    mixed = estimate_clustered(values, [index % 5 for index in range(20)])
    assert (alike.high or 0) - (alike.low or 0) > (mixed.high or 0) - (mixed.low or 0)


@given(VALUES, st.randoms(use_true_random=False))
@settings(deadline=None)
def test_a_clustered_mean_lies_within_its_interval_whatever_the_order(values: list[float], random: Random) -> None:
    clusters = [index % 3 for index in range(len(values))]
    estimate = estimate_clustered(values, clusters)
    assert 0 <= (estimate.low or 0) <= estimate.value <= (estimate.high or 0) <= 1
    order = random.sample(range(len(values)), len(values))
    assert estimate_clustered([values[i] for i in order], [clusters[i] for i in order]) == estimate


def test_clusters_that_are_all_right_count_as_one_value_each() -> None:
    estimate = estimate_clustered([1.0] * 50, [index // 5 for index in range(50)])
    assert estimate.low == pytest.approx(estimate_rate(10, 10).low)


def test_clusters_whose_values_are_all_alike_count_as_one_value_each() -> None:
    estimate = estimate_clustered([float(index % 20 < 5) for index in range(80)], [index // 5 for index in range(80)])
    rate = estimate_rate(4, 16)
    assert (estimate.low, estimate.high) == (pytest.approx(rate.low), pytest.approx(rate.high))


def test_a_cluster_that_hardly_differs_from_others_leaves_doubt() -> None:
    """One hit among 80 clusters says little of how hits cluster: they count less than as many single values."""
    values = [1.0] + [0.0] * 399
    estimate = estimate_clustered(values, [index // 5 for index in range(400)])
    assert (estimate_rate(1, 400).high or 0) * 1.2 < (estimate.high or 0) < (estimate_rate(1, 80).high or 0)


def test_one_cluster_has_no_interval() -> None:
    estimate = estimate_clustered([1.0, 0.0], ["a", "a"])
    assert (estimate.value, estimate.low, estimate.method) == (0.5, None, "none: one cluster")


def test_every_value_needs_a_cluster() -> None:
    with pytest.raises(ValueError, match="2 values and 1 cluster labels"):
        estimate_clustered([1.0, 0.0], ["a"])


def test_macro_accuracy_weighs_groups_alike() -> None:
    estimate = estimate_macro([[1.0, 1.0, 1.0, 0.0], [0.0, 0.0]])
    assert estimate.value == pytest.approx(0.375)
    # sums of squares of 0.75 and 0, and as if one more value had been seen in each that varies as all do: 0.75 / 4
    error = ((0.75 + 0.1875) / 16 + 0.1875 / 4) / 4
    low, high = bound(0.375, 0.375 * 0.625 / error)
    assert (estimate.low, estimate.high) == (pytest.approx(low, abs=1e-9), pytest.approx(high, abs=1e-9))


def test_a_macro_mean_of_one_group_in_clusters_is_the_mean_in_clusters() -> None:
    values, clusters = [1.0, 1.0, 0.0, 1.0, 0.0, 0.0, 1.0], "aabbbcc"
    macro, plain = estimate_macro([values], [clusters]), estimate_clustered(values, clusters)
    assert (macro.low, macro.high) == (pytest.approx(plain.low), pytest.approx(plain.high))
    assert macro.method == "Wilson, stratified, clustered"


def test_clusters_widen_the_macro_interval_whether_they_are_in_one_group_or_go_through_all() -> None:
    groups = [[1.0] * 5 + [0.0] * 5, [0.0] * 5 + [1.0] * 5] * 2
    alone = estimate_macro(groups)
    inside = estimate_macro(groups, [[(number, row // 5) for row in range(10)] for number in range(4)])
    through = estimate_macro([[1.0, 0.0] * 5] * 4, [list(range(10))] * 4)
    assert all(
        (found.high or 0) - (found.low or 0) > (alone.high or 0) - (alone.low or 0) for found in (inside, through)
    )


def test_a_group_of_one_cluster_has_no_interval_and_every_value_needs_a_label() -> None:
    estimate = estimate_macro([[1.0, 0.0], [1.0, 0.0]], ["ab", "cc"])
    assert (estimate.low, estimate.method) == (None, "none: a group has one cluster")
    with pytest.raises(ValueError, match="2 values and 1 cluster labels"):
        estimate_macro([[1.0, 0.0]], ["a"])


def test_groups_that_are_all_right_have_an_interval_all_the_same() -> None:
    estimate = estimate_macro([[1.0] * 5, [1.0] * 10])
    assert 0.5 < (estimate.low or 1) < 0.8
    assert estimate.high == 1


def test_fourteen_thousand_values_take_milliseconds() -> None:
    values = np.random.default_rng(1).random(14_042).round(1).tolist()
    clusters = [index // 5 for index in range(len(values))]
    assert measure_time(lambda: estimate_mean(values)) < 0.05
    assert measure_time(lambda: estimate_clustered(values, clusters)) < 0.05


def measure_time(work: Callable[[], object]) -> float:
    """The least CPU time of a few runs."""
    times = []
    for _ in range(5):
        began = time.process_time()
        work()
        times.append(time.process_time() - began)
    return min(times)


def test_neither_numpy_nor_scipy_is_loaded_for_rates() -> None:
    code = (
        "import sys; from pytest_lleval.analysis.statistics import estimate_mean; estimate_mean([0.0, 1.0]); "
        "print({'numpy', 'scipy'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_macro_accuracy_over_groups_of_one_has_no_interval() -> None:
    estimate = estimate_macro([[1.0], [0.0, 1.0]])
    assert (estimate.low, estimate.high) == (None, None)


def test_the_macro_interval_covers_the_truth() -> None:
    """2,000 simulated runs of 20 groups of 30 samples: 95 % intervals hold the truth 93 to 97 times in 100."""
    rng = np.random.default_rng(7)
    rates = rng.uniform(0.2, 0.9, 20)
    hits = 0
    for _ in range(2000):
        drawn = (rng.random((20, 30)) < rates[:, None]).astype(float)
        estimate = estimate_macro([list(row) for row in drawn])
        hits += (estimate.low or 0) <= rates.mean() <= (estimate.high or 1)
    assert 0.93 <= hits / 2000 <= 0.97
