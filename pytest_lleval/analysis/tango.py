"""Tango's score for the difference of two rates that were measured on the same samples."""

from __future__ import annotations

import math

from .tails import find_tail

__all__ = ["PairedRates"]

#: of bisection, which leave less than floats tell apart
_STEPS = 60
#: half of the least step by which gains less losses can change (Yates 1934)
_CORRECTION = 0.5


class PairedRates:
    """The gains and losses between two measurements of the same n samples.

    Tango 1998, Statistics in Medicine 17:891. The score compares the difference with a margin by the variance that is
    likeliest if the margin is the true difference, in closed form. For partial values and clusters `gain` and `loss`
    are the mean rise and fall and `n` an effective number, by which the variance is that of the values. Losses that are
    rare and large, such as whole clusters, make both the mean and the variance too small where there happen to be few,
    so that too much is ruled out (Johnson 1978, J. Am. Stat. Assoc. 73:536). `tilt` is what the variance must be then.

    :param gain: the share of samples that rose, or by how much they rose in the mean, in 0..1
    :param loss: the same of those that fell; both together at most 1
    :param n: the number of samples, or an effective one, above 0
    :param freedom: degrees of freedom of t in tests; the normal distribution without end of it
    :param tilt: n times the variance of the difference, and by how much that is larger for each unit of the margin
        above the difference; the variance is at least that
    """

    __slots__ = ("_gain", "_loss", "_tilt", "freedom", "n")

    def __init__(
        self, gain: float, loss: float, n: float, *, freedom: float = math.inf, tilt: tuple[float, float] = (0.0, 0.0)
    ) -> None:
        self._gain, self._loss, self._tilt = gain, loss, tilt
        self.n, self.freedom = n, freedom

    def scale(self, times: float) -> PairedRates:
        """Return what so many times as many samples show that change as these did.

        :param times: above 0
        """
        return PairedRates(self._gain, self._loss, self.n * times, freedom=self.freedom, tilt=self._tilt)

    def score(self, margin: float, correction: float = 0.0) -> float:
        """Return the standardised distance of the difference from a margin; infinite where nothing may vary.

        :param margin: in -1..1
        :param correction: how many samples less the distance is, of whichever sign
        """
        distance = self._gain - self._loss - margin
        lessened = max(0.0, abs(distance) - correction / self.n)
        if not lessened:
            return 0.0
        variance = self._constrain(margin) / self.n
        return math.copysign(lessened / math.sqrt(variance) if variance > 0 else math.inf, distance)

    def find_limits(self, quantile: float, correction: float = 0.0) -> tuple[float, float]:
        """Return the least and the greatest margin whose score is within a quantile of 0.

        :param quantile: of the normal distribution, or of t, above 0
        :param correction: as for `score`
        """
        difference = self._gain - self._loss
        low = self._search(difference, -1.0, quantile, correction)
        return low, self._search(difference, 1.0, quantile, correction)

    def find_p_above(self, margin: float) -> float:
        """Return the one-sided p-value of the hypothesis that the true difference is at most a margin.

        It has a continuity correction: without it a true hypothesis is rejected a little too often for few samples.

        :param margin: in -1..1
        """
        return find_tail(self.score(margin, _CORRECTION), self.freedom)

    def find_p_below(self, margin: float) -> float:
        """Return the one-sided p-value of the hypothesis that the true difference is at least a margin.

        :param margin: in -1..1
        """
        return find_tail(-self.score(margin, _CORRECTION), self.freedom)

    def find_lower_bound(self, quantile: float) -> float:
        """Return the least margin that `find_p_above` does not reject.

        :param quantile: of the normal distribution, or of t, above 0
        """
        return self.find_limits(quantile, _CORRECTION)[0]

    def _constrain(self, margin: float) -> float:
        """Return n times the variance of the difference if the margin is the true one."""
        gain, loss = self._gain, self._loss
        linear = margin * (2 - gain + loss) - gain - loss
        root = math.sqrt(max(0.0, linear**2 + 8 * loss * margin * (1 - margin)))
        tilted = self._tilt[0] + self._tilt[1] * (margin - self._gain + self._loss)
        return max(0.0, (root - linear) / 2 + margin * (1 - margin), tilted)

    def _search(self, inside: float, outside: float, quantile: float, correction: float) -> float:
        if abs(self.score(outside, correction)) <= quantile:
            return outside
        for _ in range(_STEPS):
            middle = (inside + outside) / 2
            if abs(self.score(middle, correction)) <= quantile:
                inside = middle
            else:
                outside = middle
        return inside
