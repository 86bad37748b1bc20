import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_lleval.analysis.components import Components, estimate_epochs, find_best_split, measure_components
from pytest_lleval.analysis.statistics import estimate_mean


def test_components_agree_with_an_analysis_of_variance_by_hand():
    """Between mean square 2.0, within 0.5, 2 epochs each: (2.0 - 0.5) / 2."""
    found = measure_components([[1.5, 0.5], [2.5, 3.5]])
    assert found.within == pytest.approx(0.5)
    assert found.between == pytest.approx((4.0 - 0.5) / 2)
    assert found.correlation == pytest.approx(1.75 / 2.25)


def test_components_agree_with_the_f_statistic_of_scipy():
    from scipy.stats import f_oneway

    values = np.random.default_rng(1).random((12, 4))
    found = measure_components(values.tolist())
    mean_square = found.within + 4 * found.between if found.between else None
    expected = f_oneway(*values).statistic
    assert (mean_square or found.within) / found.within == pytest.approx(max(1.0, expected))


@pytest.mark.parametrize("epochs", [[4] * 300, [1, 2, 3, 4, 6, 8] * 50])
def test_components_are_recovered_from_even_and_uneven_epochs(epochs):
    rng = np.random.default_rng(2)
    found = [
        measure_components([(rng.normal(0, 0.3) + rng.normal(0, 0.2, count)).tolist() for count in epochs])
        for _ in range(40)
    ]
    assert np.mean([one.between for one in found]) == pytest.approx(0.09, rel=0.05)
    assert np.mean([one.within for one in found]) == pytest.approx(0.04, rel=0.05)


@given(st.lists(st.lists(st.sampled_from([0.0, 0.5, 1.0]), min_size=1, max_size=4), min_size=2, max_size=8))
def test_components_are_never_negative(values):
    found = measure_components(values)
    assert found.between >= 0
    assert found.within >= 0
    assert 0 <= found.correlation <= 1


def test_single_epochs_tell_nothing_of_epochs():
    found = measure_components([[0.0], [1.0], [1.0], [0.0]])
    assert (found.within, found.between) == (0, pytest.approx(1 / 3))


def test_one_sample_has_no_components():
    with pytest.raises(ValueError, match="1 samples do not vary"):
        measure_components([[0.0, 1.0]])
    with pytest.raises(ValueError, match="a sample without values"):
        measure_components([[0.0], []])


def test_epochs_of_one_sample_are_no_independent_values():
    estimate = estimate_epochs([[1.0, 0.0, 0.0], [1.0, 1.0], [0.0]])
    assert estimate == estimate_mean([1 / 3, 1.0, 0.0])
    assert estimate.n == 3


def test_the_best_number_of_epochs_is_near_cochrans():
    split = find_best_split(Components(between=0.05, within=0.2), cost_sample=9.0, cost_epoch=1.0, budget=1e5)
    assert split.epochs == pytest.approx(6, abs=1)
    assert split.cost <= 1e5
    assert split.variance == pytest.approx((0.05 + 0.2 / split.epochs) / split.samples)


@given(st.floats(0, 1), st.floats(0, 1), st.integers(0, 12), st.integers(1, 4), st.integers(16, 60), st.integers(1, 20))
@settings(deadline=None)
def test_no_other_split_within_the_budget_is_better(between, within, cost_sample, cost_epoch, budget, available):
    components = Components(between=between, within=within)
    split = find_best_split(
        components, cost_sample=cost_sample, cost_epoch=cost_epoch, budget=budget, available=available
    )
    possible = [
        components.predict_variance(samples, epochs)
        for samples in range(1, available + 1)
        for epochs in range(1, 61)
        if samples * (cost_sample + cost_epoch * epochs) <= budget
    ]
    assert split.cost <= budget
    assert split.samples <= available
    assert split.variance == pytest.approx(min(possible))


def test_samples_are_worth_more_than_epochs_that_cost_as_much():
    split = find_best_split(Components(between=0.1, within=0.2), cost_sample=0.0, cost_epoch=1.0, budget=300)
    assert (split.samples, split.epochs) == (300, 1)


def test_a_budget_that_is_spent_to_the_last_is_not_short_by_rounding():
    split = find_best_split(Components(between=0.1, within=0.0), cost_sample=0.1, cost_epoch=0.2, budget=3 * 0.3)
    assert split.samples == 3


def test_a_budget_below_one_epoch_is_an_error():
    with pytest.raises(ValueError, match="a budget of 1 is not enough"):
        find_best_split(Components(between=0.1, within=0.1), cost_sample=1.0, cost_epoch=1.0, budget=1)
    with pytest.raises(ValueError, match="costs are positive"):
        find_best_split(Components(between=0.1, within=0.1), cost_sample=1.0, cost_epoch=0.0, budget=1)
