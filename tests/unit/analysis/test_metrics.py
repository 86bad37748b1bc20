from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, quantile_test

from pytest_lleval.analysis.clusters import estimate_groups, estimate_samples
from pytest_lleval.analysis.metrics import Measure, measure_metric
from pytest_lleval.analysis.pass_at_k import pass_at_k, pass_hat_k
from pytest_lleval.analysis.statistics import estimate_mean
from pytest_lleval.core.results import Results, SampleResult


def measure(metric: str, samples: list[SampleResult]) -> Measure:
    named = {str(number): sample for number, sample in enumerate(samples)}
    found = measure_metric(metric, Results(suite="s", model="m", facts={}, scorers=("exact",), samples=named))
    assert found is not None
    return found


def take(seconds: list[float]) -> list[SampleResult]:
    return [SampleResult(scores=(1.0,), seconds=one) for one in seconds]


def make_epochs(rights: list[int], clusters: list[str]) -> list[SampleResult]:
    """Samples of four epochs, of which so many are right."""
    pairs = zip(rights, clusters, strict=True)
    return [SampleResult(scores=(right / 4,), epochs=4, cluster=cluster) for right, cluster in pairs]


@pytest.mark.parametrize(
    ("n", "low", "high"),
    [
        # the sign test's interval of a median, as tables have it (Conover 1999, table A3)
        (10, 2, 9),
        (20, 6, 15),
        (30, 10, 21),
    ],
)
def test_the_median_lies_between_the_ranks_of_the_sign_test(n: int, low: int, high: int) -> None:
    found = measure("latency_p50", take([float(rank) for rank in range(1, n + 1)]))
    assert (found.low, found.high) == (low, high)


@pytest.mark.parametrize("q", [0.5, 0.9, 0.95, 0.99])
@pytest.mark.parametrize("n", [20, 57, 100, 1000])
def test_limits_of_quantiles_are_ranks_that_the_binomial_leaves_no_more_than_its_tails(n: int, q: float) -> None:
    """Each limit is beyond the truth in 2.5 % of runs at most, and the rank next to it would be in more."""
    found = measure(f"latency_p{100 * q:g}", take([float(rank) for rank in range(n)]))
    below = -1 if found.low is None else int(found.low)
    above = n if found.high is None else int(found.high)
    # fewer samples than so many below the truth put it below that limit
    assert binom.cdf(below, n, q) <= 0.025 < binom.cdf(below + 1, n, q)
    assert binom.sf(above, n, q) <= 0.025
    assert above == 0 or binom.sf(above - 1, n, q) > 0.025 or above == n


@pytest.mark.parametrize(("n", "q"), [(20, 0.5), (57, 0.9), (100, 0.95), (400, 0.5)])
def test_limits_of_quantiles_agree_with_scipy(n: int, q: float) -> None:
    seconds = [((37 * rank) % 1009) / 100 + 0.01 for rank in range(n)]
    found = measure(f"latency_p{100 * q:g}", take(seconds))
    expected = quantile_test(seconds, p=q).confidence_interval(0.95)
    assert (found.low, found.high) == (pytest.approx(expected.low), pytest.approx(expected.high))


def test_a_quantile_beyond_few_samples_has_no_upper_limit() -> None:
    found = measure("latency_p95", take([float(rank) for rank in range(1, 21)]))
    assert found.high is None
    assert found.low is not None


def test_the_mean_time_has_limits_that_lean_as_times_do() -> None:
    found = measure("latency_mean", take([1.0] * 18 + [4.0, 9.0]))
    assert found.low is not None
    assert found.high is not None
    assert found.high - found.value > 1.5 * (found.value - found.low)


@pytest.mark.parametrize(("metric", "estimate"), [("pass@2", pass_at_k), ("pass^2", pass_hat_k)])
def test_pass_at_k_of_clusters_is_estimated_as_any_mean_of_clusters(
    metric: str, estimate: Callable[[int, int, int], float]
) -> None:
    rights, clusters = [4, 4, 3, 0, 0, 1, 4, 3, 4, 0, 1, 0], ["a"] * 3 + ["b"] * 3 + ["c"] * 3 + ["d"] * 3
    values = [estimate(4, right, 2) for right in rights]
    found, expected = measure(metric, make_epochs(rights, clusters)), estimate_samples(values, clusters)
    assert (found.value, found.low, found.high) == (expected.value, expected.low, expected.high)
    alone = measure(metric, make_epochs(rights, [""] * 12))
    assert found.method == "Wilson, clustered"
    assert (found.high or 0) - (found.low or 0) > (alone.high or 0) - (alone.low or 0)


def test_macro_accuracy_of_clusters_has_the_interval_of_clusters() -> None:
    scores = [1.0, 1.0, 0.0, 0.0, 1.0, 1.0, 1.0, 0.0]
    samples = [
        SampleResult(scores=(score,), group="xy"[number // 4], cluster=f"c{number // 2}")
        for number, score in enumerate(scores)
    ]
    found = measure("macro_accuracy", samples)
    alone = measure("macro_accuracy", [one._replace(cluster="") for one in samples])
    assert found.method == "Wilson, stratified, clustered"
    assert (found.value, found.n) == (alone.value, 8)
    assert (found.low or 0) < (alone.low or 0)


@given(st.lists(st.floats(0, 1), min_size=2, max_size=12))
@settings(deadline=None)
def test_samples_of_no_cluster_depend_on_nobody(values: list[float]) -> None:
    names = ["one", "one", *[""] * (len(values) - 2)] if len(values) > 2 else ["", ""]
    assert estimate_samples(values, [""] * len(values)) == estimate_mean(values)
    assert estimate_samples(values, names).n == len(values)


def test_samples_of_no_cluster_are_clusters_of_their_own_in_each_group() -> None:
    groups = [[1.0, 0.0, 1.0], [0.0, 0.0, 1.0]]
    some = estimate_groups(groups, [["a", "a", ""], ["", "", ""]])
    assert some.low is not None
    assert estimate_groups(groups, [["a", "a", "a"], ["", "", ""]]).method == "none: a group has one cluster"
