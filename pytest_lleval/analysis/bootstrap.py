"""Bootstrap distributions of statistics of samples, with their limits and p-values."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Bootstrap", "draw_replicates"]

#: indices drawn at a time, so that memory stays small
_BATCH = 1_000_000


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Bootstrap:
    """The bootstrap distribution of a statistic; limits are its percentiles.

    Efron & Tibshirani 1993, An Introduction to the Bootstrap, section 13.3.
    """

    #: in ascending order, shape (resamples,)
    replicates: NDArray[np.float64]

    def find_limit(self, probability: float) -> float:
        """Return the limit that the truth is below with a probability.

        :param probability: above 0, below 1
        """
        import numpy as np

        return float(np.quantile(self.replicates, probability))

    def find_p_below(self, value: float) -> float:
        """Return the one-sided p-value of the hypothesis that the truth is at least a value.

        It is the level whose limit is that value, and never 0 (Davison & Hinkley 1997, Bootstrap Methods and Their
        Application, eq. 4.11).

        :param value: to compare with
        """
        import numpy as np

        below = np.searchsorted(self.replicates, value)
        return float((len(self.replicates) - below + 1) / (len(self.replicates) + 1))

    def find_p_above(self, value: float) -> float:
        """Return the one-sided p-value of the hypothesis that the truth is at most a value.

        :param value: to compare with
        """
        import numpy as np

        return float((np.searchsorted(self.replicates, value, "right") + 1) / (len(self.replicates) + 1))


def draw_replicates(
    measure: Callable[[NDArray[np.intp]], NDArray[np.float64]], n: int, *, resamples: int, seed: int
) -> NDArray[np.float64]:
    """Return a statistic of samples drawn with replacement, in ascending order.

    :param measure: gets indices of samples, shape (draws, n), and returns the statistic of each draw, shape (draws,)
    :param n: how many samples there are
    :param resamples: how many draws
    :param seed: equal ones give equal draws
    """
    import numpy as np

    return np.sort(np.concatenate([measure(indices) for indices in _draw(n, resamples, seed)]))


def _draw(n: int, resamples: int, seed: int) -> Iterator[NDArray[np.intp]]:
    import numpy as np

    generator, size = np.random.default_rng(seed), max(1, _BATCH // n)
    for start in range(0, resamples, size):
        yield generator.integers(0, n, size=(min(size, resamples - start), n), dtype=np.intp)
