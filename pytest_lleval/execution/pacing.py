"""When the next call may be made: a rate that holds in any stretch of time, and what wakes those who wait for it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

__all__ = ["LEAST_WAIT", "Alarm", "Pace"]

#: seconds; the shortest wait worth a timer
LEAST_WAIT = 0.01
#: unused allowance is kept for so long: a timer may be as late, and it is 2 % of two seconds
_SLACK_SECONDS = 0.04
#: what was taken too much is given back up to so long an allowance
_CREDIT_SECONDS = 1.0


class Pace:
    """A token bucket that may be overdrawn by one call, which the next one then has to wait for.

    In any T seconds at most the allowance of T + 0.04 seconds is taken, and one call.

    :param per_minute: the allowance
    :param now: seconds, of the clock that `find_wait` is asked with
    """

    def __init__(self, per_minute: float, now: float) -> None:
        self._rate = per_minute / 60
        self._level = 0.0
        self._now = now

    def find_wait(self, now: float) -> float:
        """Return the seconds until the next call may be made."""
        room = self._rate * _SLACK_SECONDS
        if self._level < room:
            self._level = min(room, self._level + self._rate * (now - self._now))
        self._now = now
        return max(0.0, -self._level / self._rate)

    def take(self, amount: float) -> None:
        """Take from the allowance, whether it is there or not."""
        self._level -= amount

    def give_back(self, amount: float) -> None:
        """Correct what was taken; a negative amount takes more."""
        self._level = min(self._level + amount, max(self._level, self._rate * _CREDIT_SECONDS))


class Alarm:
    """Rings after a delay, in a thread of its own that starts with the first delay.

    :param ring: called when it is time
    """

    def __init__(self, ring: Callable[[], None]) -> None:
        self._ring = ring
        self._changed = threading.Condition()
        self._at: float | None = None
        self._closed = False
        self._thread: threading.Thread | None = None

    def set(self, seconds: float) -> None:
        """Ring once after a delay, instead of at the time that was set before."""
        with self._changed:
            self._at = time.monotonic() + seconds
            if self._thread is None and not self._closed:
                self._thread = threading.Thread(target=self._run, name="lleval-quota", daemon=True)
                self._thread.start()
            self._changed.notify()

    def close(self) -> None:
        """End the thread; safe to call twice, and from `ring`."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()

    def _run(self) -> None:
        while self._wait():
            self._ring()

    def _wait(self) -> bool:
        """Wait until it is time to ring; False when the alarm is closed."""
        with self._changed:
            while not self._closed:
                left = None if self._at is None else self._at - time.monotonic()
                if left is not None and left <= 0:
                    self._at = None
                    return True
                self._changed.wait(left)
        return False
