"""Whether a gate is decided by the samples so far, with its error level kept however often one looks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, Protocol

from .betting import BettingTest

__all__ = [
    "Decision",
    "DifferenceWatch",
    "ThresholdWatch",
    "Verdict",
    "decide_difference",
    "decide_threshold",
]

Verdict = Literal["pass", "fail"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Decision:
    """What the samples of a run decide: a verdict after so many `samples`, or None after all of them."""

    verdict: Verdict | None
    samples: int


class ThresholdWatch:
    """Watches the gate "the mean is at least a threshold" value by value.

    It passes as soon as the lower bound of the two-sided confidence sequence at level alpha is at or above the
    threshold, and fails as soon as the upper bound is below it: two :class:`BettingTest` of the threshold, each at
    alpha/2, which is far cheaper than the interval and the same. Should the population's mean be below the threshold
    it ever passes with probability alpha/2 at most, and should it be above it ever fails with alpha/2 at most.

    Values must come in the order in which the samples were drawn, whatever order their answers came in: answers that
    take long are often wrong, so that those which happen to be in first are no random draw.
    """

    __slots__ = ("_above", "_below", "_threshold", "samples", "verdict")

    def __init__(self, threshold: float, alpha: float = 0.05) -> None:
        """Begin with no values.

        :param threshold: in 0..1; 0 passes with the first value
        :param alpha: the error level of both sides together, in 0..1; divided by the number of gates it holds for all
        :raises ValueError: for a threshold or a level outside these
        """
        if not 0 < alpha < 1:
            raise ValueError(f"an error level of {alpha} is not between 0 and 1")
        self._threshold = threshold
        self._above = BettingTest(threshold, alternative="greater", alpha=alpha / 2)
        self._below = BettingTest(threshold, alternative="less", alpha=alpha / 2)
        #: how many values it took to decide, or have come so far
        self.samples = 0
        self.verdict: Verdict | None = None

    def update(self, value: float) -> Verdict | None:
        """Take one more sample and return the verdict, which stays once there is one.

        :param value: the sample's score in 0..1, its mean over epochs where there are several; a sample that could
            not be scored is left out
        :raises ValueError: for a value outside 0..1
        """
        above, below = self._above.update(value), self._below.update(value)
        if self.verdict is None:
            self.samples += 1
            if above or self._threshold == 0:
                self.verdict = "pass"
            elif below:
                self.verdict = "fail"
        return self.verdict


class DifferenceWatch:
    """Watches the gate "no worse than a baseline by more than a tolerance" by the differences new - base of samples.

    It passes as soon as the lower bound of the confidence sequence for the mean difference is above -tolerance
    (non-inferiority), and fails as soon as the upper bound is below 0 and the mean so far is below -tolerance:
    one-sided :class:`BettingTest` of -tolerance and of 0, each at level alpha, of (1 + difference)/2. Should the
    population's mean be at most -tolerance it ever passes with probability alpha at most, and should it be 0 or more it
    ever fails with alpha at most; between these both verdicts are right. Order as for :class:`ThresholdWatch`.
    """

    __slots__ = ("_better", "_tolerance", "_total", "_worse", "samples", "verdict")

    def __init__(self, tolerance: float, alpha: float = 0.05) -> None:
        """Begin with no differences.

        :param tolerance: the loss in mean score that is borne, in 0..1
        :param alpha: the error level of each side, in 0..1; divided by the number of gates it holds for all
        :raises ValueError: for a tolerance or a level outside these
        """
        if not 0 <= tolerance <= 1:
            raise ValueError(f"a tolerance of {tolerance} is not in 0..1")
        self._tolerance, self._total = tolerance, 0.0
        self._better = BettingTest((1 - tolerance) / 2, alternative="greater", alpha=alpha)
        self._worse = BettingTest(0.5, alternative="less", alpha=alpha)
        #: how many differences it took to decide, or have come so far
        self.samples = 0
        self.verdict: Verdict | None = None

    def update(self, value: float) -> Verdict | None:
        """Take one more sample and return the verdict, which stays once there is one.

        :param value: the sample's score less that of the same sample in the baseline, in -1..1; a sample that either
            side could not score is left out
        :raises ValueError: for a difference outside -1..1
        """
        if not -1 <= value <= 1:
            raise ValueError(f"a difference of {value} is not in -1..1")
        better, worse = self._better.update((1 + value) / 2), self._worse.update((1 + value) / 2)
        if self.verdict is None:
            self.samples, self._total = self.samples + 1, self._total + value
            if better:
                self.verdict = "pass"
            elif worse and self._total < -self._tolerance * self.samples:
                self.verdict = "fail"
        return self.verdict


class _Watch(Protocol):
    def update(self, value: float) -> Verdict | None: ...


def decide_threshold(values: Iterable[float], threshold: float, alpha: float = 0.05) -> Decision:
    """Replay what a :class:`ThresholdWatch` decides.

    :param values: scores in 0..1 in the order in which the samples were drawn
    :param threshold: as for the watch
    :param alpha: as for the watch
    :raises ValueError: as the watch does, up to the value that decides
    """
    return _replay(ThresholdWatch(threshold, alpha), values)


def decide_difference(differences: Iterable[float], tolerance: float, alpha: float = 0.05) -> Decision:
    """Replay what a :class:`DifferenceWatch` decides.

    :param differences: new - base in -1..1 in the order in which the samples were drawn
    :param tolerance: as for the watch
    :param alpha: as for the watch
    :raises ValueError: as the watch does, up to the difference that decides
    """
    return _replay(DifferenceWatch(tolerance, alpha), differences)


def _replay(watch: _Watch, values: Iterable[float]) -> Decision:
    number = 0
    for number, value in enumerate(values, start=1):
        if verdict := watch.update(value):
            return Decision(verdict=verdict, samples=number)
    return Decision(verdict=None, samples=number)
