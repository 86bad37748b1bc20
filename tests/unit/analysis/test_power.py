import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_lleval.analysis.paired import mcnemar
from pytest_lleval.analysis.power import (
    measure_sd,
    minimal_difference,
    minimal_discordant_difference,
    samples_for_discordance,
    samples_for_noninferiority,
    samples_for_rate,
    samples_needed,
)

N = st.integers(10, 20_000)


def test_sample_sizes_agree_with_statsmodels():
    power = pytest.importorskip("statsmodels.stats.power")
    found = samples_needed(0.05, sd=0.4, alpha=0.05, power=0.9)
    expected = power.normal_power_het(0.05, found, 0.05, std_null=0.4, alternative="larger")
    assert 0.9 <= expected < 0.901


def test_sample_sizes_agree_with_the_formula_by_hand():
    """(1.96 + 0.84) ** 2 * (1 / 9) / 0.03 ** 2, the assumptions of Miller 2024, section 5, without noise of epochs."""
    assert samples_needed(0.03, sd=(1 / 9) ** 0.5, alpha=0.025, power=0.8) == pytest.approx(969, abs=1)


@given(N, st.floats(0.05, 1))
def test_the_smallest_difference_needs_the_samples_it_is_of(n, sd):
    assert samples_needed(minimal_difference(n, sd=sd), sd=sd) == pytest.approx(n, abs=1)


@given(N, st.floats(0.02, 0.6))
def test_the_smallest_difference_of_rates_needs_the_samples_it_is_of(n, discordance):
    found = minimal_discordant_difference(n, discordance=discordance)
    if found is not None:
        assert 0 < found <= discordance
        assert samples_for_discordance(found, discordance=discordance) == pytest.approx(n, abs=1)


def test_too_few_samples_show_no_difference_at_all():
    assert minimal_discordant_difference(20, discordance=0.05) is None
    assert minimal_discordant_difference(1, discordance=1.0) is None


def test_mcnemars_test_has_the_power_that_was_asked_for():
    """The exact test needs up to 2 / difference more samples than the formula says."""
    n = samples_for_discordance(0.05, discordance=0.2) + round(2 / 0.05)
    rng = np.random.default_rng(1)
    gain, loss, _ = rng.multinomial(n, [0.125, 0.075, 0.8], size=2000).T
    shown = [mcnemar(int(more), int(fewer)) <= 0.05 for more, fewer in zip(gain, loss, strict=True)]
    assert np.mean(shown) == pytest.approx(0.8, abs=0.03)


def test_not_being_worse_takes_what_showing_the_tolerance_would():
    assert samples_for_noninferiority(0.02, sd=0.4) == samples_needed(0.02, sd=0.4)
    assert samples_for_noninferiority(0.02, sd=0.4, difference=-0.01) == samples_needed(0.01, sd=0.4)
    with pytest.raises(ValueError, match="not within a tolerance"):
        samples_for_noninferiority(0.02, sd=0.4, difference=-0.02)


def test_a_rate_is_told_from_a_threshold_with_the_power_that_was_asked_for():
    n = samples_for_rate(0.85, 0.8)
    rng = np.random.default_rng(2)
    rates = rng.binomial(n, 0.85, size=20_000) / n
    assert np.mean((rates - 0.8) / np.sqrt(0.8 * 0.2 / n) >= 1.6449) == pytest.approx(0.8, abs=0.02)
    assert samples_for_rate(0.15, 0.2) == n


def test_larger_differences_need_fewer_samples():
    needed = [samples_for_discordance(size / 100, discordance=0.3) for size in range(1, 31)]
    assert needed == sorted(needed, reverse=True)


def test_the_spread_of_right_and_wrong_answers_follows_from_how_many_differ():
    assert measure_sd(0.2, 0.1) == pytest.approx(np.std([1] * 15 + [-1] * 5 + [0] * 80))
    with pytest.raises(ValueError, match=r"a difference of 0\.3 is not possible"):
        measure_sd(0.2, 0.3)


def test_what_no_number_of_samples_shows_is_an_error():
    with pytest.raises(ValueError, match="a difference of 0"):
        samples_needed(0.0, sd=0.3)
    with pytest.raises(ValueError, match="a difference of 0"):
        samples_for_discordance(0.0, discordance=0.3)
    with pytest.raises(ValueError, match=r"a rate of 0\.5 from a threshold of 0\.5"):
        samples_for_rate(0.5, 0.5)
    with pytest.raises(ValueError, match="0 samples show nothing"):
        minimal_difference(0, sd=0.3)
    with pytest.raises(ValueError, match="a level of 0"):
        samples_needed(0.1, sd=0.3, alpha=0.0)
