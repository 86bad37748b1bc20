"""What bounds the calls of a whole run, where its evidence is kept: for all its workers together."""

from __future__ import annotations

from collections.abc import Callable

from ..core.settings import Settings
from .attaching import list_shared
from .quota import Message, Quota, make_quota
from .shared_limit import SharedLimits

__all__ = ["RunLimits"]


class RunLimits:
    """The rates, the budget, and how many requests servers take.

    :param settings: of the run
    :param note: hears of every limit that all workers together are kept to: of which model, what it is, and its cause
    """

    def __init__(self, settings: Settings, note: Callable[[str, int, str], None]) -> None:
        self._settings = settings
        self._note = note
        self._shared: SharedLimits | None = None
        #: None where the run has no rates and no budget
        self.quota: Quota | None = None

    def open(self) -> None:
        """Begin to count."""
        self.quota = make_quota(self._settings)

    def share(self, workers: int) -> None:
        """Search for what servers take, for so many workers together."""
        self._shared = SharedLimits(list_shared(self._settings), workers, self._note)

    def receive(self, worker: str, message: Message, reply: Callable[[Message], None]) -> None:
        """Hear what a process needs or has used, or what a server takes of its calls; called in any thread."""
        if message[0] == "flow":
            if self._shared is not None:
                self._shared.receive(worker, message, reply)
        elif self.quota is not None:
            self.quota.receive(worker, message, reply)

    def is_waiting(self, worker: str) -> bool:
        """Tell whether a process waits for the run's rates or its budget."""
        return self.quota is not None and self.quota.is_waiting(worker)

    def drop(self, worker: str) -> None:
        """Hand on what a process had that has ended."""
        if self._shared is not None:
            self._shared.drop(worker)
        if self.quota is not None:
            self.quota.drop(worker)

    def close(self) -> None:
        """Answer nobody any more; safe to call twice."""
        if self.quota is not None:
            self.quota.close()
