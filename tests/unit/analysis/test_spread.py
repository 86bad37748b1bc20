import numpy as np
import pytest
from scipy.stats import skew

from pytest_lleval.analysis.spread import measure_spread, measure_variance


def test_the_cluster_robust_variance_agrees_with_statsmodels() -> None:
    """Of clusters of one size, CR2 is what others call CR1 with G / (G - 1)."""
    regression = pytest.importorskip("statsmodels.api")
    rng = np.random.default_rng(3)
    values, clusters = rng.random(60).round(1), np.repeat(np.arange(12), 5)
    fit = regression.OLS(values, np.ones(60)).fit(
        cov_type="cluster", cov_kwds={"groups": clusters, "use_correction": False}
    )
    spread = measure_spread(values.tolist(), clusters.tolist())
    assert spread.error == pytest.approx(fit.bse[0] ** 2 * 12 / 11)
    assert (spread.count, spread.units) == (12, 12)


def test_the_cluster_robust_variance_is_unbiased_for_clusters_of_many_sizes() -> None:
    rng = np.random.default_rng(4)
    clusters = np.repeat(np.arange(8), [1, 2, 3, 4, 5, 6, 7, 12]).tolist()
    found = [measure_spread(rng.standard_normal(40).tolist(), clusters).error for _ in range(4000)]
    assert np.mean(found) == pytest.approx(1 / 40, rel=0.04)


def test_values_without_clusters_are_clusters_of_one() -> None:
    values = np.random.default_rng(5).random(30).tolist()
    spread = measure_spread(values)
    assert spread.error == pytest.approx(measure_variance(values) / 30)
    assert spread == measure_spread(values, list(range(30)))


def test_the_slope_is_the_third_cumulant_by_the_second() -> None:
    values = np.random.default_rng(6).exponential(size=50)
    third = skew(values, bias=False) * np.std(values, ddof=1) ** 3
    assert measure_spread(values.tolist()).slope == pytest.approx(third / np.var(values, ddof=1) / 50)


def test_the_variance_of_a_rate_grows_with_it_as_the_slope_says() -> None:
    values = [1.0] * 40 + [0.0] * 360
    assert measure_spread(values).slope == pytest.approx((1 - 2 * 0.1) / 400, rel=0.01)


def test_clusters_of_different_sizes_count_as_fewer() -> None:
    assert measure_spread([0.0, 1.0, 1.0, 0.0], "aaab").units == pytest.approx(16 / 10)


def test_equal_values_and_single_units_do_not_vary() -> None:
    assert (measure_spread([1 / 3] * 9).error, measure_spread([1 / 3] * 9).slope) == (0, 0)
    assert measure_spread([0.0, 1.0], "aa").error == 0
    assert measure_spread([0.5]).count == 1
