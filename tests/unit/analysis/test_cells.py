import math
import statistics

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_lleval.analysis.cells import (
    CellTimes,
    bound_median,
    count_needed,
    find_median_factor,
    measure_spread,
    summarise_cell,
)

TIMES = st.lists(st.floats(1e-3, 1e3), min_size=1, max_size=60)


def cell(*seconds: float, timeouts: int = 0, errors: int = 0) -> CellTimes:
    return CellTimes(model="m", size=512, seconds=seconds, timeouts=timeouts, errors=errors)


@pytest.mark.parametrize(
    ("n", "rank", "confidence"), [(5, 1, 0.9375), (6, 1, 0.96875), (9, 2, 0.9609375), (20, 6, 0.9586)]
)
def test_limits_are_the_order_statistics_of_the_binomial(n: int, rank: int, confidence: float) -> None:
    found = bound_median(range(1, n + 1))
    assert (found.low, found.high) == (rank, n + 1 - rank)
    assert found.confidence == pytest.approx(confidence, abs=1e-4)


@given(st.integers(1, 400), st.sampled_from([0.8, 0.95, 0.99]))
def test_the_pair_of_limits_is_the_narrowest_that_holds_the_confidence(n: int, confidence: float) -> None:
    found = bound_median(range(1, n + 1), confidence)
    rank = int(found.low)

    def enclose(rank: int) -> float:
        return 1 - 2 * sum(math.comb(n, below) for below in range(rank)) / 2**n

    assert found.confidence == pytest.approx(max(0, enclose(rank)))
    assert found.confidence >= confidence or rank == 1
    assert rank == (n + 1) // 2 or enclose(rank + 1) < confidence


@given(TIMES, st.floats(0.01, 100))
def test_intervals_hold_the_median_and_scale_with_the_unit(values: list[float], unit: float) -> None:
    found, scaled = bound_median(values), bound_median([unit * value for value in values])
    assert found.low <= found.value == statistics.median(values) <= found.high
    assert (scaled.low, scaled.value, scaled.high) == pytest.approx(
        (unit * found.low, unit * found.value, unit * found.high)
    )


@pytest.mark.parametrize("draw", ["normal", "exponential", "standard_cauchy"])
def test_medians_are_covered_whatever_the_distribution(draw: str) -> None:
    rng = np.random.default_rng(4)
    truth = math.log(2) if draw == "exponential" else 0.0
    samples = np.exp(np.clip(getattr(rng, draw)(size=(1500, 11)), -50, 50))
    held = [one.low <= math.exp(truth) <= one.high for one in map(bound_median, samples.tolist())]
    assert np.mean(held) > 0.95


def test_timeouts_are_longer_than_all_others() -> None:
    found = summarise_cell(cell(1.0, 3.0, 2.0, timeouts=2, errors=4))
    assert found is not None
    assert (found.n, found.median.value, found.median.high, found.p95) == (5, 3.0, math.inf, math.inf)
    assert found.median.ratio == math.inf
    assert (found.timeouts, found.errors) == (2, 4)


def test_a_cell_without_times_has_no_numbers() -> None:
    assert summarise_cell(cell(timeouts=3)) is None
    assert summarise_cell(cell(errors=3)) is None


@pytest.mark.parametrize(("n", "rank"), [(1, 1), (5, 5), (19, 19), (20, 19), (100, 95)])
def test_p95_is_a_time_that_was_measured(n: int, rank: int) -> None:
    found = summarise_cell(cell(*map(float, range(n, 0, -1))))
    assert found is not None
    assert found.p95 == rank


@given(TIMES.filter(lambda values: len(values) > 1), st.floats(0.01, 1))
def test_more_repeats_are_asked_for_until_the_interval_is_narrow(values: list[float], target: float) -> None:
    needed, careful = count_needed(values, target), bound_median(values, 0.975)
    assert (needed == 0) == (careful.confidence >= 0.975 and careful.ratio <= target)
    assert needed == 0 or len(values) < needed <= max(6, 3 * len(values), len(values) + 1)


def test_noise_of_a_tenth_needs_some_fifty_repeats_for_a_twentieth() -> None:
    rng, numbers = np.random.default_rng(1), []
    for _ in range(100):
        values = np.exp(0.1 * rng.standard_normal(5)).tolist()
        while needed := count_needed(values, 0.05):
            values += np.exp(0.1 * rng.standard_normal(needed - len(values))).tolist()
        numbers.append(len(values))
    assert 35 < np.mean(numbers) < 60


@pytest.mark.parametrize("n", [2, 3, 4, 5, 6, 8, 11, 20, 31])
def test_factors_for_few_are_those_of_normal_values(n: int) -> None:
    draws = np.random.default_rng(n).standard_normal((20_000, n))
    assert find_median_factor(n) == pytest.approx(np.median(draws, axis=1).var(), rel=0.06)
    spreads = [measure_spread(np.exp(row).tolist()) for row in draws[:6000]]
    assert np.mean(spreads) == pytest.approx(1.0, abs=0.09)


def test_one_slow_answer_does_not_widen_the_spread() -> None:
    values = [1.0, 1.05, 0.95, 1.02, 0.98]
    assert measure_spread([*values, 50.0]) < 4 * measure_spread([*values, 1.05])
    assert math.isfinite(measure_spread([*values, math.inf]))


@pytest.mark.parametrize("values", [[], [0.0, 1.0], [-1.0], [math.nan, 1.0]])
def test_times_that_cannot_be_are_errors(values: list[float]) -> None:
    with pytest.raises(ValueError, match="a median of times needs some, all above 0"):
        bound_median(values)


def test_targets_that_cannot_be_met_are_errors() -> None:
    with pytest.raises(ValueError, match="2 repeats and a target of 0"):
        count_needed([1.0, 2.0], 0)
    with pytest.raises(ValueError, match="1 repeats"):
        count_needed([1.0], 0.1)
