"""How a model's time grows with the size of the prompt."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from .curves import Curve, combine_errors
from .statistics import CONFIDENCE
from .tails import find_quantile

__all__ = ["Exponent", "fit_exponent", "list_exponents"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Exponent:
    """The k of time ∝ size^k between two sizes, with its interval."""

    model: str
    #: the smallest and the greatest size, in tokens
    start: int
    stop: int
    value: float
    low: float
    high: float


def fit_exponent(curve: Curve, confidence: float = CONFIDENCE) -> Exponent:
    """Return the exponent over all sizes: the least-squares slope of log median times by log sizes.

    Its interval is t's with the errors of the medians, not the residuals: it is that of the slope the true curve has
    over these sizes, whether or not the curve is a power law. Few are; `list_exponents` shows how it bends.

    :param curve: at least two sizes
    :param confidence: above 0, below 1
    :raises ValueError: when there are fewer than two sizes
    """
    return _weigh(curve, range(len(curve.sizes)), confidence)


def list_exponents(curve: Curve, confidence: float = CONFIDENCE) -> tuple[Exponent, ...]:
    """Return the exponent of each step from one size to the next, in ascending order.

    :param curve: its levels
    :param confidence: of each, above 0, below 1
    """
    return tuple(_weigh(curve, pair, confidence) for pair in pairwise(range(len(curve.sizes))))


def _weigh(curve: Curve, chosen: Sequence[int], confidence: float) -> Exponent:
    import numpy as np

    if len(chosen) < 2:
        raise ValueError(f"{len(chosen)} sizes have no exponent: two are needed")
    logs = np.log([curve.sizes[index] for index in chosen])
    weights = np.zeros(len(curve.sizes))
    weights[[*chosen]] = (logs - logs.mean()) / ((logs - logs.mean()) ** 2).sum()
    variance, freedom = combine_errors([weights[np.newaxis]], [curve])
    value = float(weights @ curve.levels)
    half = find_quantile(0.5 + confidence / 2, float(freedom[0])) * math.sqrt(variance[0])
    return Exponent(
        model=curve.model,
        start=curve.sizes[chosen[0]],
        stop=curve.sizes[chosen[-1]],
        value=value,
        low=value - half,
        high=value + half,
    )
