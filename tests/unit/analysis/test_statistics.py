import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_lleval.analysis.statistics import estimate_macro, estimate_mean, estimate_rate


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


def test_partial_values_get_the_normal_interval() -> None:
    values = [0.0, 0.5, 1.0, 0.5]
    estimate = estimate_mean(values)
    error = 1.959964 * np.std(values, ddof=1) / math.sqrt(4)
    assert estimate.method == "normal"
    assert estimate.low == pytest.approx(0.5 - error, abs=1e-6)


def test_one_partial_value_has_no_interval() -> None:
    assert estimate_mean([0.5]).low is None


def test_macro_accuracy_weighs_groups_alike() -> None:
    estimate = estimate_macro([[1.0, 1.0, 1.0, 0.0], [0.0, 0.0]])
    assert estimate.value == pytest.approx(0.375)
    spread = math.sqrt(0.25 / 4 + 0) / 2
    assert estimate.high == pytest.approx(0.375 + 1.959964 * spread, abs=1e-6)


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
