import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_lleval.analysis.betting import BettingTest, confidence_sequence
from pytest_lleval.analysis.sequential import (
    DifferenceWatch,
    ThresholdWatch,
    decide_difference,
    decide_threshold,
)

#: eighths, so that 1 - x is exact
SCORES = st.lists(st.integers(0, 8).map(lambda eighths: eighths / 8), max_size=80)
DIFFERENCES = st.lists(st.integers(-4, 4).map(lambda quarters: quarters / 4), max_size=80)
LEVELS = st.sampled_from([0.05, 0.2, 0.5])
EIGHTHS = st.integers(0, 8).map(lambda eighths: eighths / 8)
OTHER = {"pass": "fail", "fail": "pass", None: None}


def bound(level: float, runs: int) -> float:
    """The most errors of a test at a level that 4 standard errors allow."""
    return runs * level + 4 * math.sqrt(runs * level * (1 - level))


@pytest.mark.parametrize("rate", [0.2, 0.6, 0.95])
def test_a_threshold_that_is_the_truth_is_seldom_decided(rate: float) -> None:
    """300 runs looked at after each of 500 samples: each verdict in at most 2.5 %, but for chance."""
    rng = np.random.default_rng(11)
    drawn = (rng.random((300, 500)) < rate).astype(float).tolist()
    verdicts = [decide_threshold(row, rate, 0.05).verdict for row in drawn]
    assert verdicts.count("pass") <= bound(0.025, 300)
    assert verdicts.count("fail") <= bound(0.025, 300)


@pytest.mark.parametrize(
    ("mean", "verdict"),
    [(-0.1, "pass"), (0.0, "fail")],
)
def test_a_difference_at_its_bound_is_seldom_decided_wrongly(mean: float, verdict: str) -> None:
    rng = np.random.default_rng(13)
    chances = [(0.3 - mean) / 2, 0.7, (0.3 + mean) / 2]
    drawn = rng.choice([-1.0, 0.0, 1.0], (300, 500), p=chances).tolist()
    tolerance = 0.1 if verdict == "pass" else 0.0
    verdicts = [decide_difference(row, tolerance, 0.05).verdict for row in drawn]
    assert 0 < verdicts.count(verdict) <= bound(0.05, 300)


def test_intervals_hold_the_truth_at_all_times_at_once() -> None:
    """200 runs of partial credits: the running intersection misses the truth in at most 20 %, but for chance."""
    drawn = np.random.default_rng(17).beta(3, 1, (200, 150)).tolist()
    intervals = [confidence_sequence(row, 0.2) for row in drawn]
    assert sum(not one.low <= 0.75 <= one.high for one in intervals) <= bound(0.2, 200)


