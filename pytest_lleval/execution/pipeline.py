"""One event loop in a thread of its own that keeps the calls of the coming cases in flight.

pytest asks for one case after the other and waits; meanwhile the cases behind it are already being asked.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from concurrent.futures import CancelledError, Future
from typing import Any, NamedTuple, TypeVar

from ..core.records import Case, Record

__all__ = ["Pipeline", "PipelineStatistics"]

_T = TypeVar("_T")
Records = tuple[Record, ...]
#: how long one wait lasts before pytest's thread looks for a signal (waits cannot be interrupted on Windows)
_WAIT_SECONDS = 0.5
_CLOSE_SECONDS = 10.0


class PipelineStatistics(NamedTuple):
    """How many cases were begun, how many of them are done, and how many results were taken."""

    begun: int
    done: int
    taken: int


class Pipeline:
    """Asks cases concurrently and hands out their records in any order.

    :param ask: turns a case into its records; runs on the pipeline's loop and bounds its own concurrency
    :param window: how many cases may be begun and not yet taken
    :param finish: awaited on the loop when the pipeline closes
    """

    def __init__(
        self,
        ask: Callable[[Case], Awaitable[Records]],
        *,
        window: int,
        finish: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self._ask = ask
        self._finish = finish
        self._window = window
        self._pending: dict[str, Future[Records]] = {}
        self._begun = 0
        self._taken = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="lleval-pipeline", daemon=True)
        self._thread.start()

    def begin(self, cases: Iterable[Case], still_mine: Callable[[Case], bool] | None = None) -> None:
        """Begin asking cases that are not begun yet, in order, while the window has room.

        :param cases: what comes next
        :param still_mine: asked again before a case is sent; another worker may have taken it over
        """
        for case in cases:
            if len(self._pending) >= self._window:
                return
            if case.id not in self._pending:
                self._submit(case, still_mine)

    def _submit(self, case: Case, still_mine: Callable[[Case], bool] | None = None) -> Future[Records]:
        future = asyncio.run_coroutine_threadsafe(self._run(case, still_mine), self._loop)
        self._pending[case.id] = future
        self._begun += 1
        return future

    async def _run(self, case: Case, still_mine: Callable[[Case], bool] | None) -> Records:
        if still_mine is not None and not still_mine(case):
            raise asyncio.CancelledError
        return await self._ask(case)

    def take(self, case: Case) -> Records:
        """Return the records of a case, waiting for them; begins it when it is not."""
        future = self._pending.get(case.id) or self._submit(case)
        try:
            records = _wait(future)
        except CancelledError:
            # given up as another worker's, and yet it came here
            records = _wait(self._submit(case))
        finally:
            self._pending.pop(case.id, None)
        self._taken += 1
        return records

    def drain(self) -> list[Record]:
        """Return the records of cases that were answered but never taken, and forget them."""
        done = [future for future in self._pending.values() if future.done() and not future.cancelled()]
        records = [record for future in done if future.exception() is None for record in future.result()]
        self._pending = {key: future for key, future in self._pending.items() if future not in done}
        return records

    def statistics(self) -> PipelineStatistics:
        """Return the counts so far."""
        done = sum(future.done() for future in self._pending.values())
        return PipelineStatistics(begun=self._begun, done=done + self._taken, taken=self._taken)

    def close(self) -> None:
        """Cancel what is in flight, release the connections and end the thread; safe to call twice."""
        if self._loop.is_closed():
            return
        self._call(self._shut_down())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_CLOSE_SECONDS)
        self._loop.close()

    def _call(self, work: Coroutine[Any, Any, _T]) -> _T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_CLOSE_SECONDS)

    async def _shut_down(self) -> None:
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._finish is not None:
            await self._finish()
        await self._loop.shutdown_asyncgens()
        await self._loop.shutdown_default_executor()


def _wait(future: Future[Records]) -> Records:
    while True:
        try:
            return future.result(_WAIT_SECONDS)
        except TimeoutError:
            if future.done():
                raise
