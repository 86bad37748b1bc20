"""How many right and wrong answers values are worth that are none, or that depend on each other."""

from __future__ import annotations

import math

__all__ = ["DOUBTED", "find_effective_n"]

#: units added that vary as much as a unit can: to an interval; and where it must not be too narrow, whatever is unseen
_ADDED = 1 / 12
DOUBTED = 1.0


def find_effective_n(
    possible: float, error: float, units: float, most: float = math.inf, *, added: float = _ADDED
) -> float:
    """Return the number of independent 0/1 values whose mean would vary as much as a mean of other values does.

    That is `possible / error` (Korn & Graubard 1998, Survey Methodology 24:193; Dean & Pagano 2015, J. Surv. Stat.
    Methodol. 3:484), which is far too large now and then where only few of the units differ, such as epochs and
    clusters at rates near 0 and 1. So the variance is taken as if a twelfth of a unit more had been seen, which varied
    as much as a unit can. A unit never counts less than one 0/1 value, which is what units count that do not vary at
    all: nothing is known of how they would. This takes the place of the quantile of t. A twelfth is about the least
    for which intervals of few units, too, hold rates from 0.02 to 0.98 in 94 to 96 % of runs on average, as
    benchmarks/coverage.py finds. A number of `most` is exceeded where one whole unit more, which varies like that,
    would not change it.

    :param possible: the variance of one value if all of it were 0 or 1, at least 0
    :param error: the variance of the mean, at least 0
    :param units: how many values there would be if each unit were one 0/1 value, at least 1
    :param most: how many values there are, where units hold several
    :param added: how many units are added
    """
    if not error:
        return units

    def count(more: float) -> float:
        seen, could_be = (units - 1) * units * error + more, (units - 1) * possible + more
        return units * could_be / seen

    return max(units, min(count(added), max(most, count(DOUBTED))))