def test_capital_is_a_fair_bet_at_the_null_and_a_losing_one_below() -> None:
    """The expectation over all sequences of 6 values in {0, 1/2, 1}, weighed by their chances, is exact."""
    for chances, fair in (([0.2, 0.4, 0.4], True), ([0.4, 0.3, 0.3], False)):
        expected = 0.0
        for number in range(3**6):
            picks = [number // 3**place % 3 for place in range(6)]
            test = BettingTest(0.6, alternative="greater", alpha=1e-9)
            for pick in picks:
                test.update(pick / 2)
            expected += test.capital * math.prod(chances[pick] for pick in picks)
        assert expected == pytest.approx(1) if fair else expected < 0.9


@given(SCORES, EIGHTHS, LEVELS)
@settings(deadline=None)
def test_a_replayed_threshold_is_what_the_watch_said(values: list[float], threshold: float, alpha: float) -> None:
    watch = ThresholdWatch(threshold, alpha)
    said = [watch.update(value) for value in values]
    decision = decide_threshold(values, threshold, alpha)
    assert decision.verdict == watch.verdict == (said[-1] if said else None)
    assert decision.samples == watch.samples
    assert said == [None] * (watch.samples - (watch.verdict is not None)) + [watch.verdict] * (
        len(values) - watch.samples + (watch.verdict is not None)
    )


@given(DIFFERENCES, st.sampled_from([0.0, 0.02, 0.5, 1.0]), LEVELS)
@settings(deadline=None)
def test_a_replayed_difference_is_what_the_watch_said(values: list[float], tolerance: float, alpha: float) -> None:
    watch = DifferenceWatch(tolerance, alpha)
    said = [watch.update(value) for value in values]
    decision = decide_difference(values, tolerance, alpha)
    assert decision.verdict == watch.verdict == (said[-1] if said else None)
    assert decision.samples == watch.samples
    assert len({one for one in said if one}) <= 1


@given(SCORES, st.integers(1, 7).map(lambda eighths: eighths / 8), LEVELS)
@settings(deadline=None)
def test_a_threshold_mirrors(values: list[float], threshold: float, alpha: float) -> None:
    decision = decide_threshold(values, threshold, alpha)
    mirror = decide_threshold([1 - value for value in values], 1 - threshold, alpha)
    assert (mirror.verdict, mirror.samples) == (OTHER[decision.verdict], decision.samples)


@given(SCORES, LEVELS)
@settings(deadline=None, max_examples=50)
def test_an_interval_mirrors_narrows_and_lies_in_range(values: list[float], alpha: float) -> None:
    whole, part = confidence_sequence(values, alpha), confidence_sequence(values[:-5], alpha)
    mirror = confidence_sequence([1 - value for value in values], alpha)
    assert 0 <= part.low <= whole.low <= 1
    assert 0 <= whole.high <= part.high <= 1
    assert (mirror.low, mirror.high) == pytest.approx((1 - whole.high, 1 - whole.low), abs=1e-9)


@given(SCORES, st.integers(1, 7).map(lambda eighths: eighths / 8), LEVELS)
@settings(deadline=None)
def test_an_interval_agrees_with_the_verdict(values: list[float], threshold: float, alpha: float) -> None:
    interval = confidence_sequence(values, alpha)
    verdict = decide_threshold(values, threshold, alpha).verdict
    if verdict == "pass" or interval.low > threshold:
        assert verdict == "pass"
        assert interval.low >= threshold - 1e-9
    if verdict == "fail" or interval.high < threshold:
        assert verdict == "fail"
        assert interval.high <= threshold + 1e-9


@given(DIFFERENCES, st.sampled_from([0.05, 0.2, 0.4]))
@settings(deadline=None, max_examples=50)
def test_an_interval_of_differences_agrees_with_the_verdict(values: list[float], alpha: float) -> None:
    """The gate's sides have a level each, the interval one for both: it is the one at twice the level."""
    interval = confidence_sequence(values, 2 * alpha, bounds=(-1, 1))
    assert -1 <= interval.low <= interval.high <= 1
    verdict = decide_difference(values, 0.25, alpha).verdict
    if verdict == "pass" or interval.low > -0.25:
        assert verdict != "fail"
    if verdict == "pass":
        assert interval.low >= -0.25 - 1e-9
    if verdict == "fail":
        assert interval.high <= 1e-9


@given(SCORES, st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=50)
def test_the_order_of_values_leaves_the_capital(values: list[float], random: object) -> None:
    first = BettingTest(0.4, alternative="greater", alpha=1e-300)
    second = BettingTest(0.4, alternative="greater", alpha=1e-300)
    for one, other in zip(values, sorted(values), strict=True):
        first.update(one)
        second.update(other)
    assert first.capital == pytest.approx(second.capital)


def test_extremes_are_decided_after_a_dozen() -> None:
    assert decide_threshold([1.0] * 50, 0.6).verdict == "pass"
    assert decide_threshold([1.0] * 50, 0.6).samples <= 12
    assert decide_threshold([0.0] * 50, 0.6).verdict == "fail"
    assert decide_threshold([0.0] * 50, 0.6).samples <= 12
    assert decide_difference([-1.0] * 50, 0.02).verdict == "fail"
    assert decide_difference([-1.0] * 50, 0.02).samples <= 12
    assert decide_difference([0.0] * 500, 0.02).verdict == "pass"
    assert decide_difference([0.0] * 500, 0.02).samples <= 300


def test_thresholds_at_the_ends() -> None:
    assert decide_threshold([0.0], 0.0).verdict == "pass"
    assert decide_threshold([1.0] * 100, 1.0).verdict is None
    assert decide_threshold([1.0, 1.0, 0.5], 1.0) == decide_threshold([1.0, 1.0, 0.5, 1.0], 1.0)
    assert decide_threshold([1.0, 1.0, 0.5], 1.0).verdict == "fail"
    assert decide_difference([-1.0, -0.5], 1.0).samples == 2


def test_equal_runs_never_pass_without_a_tolerance() -> None:
    assert decide_difference([0.0] * 2000, 0.0).verdict is None


def test_a_small_loss_that_is_borne_is_no_failure() -> None:
    """A mean of -0.05 is surely below 0, yet within the tolerance of 0.06 and not surely so."""
    values = [-0.05] * 400
    watch = DifferenceWatch(0.06)
    assert all(watch.update(value) != "fail" for value in values)
    assert decide_difference(values, 0.02).verdict == "fail"


def test_a_verdict_stays() -> None:
    watch = ThresholdWatch(0.5)
    said = [watch.update(value) for value in [1.0] * 20 + [0.0] * 200]
    assert said[19:] == ["pass"] * 201
    assert watch.samples < 20
    assert confidence_sequence([1.0] * 20 + [0.0] * 200, 0.05).low > 0.5


def test_widths_shrink_with_the_root_of_the_number() -> None:
    values = (np.random.default_rng(3).random(6400) < 0.7).astype(float).tolist()
    widths = [one.high - one.low for one in (confidence_sequence(values[:n], 0.05) for n in (100, 400, 1600, 6400))]
    assert all(1.6 < wide / narrow < 2.6 for wide, narrow in pairwise(widths))
    assert widths[-1] < 2 * 2 * 1.96 * math.sqrt(0.21 / 6400)


@pytest.mark.parametrize("value", [-0.01, 1.01, math.nan, math.inf])
def test_values_out_of_range_are_named(value: float) -> None:
    for call in (
        lambda: ThresholdWatch(0.6).update(value),
        lambda: BettingTest(0.6, alternative="less", alpha=0.05).update(value),
        lambda: confidence_sequence([0.5, value], 0.05),
        lambda: ThresholdWatch(value),
    ):
        with pytest.raises(ValueError, match=f"{value} is not in"):
            call()


def test_differences_out_of_range_are_named() -> None:
    for call in (
        lambda: DifferenceWatch(0.02).update(-1.5),
        lambda: DifferenceWatch(-1.5),
        lambda: confidence_sequence([-1.5], 0.05, bounds=(-1, 1)),
    ):
        with pytest.raises(ValueError, match=r"-1\.5"):
            call()


@pytest.mark.parametrize("alpha", [0.0, 1.0, -0.1, math.nan])
def test_levels_out_of_range_are_errors(alpha: float) -> None:
    with pytest.raises(ValueError, match="not between 0 and 1"):
        BettingTest(0.5, alternative="greater", alpha=alpha)
    with pytest.raises(ValueError, match="not between 0 and 1"):
        ThresholdWatch(0.5, alpha)
    with pytest.raises(ValueError, match="not between 0 and 1"):
        confidence_sequence([0.5], alpha)


def test_nothing_decides_nothing() -> None:
    assert decide_threshold([], 0.0).verdict is None
    interval = confidence_sequence([], 0.05)
    assert (interval.low, interval.high) == (0.0, 1.0)
