"""Workers on hosts that say they are alive, hold cases, and answer none: given up, as if they were silent."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

from .workerstate import find_state

__all__ = ["StallWatch", "find_stalled"]

_LOOKS = 20


def find_stalled(holding: Iterable[Any], now: float, patience: float) -> list[Any]:
    """Return the workers that have answered nothing for too long.

    :param holding: workers that hold cases or audits; whose states say when they have last answered
    :param now: by the same clock
    :param patience: seconds
    """
    return [node for node in holding if now - find_state(node).answered > patience]


class StallWatch:
    """Looks from a thread of its own.

    :param list_holding: returns the workers on hosts that hold something and do not wait for the run's limits
    :param lose: called with a worker and the reason when it must be given up
    :param patience: seconds
    """

    def __init__(
        self, list_holding: Callable[[], Iterable[Any]], lose: Callable[[Any, str], None], patience: float
    ) -> None:
        self._list_holding = list_holding
        self._lose = lose
        self._patience = patience
        self._closed = threading.Event()
        threading.Thread(target=self._look, name="lleval-stalls", daemon=True).start()

    def close(self) -> None:
        """End the thread."""
        self._closed.set()

    def _look(self) -> None:
        while not self._closed.wait(self._patience / _LOOKS):
            for node in find_stalled(self._list_holding(), time.monotonic(), self._patience):
                self._lose(node, f"it holds cases and has answered none for {self._patience:.0f} s")
