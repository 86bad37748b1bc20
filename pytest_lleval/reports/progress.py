"""How far the run has come, in one line."""

from __future__ import annotations

import time
from collections.abc import Callable

__all__ = ["LiveProgress", "format_duration"]

_INTERVAL = 0.1


class LiveProgress:
    """Redraws one line: samples done, accuracy so far, requests a second, time left.

    :param draw: replaces the current terminal line by a text
    :param clock: seconds, monotonic
    """

    def __init__(self, draw: Callable[[str], None], clock: Callable[[], float] = time.perf_counter) -> None:
        self._draw = draw
        self._clock = clock
        self._started = clock()
        self._drawn = float("-inf")
        self.done = 0
        self.asked = 0
        #: cases that were asked in this session; the others take no time and say nothing of how long the rest will
        self._fresh = 0
        self._values = 0.0
        self._scored = 0
        self.unscored = 0

    def add(self, value: float | None, requests: int) -> None:
        """Count one case.

        :param value: its score in 0..1; None when it could not be scored
        :param requests: how many requests it took in this session; none when it was done before
        """
        self.done += 1
        self.asked += requests
        self._fresh += requests > 0
        if value is None:
            self.unscored += 1
        else:
            self._values += value
            self._scored += 1

    def show(self, total: int) -> None:
        """Redraw the line, at most ten times a second, but always for the last case."""
        now = self._clock()
        if now - self._drawn < _INTERVAL and self.done < total:
            return
        self._drawn = now
        self._draw(self.format_line(total))

    def format_line(self, total: int) -> str:
        """Return the line for `total` cases in all."""
        elapsed = max(self._clock() - self._started, 1e-9)
        parts = [f"lleval  {self.done:,}/{total:,} samples"]
        if self._scored:
            parts.append(f"accuracy {self._values / self._scored:.3f}")
        if self.unscored:
            parts.append(f"{self.unscored:,} unscored")
        parts.append(f"{self.asked / elapsed:.1f} requests/s")
        if self._fresh and self.done < total:
            parts.append(f"{format_duration(elapsed / self._fresh * (total - self.done))} left")
        return " · ".join(parts)


def format_duration(seconds: float) -> str:
    """Return a duration as people say it: 42 s, 3 min 05 s, 2 h 10 min."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02} min"
