"""How many samples show a difference, and how small a difference a number of samples shows.

All levels are one-sided, as a gate asks; half of it is the level of each side of a two-sided test. Test statistics are
taken to be normal, which makes the numbers a little too small below about 30 samples.
"""

from __future__ import annotations

import math
from statistics import NormalDist

__all__ = [
    "measure_sd",
    "minimal_difference",
    "minimal_discordant_difference",
    "samples_for_discordance",
    "samples_for_noninferiority",
    "samples_for_rate",
    "samples_needed",
]

ALPHA, POWER = 0.05, 0.8
#: what rounding may add to a number that is whole
_ROUNDING = 1e-9


def measure_sd(discordance: float, difference: float = 0.0) -> float:
    """Return the standard deviation of the paired differences of 0/1 values.

    :param discordance: the share of samples on which the runs differ, in 0..1
    :param difference: the true difference of the rates, at most the discordance
    :raises ValueError: when the difference is larger
    """
    if not abs(difference) <= discordance <= 1:
        raise ValueError(f"a difference of {difference} is not possible when {discordance} of the samples differ")
    return math.sqrt(discordance - difference**2)


def samples_needed(difference: float, *, sd: float, alpha: float = ALPHA, power: float = POWER) -> int:
    """Return how many samples show a true paired difference, by a test of the mean of differences.

    Miller 2024, arXiv:2411.00640, section 5, one-sided. Assumes independent samples, and that the standard deviation is
    known and the same whatever the difference.

    :param difference: the true one, of means; its sign does not matter
    :param sd: the standard deviation of the paired differences over samples
    :param alpha: the test's one-sided level
    :param power: the chance that the test rejects
    :raises ValueError: when the difference is 0, or a chance is not possible
    """
    _check(alpha, power)
    if not difference:
        raise ValueError("a difference of 0 cannot be shown by any number of samples")
    return _round_up(((_find_quantile(alpha) + _find_quantile(1 - power)) * sd / difference) ** 2)


def minimal_difference(n: int, *, sd: float, alpha: float = ALPHA, power: float = POWER) -> float:
    """Return the smallest true paired difference that a number of samples shows.

    The inverse of `samples_needed`, with its assumptions (Miller 2024, arXiv:2411.00640, section 5).

    :param n: samples, at least 1
    :param sd: the standard deviation of the paired differences over samples
    :param alpha: the test's one-sided level
    :param power: the chance that the test rejects
    :raises ValueError: when there are no samples, or a chance is not possible
    """
    _check(alpha, power, n)
    return (_find_quantile(alpha) + _find_quantile(1 - power)) * sd / math.sqrt(n)


def samples_for_discordance(
    difference: float, *, discordance: float, alpha: float = ALPHA, power: float = POWER
) -> int:
    """Return how many samples show a true difference of two paired rates by McNemar's test.

    Connor 1987, Biometrics 43:207. Assumes independent samples and that the share of samples that differ is
    known; the exact test needs up to about 2 / difference more.

    :param difference: the true one, of rates, at most the discordance; its sign does not matter
    :param discordance: the share of samples on which the runs differ, above 0
    :param alpha: the test's one-sided level
    :param power: the chance that the test rejects
    :raises ValueError: when the difference is 0 or not possible, or a chance is not possible
    """
    _check(alpha, power)
    if not difference:
        raise ValueError("a difference of 0 cannot be shown by any number of samples")
    null, true = math.sqrt(discordance), measure_sd(discordance, difference)
    return _round_up(((_find_quantile(alpha) * null + _find_quantile(1 - power) * true) / difference) ** 2)


def minimal_discordant_difference(
    n: int, *, discordance: float, alpha: float = ALPHA, power: float = POWER
) -> float | None:
    """Return the smallest true difference of two paired rates that a number of samples shows by McNemar's test.

    The inverse of `samples_for_discordance`, with its assumptions; None where even samples that all change the same way
    would not show it.

    :param n: samples, at least 1
    :param discordance: the share of samples on which the runs differ, above 0
    :param alpha: the test's one-sided level
    :param power: the chance that the test rejects
    :raises ValueError: when there are no samples, or a chance is not possible
    """
    _check(alpha, power, n)
    need, spare = _find_quantile(alpha) * math.sqrt(discordance), _find_quantile(1 - power)
    # need + spare * sqrt(discordance - d**2) = d * sqrt(n), squared
    square, linear, constant = n + spare**2, need * math.sqrt(n), need**2 - spare**2 * discordance
    inside = linear**2 - square * constant
    found = (linear + math.sqrt(inside)) / square if inside >= 0 else math.inf
    return found if found <= discordance else None


def samples_for_noninferiority(
    tolerance: float, *, sd: float, difference: float = 0.0, alpha: float = ALPHA, power: float = POWER
) -> int:
    """Return how many samples show that a run is not worse than tolerated.

    Julious 2004, Statistics in Medicine 23:1921, for paired differences. Assumes independent samples, and
    that the standard deviation is known.

    :param tolerance: the loss that is tolerated, above 0
    :param sd: the standard deviation of the paired differences over samples
    :param difference: the true one, new less base, above the negated tolerance
    :param alpha: the test's one-sided level
    :param power: the chance that the test rejects
    :raises ValueError: when the truth is not within the tolerance, or a chance is not possible
    """
    if not difference > -tolerance:
        raise ValueError(f"a true difference of {difference} is not within a tolerance of {tolerance}")
    return samples_needed(difference + tolerance, sd=sd, alpha=alpha, power=power)


def samples_for_rate(rate: float, threshold: float, *, alpha: float = ALPHA, power: float = POWER) -> int:
    """Return how many samples show that a rate is beyond a threshold, above or below it.

    By the score test, whose interval is Wilson's (Fleiss, Levin & Paik 2003, Statistical Methods for Rates and
    Proportions, chapter 2). Assumes independent samples.

    :param rate: the true one, in 0..1, not the threshold itself
    :param threshold: above 0, below 1
    :param alpha: the test's one-sided level
    :param power: the chance that the test rejects
    :raises ValueError: when rate and threshold are equal or not possible, or a chance is not possible
    """
    _check(alpha, power)
    if not (0 <= rate <= 1 and 0 < threshold < 1) or rate == threshold:
        raise ValueError(f"no number of samples tells a rate of {rate} from a threshold of {threshold}")
    null, true = math.sqrt(threshold * (1 - threshold)), math.sqrt(rate * (1 - rate))
    return _round_up(((_find_quantile(alpha) * null + _find_quantile(1 - power) * true) / (rate - threshold)) ** 2)


def _check(alpha: float, power: float, n: int = 1) -> None:
    if n < 1:
        raise ValueError(f"{n} samples show nothing")
    if not 0 < alpha <= 0.5 <= power < 1:
        raise ValueError(f"a level of {alpha} is not above 0 and up to 0.5, or a power of {power} from 0.5 to below 1")


def _find_quantile(tail: float) -> float:
    return -NormalDist().inv_cdf(tail)


def _round_up(samples: float) -> int:
    return max(1, math.ceil(samples * (1 - _ROUNDING)))
