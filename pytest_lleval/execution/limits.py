"""What bounds the calls of a whole run, where its evidence is kept: for all its workers, and for suites and tests."""

from __future__ import annotations

from collections.abc import Callable

from ..core.errors import UsageError, ViolationError
from ..core.settings import ModelSpec, Settings
from .attaching import list_shared
from .prices import Price, find_price
from .quota import Message, Quota
from .shared_limit import SharedLimits

__all__ = ["RunLimits"]


class RunLimits:
    """The rates, the budget, and how many requests servers take.

    :param settings: of the run
    :param resolve: returns the model of a name; raises `UsageError` where there is none
    :raises UsageError: when a price of the run's models is not what it should be
    """

    def __init__(self, settings: Settings, resolve: Callable[[str], ModelSpec]) -> None:
        self._settings = settings
        self._resolve = resolve
        self._prices: dict[str, Price | None] = {spec.name: find_price(spec) for spec in settings.models}
        self._shared: SharedLimits | None = None
        #: None where the run has no rates and no budget
        self.quota = Quota(settings, self._prices) if settings.is_limited else None

    def share(self, workers: int, note: Callable[[str, int, str], None]) -> None:
        """Search for what servers take, for so many workers together.

        :param note: hears of every limit that all workers together are kept to: of which model, what it is, its cause
        """
        self._shared = SharedLimits(list_shared(self._settings), workers, note)

    def receive(self, worker: str, message: Message, reply: Callable[[Message], None]) -> None:
        """Hear what a process needs or has used, or what a server takes of its calls; called in any thread.

        :raises ViolationError: when no honest process says that
        """
        if message[0] == "flow":
            if self._shared is not None:
                self._shared.receive(worker, message, reply)
        elif self.quota is not None:
            if message[0] == "need":
                self._learn_price(message[2])
            self.quota.receive(worker, message, reply)

    def _learn_price(self, model: str) -> None:
        """Look up what a model costs that tests ask and suites do not."""
        if model in self._prices:
            return
        try:
            self._prices[model] = find_price(self._resolve(model))
        except UsageError as error:
            raise ViolationError(f"a call of {model!r:.80}, which is no model here") from error

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
