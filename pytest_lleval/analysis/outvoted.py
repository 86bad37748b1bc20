"""Whether a worker is contradicted more often than honest ones would be."""

from __future__ import annotations

from .betting import BettingTest

__all__ = ["OutvotedWatch"]


class OutvotedWatch:
    """Watches disagreements between two workers that a third one has decided, as they come.

    A worker and another one that asked the same again disagree, and a third one says what one of them says. Where all
    three are honest and ask the same model alike, their answers are exchangeable, however often the model changes its
    mind: given that exactly one of the first two is alone with its answer, it is either of them with probability 1/2.
    So of the disagreements a worker takes part in, an honest one is alone in one half: a sign test, and exact, for each
    case is compared with itself. It is carried out as a :class:`BettingTest` of a mean of at most 1/2, which may be
    looked at after every disagreement (Ville 1939).

    :param workers: how many there are; each is tested at its share of `alpha` (Bonferroni), so that in a session of
        honest workers any is found with probability `alpha` at most
    :param alpha: the error level of the whole session, in 0..1, both excluded
    """

    def __init__(self, workers: int, alpha: float = 0.001) -> None:
        self._alpha = alpha / max(1, workers)
        self._tests: dict[str, BettingTest] = {}
        self._counts: dict[str, tuple[int, int]] = {}

    def update(self, alone: str, backed: str) -> bool:
        """Take a disagreement, and return whether whoever was alone is found to be so too often.

        :param alone: the worker that nobody agrees with
        :param backed: the worker that the third one agrees with
        """
        self._note(backed, 0)
        return self._note(alone, 1)

    def _note(self, worker: str, value: int) -> bool:
        test = self._tests.setdefault(worker, BettingTest(0.5, alternative="greater", alpha=self._alpha))
        before, total = self._counts.get(worker, (0, 0))
        self._counts[worker] = before + value, total + 1
        return test.update(float(value))

    def count(self, worker: str) -> tuple[int, int]:
        """Return how often a worker was alone, and of how many disagreements."""
        return self._counts.get(worker, (0, 0))
