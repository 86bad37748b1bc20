"""Two runs compared sample by sample."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field

from .effective import DOUBTED, find_effective_n
from .spread import Spread, measure_spread
from .statistics import CONFIDENCE
from .tails import find_quantile
from .tango import PairedRates

__all__ = ["PairedDifference", "compare_paired", "mcnemar", "weigh"]


@dataclass(frozen=True, kw_only=True, slots=True)
class PairedDifference:
    """By how much the mean of a new run is above that of a base run, over the same samples."""

    n: int
    #: new less base
    difference: float
    low: float
    high: float
    confidence: float
    method: str
    #: samples whose value fell, and rose
    worse: int
    better: int
    #: one-sided, of the hypothesis that the truth is not below 0, and not above 0
    p_worse: float
    p_better: float
    #: mean rise and fall over all samples
    gain: float
    loss: float
    #: the number of independent pairs of 0/1 values whose difference would vary as much
    effective_n: float
    #: what tests are made of
    rates: PairedRates = field(repr=False, compare=False)

    @property
    def p_changed(self) -> float:
        """The two-sided p-value of the hypothesis that the truth is 0."""
        return min(1.0, 2 * min(self.p_worse, self.p_better))

    def p_not_worse_than(self, tolerance: float) -> float:
        """Return the one-sided p-value of the hypothesis that the truth is a loss of the tolerance or more.

        A small one shows that the new run is not worse than tolerated (non-inferiority; Tango 1998, Statistics in
        Medicine 17:891, with a continuity correction).

        :param tolerance: a loss, in 0..1
        :raises ValueError: when it is not in 0..1
        """
        return self.rates.find_p_above(-_check_tolerance(tolerance))

    def p_equivalent(self, tolerance: float) -> float:
        """Return the p-value of the hypothesis that the truth is a change of the tolerance or more, either way.

        The larger one of two one-sided tests (Schuirmann 1987, J. Pharmacokinet. Biopharm. 15:657).

        :param tolerance: a change, in 0..1
        :raises ValueError: when it is not in 0..1
        """
        return max(self.p_not_worse_than(tolerance), self.rates.find_p_below(tolerance))

    def find_lower_bound(self, confidence: float = CONFIDENCE) -> float:
        """Return the one-sided lower bound of the truth: the negated least tolerance that is shown to be kept.

        :param confidence: of one side, above 0.5, below 1
        """
        return self.rates.find_lower_bound(find_quantile(confidence, self.rates.freedom))


def compare_paired(
    new: Sequence[float],
    base: Sequence[float],
    *,
    clusters: Sequence[Hashable] | None = None,
    confidence: float = CONFIDENCE,
) -> PairedDifference:
    """Compare the means of two runs over the same samples.

    The interval is Tango's score interval (1998, Statistics in Medicine 17:891). Where no value changed by a fraction,
    p-values of a change are those of McNemar's exact test. Otherwise, and with clusters, Tango's score is taken with
    an effective n from the variance of the differences, cluster-robust if need be, as is done for one rate (see
    `find_effective_n`), and with at least the variance that goes with the margin (see `PairedRates`). It reaches its
    level where the bootstrap of few samples does not. Tests, which must not err more often than they say, have t; of
    clusters as if one more had been seen that is lost altogether, since few that look alike do not rule that out.

    :param new: one value a sample, in 0..1
    :param base: the values of the same samples in the same order
    :param clusters: the label of each sample's cluster, where samples are not independent
    :param confidence: of the interval, above 0, below 1
    :raises ValueError: when there are no samples, numbers differ, a value is not in 0..1, or there is but one cluster
    """
    differences = _subtract(new, base)
    n, better, worse = len(differences), sum(d > 0 for d in differences), sum(d < 0 for d in differences)
    gain, loss = math.fsum(d for d in differences if d > 0) / n, -math.fsum(d for d in differences if d < 0) / n
    whole = clusters is None and all(d in (-1.0, 0.0, 1.0) for d in differences)
    shown = rates = PairedRates(gain, loss, float(n))
    if not whole:
        spread = measure_spread(differences, clusters)
        if clusters is not None and spread.count < 2:
            raise ValueError("one cluster tells nothing of how clusters differ: at least 2 are needed")
        shown, rates = weigh(gain, loss, spread, n)
    low, high = shown.find_limits(find_quantile(0.5 + confidence / 2))
    return PairedDifference(
        n=n,
        difference=gain - loss,
        low=low,
        high=high,
        confidence=confidence,
        method="Tango" if whole else "Tango, effective n" if clusters is None else "Tango, clustered",
        worse=worse,
        better=better,
        p_worse=mcnemar(worse, better) if whole else rates.find_p_below(0.0),
        p_better=mcnemar(better, worse) if whole else rates.find_p_above(0.0),
        gain=gain,
        loss=loss,
        effective_n=shown.n,
        rates=rates,
    )


def mcnemar(more: int, fewer: int) -> float:
    """Return the one-sided p-value of McNemar's exact test: of a binomial of at least `more` among all that changed.

    McNemar 1947, Psychometrika 12:153; exact as in Agresti 2013, Categorical Data Analysis, section 11.1.

    :param more: samples that changed one way, which the alternative says is the commoner one
    :param fewer: samples that changed the other way
    :raises ValueError: when one is negative
    """
    if more < 0 or fewer < 0:
        raise ValueError(f"{more} and {fewer} are not counts")
    if not more:
        return 1.0
    from scipy.special import bdtrc

    return float(bdtrc(more - 1, more + fewer, 0.5))


def weigh(gain: float, loss: float, spread: Spread, n: int) -> tuple[PairedRates, PairedRates]:
    """Return partial or clustered gains and losses with their effective n: for an interval, and for tests.

    :param gain: the mean rise over all samples, in 0..1
    :param loss: the mean fall
    :param spread: of the differences
    :param n: how many samples there are, more than the spread's units where these are clusters
    """
    possible, clustered = max(0.0, gain + loss - (gain - loss) ** 2), spread.count < n

    def make(freedom: float, number: float) -> PairedRates:
        return PairedRates(gain, loss, number, freedom=freedom, tilt=(number * spread.error, number * spread.slope))

    shown = find_effective_n(possible, spread.error, spread.units, n if clustered else math.inf)
    tested = find_effective_n(possible, spread.error, spread.units, added=DOUBTED) if clustered else shown
    # one partial value has no variance: it is taken as one 0/1 value
    return make(math.inf, shown), make(spread.count - 1 if spread.count > 1 else math.inf, tested)


def _subtract(new: Sequence[float], base: Sequence[float]) -> list[float]:
    if len(new) != len(base):
        raise ValueError(f"{len(new)} new values and {len(base)} of the base: pairs are needed")
    if not len(new):
        raise ValueError("a comparison needs at least one sample")
    for value in (*new, *base):
        if not 0 <= value <= 1:
            raise ValueError(f"{value} is not in 0..1")
    return [float(one) - float(other) for one, other in zip(new, base, strict=True)]


def _check_tolerance(tolerance: float) -> float:
    if not 0 <= tolerance <= 1:
        raise ValueError(f"a tolerance of {tolerance} is not in 0..1")
    return tolerance
