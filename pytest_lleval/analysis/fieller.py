"""Fieller's limits for the ratio of two means that were measured on the same samples."""

from __future__ import annotations

import math
from dataclasses import dataclass

from .tails import find_quantile, find_tail

__all__ = ["Fieller"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Fieller:
    """Means and their variances, from which a ratio less 1 is told by the t-test of new - ratio * base.

    Fieller 1954, J. R. Statist. Soc. B 16:175.
    """

    new: float
    base: float
    #: variances of the means, and their covariance
    variance_new: float
    variance_base: float
    covariance: float
    freedom: float

    def find_limit(self, probability: float) -> float:
        """Return the limit that the truth is below with a probability: infinite, or -1, where the data give none.

        :param probability: above 0, below 1
        """
        quantile = find_quantile(probability, self.freedom)
        square = self.base**2 - quantile**2 * self.variance_base
        linear = self.new * self.base - quantile**2 * self.covariance
        constant = self.new**2 - quantile**2 * self.variance_new
        # a base that may be 0 leaves ratios without limits
        if square <= 0:
            return math.inf if probability > 0.5 else -1.0
        root = math.copysign(math.sqrt(max(0.0, linear**2 - square * constant)), quantile)
        return max(-1.0, (linear + root) / square - 1)

    def find_p_below(self, value: float) -> float:
        """Return the one-sided p-value of the hypothesis that the truth is at least a value.

        :param value: above -1
        """
        return find_tail(-self._score(value), self.freedom)

    def find_p_above(self, value: float) -> float:
        """Return the one-sided p-value of the hypothesis that the truth is at most a value.

        :param value: above -1
        """
        return find_tail(self._score(value), self.freedom)

    def _score(self, value: float) -> float:
        ratio = 1 + value
        distance = self.new - ratio * self.base
        variance = self.variance_new - 2 * ratio * self.covariance + ratio**2 * self.variance_base
        # what rounding leaves of a constant ratio
        spare = 1e-9 * (abs(self.new) + ratio * self.base)
        if variance <= (1e-6 * spare) ** 2 or variance <= 0:
            return math.copysign(math.inf, distance) if abs(distance) > spare else 0.0
        return distance / math.sqrt(variance)
