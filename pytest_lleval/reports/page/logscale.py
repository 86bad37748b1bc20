"""Logarithmic axes of drawings: places, ticks, and which of their names there is room for."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

__all__ = ["LogScale", "choose_labels", "list_ticks"]

#: what a decade is divided by, the first that gives enough ticks
_STEPS = ((1,), (1, 3), (1, 2, 5), (1, 1.5, 2, 3, 5, 7))
_ENOUGH, _FINEST = 3, tuple(1 + step / 10 for step in range(90))


class LogScale:
    """An axis from one value to another, with some room beyond both.

    :param low: above 0
    :param high: at least `low`
    :param start: where the axis begins in the drawing
    :param stop: where it ends
    :param room: share of the span that is left free on both sides
    """

    def __init__(self, low: float, high: float, start: float, stop: float, *, room: float = 0.0) -> None:
        # values that are all alike need some room as well
        free = max(room * math.log(high / low), math.log(1.1))
        self.low, self.high = low * math.exp(-free), high * math.exp(free)
        self._start, self._step = start, (stop - start) / math.log(self.high / self.low)

    def place(self, value: float) -> float:
        """Return where a value stands; those beyond the axis stand at its end."""
        kept = min(self.high, max(self.low, value))
        return self._start + self._step * math.log(kept / self.low)


def list_ticks(low: float, high: float) -> Sequence[float]:
    """Return round values between two others, at least three unless these are close to each other."""
    for steps in _STEPS:
        found = [*_list_round(low, high, steps)]
        if len(found) >= _ENOUGH:
            return found
    finest = [*_list_round(low, high, _FINEST)]
    return finest[:: max(1, len(finest) // _ENOUGH)]


def _list_round(low: float, high: float, steps: Sequence[float]) -> Iterator[float]:
    for decade in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1):
        for step in steps:
            # a power of a negative exponent is less exact than what is written
            value = float(f"{step:.1f}e{decade}")
            if low <= value <= high:
                yield value


def choose_labels(places: Sequence[float], yielding: Sequence[bool], apart: float) -> list[bool]:
    """Return which labels of an axis are written so that none is too near to another.

    :param places: of the ticks
    :param yielding: whether a label gives way to others
    :param apart: what is to be between two labels
    """
    order = sorted(range(len(places)), key=lambda index: (yielding[index], places[index]))
    chosen: list[int] = []
    for index in order:
        if all(abs(places[index] - places[other]) >= apart for other in chosen):
            chosen.append(index)
    return [index in chosen for index in range(len(places))]
