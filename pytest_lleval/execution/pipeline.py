"""One event loop in a thread of its own that keeps the calls of the coming cases in flight.

pytest asks for one case after the other and waits; meanwhile the cases behind it are already being asked.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from functools import partial
from typing import Any, NamedTuple, TypeVar

from ..core.records import Case, Record

__all__ = ["Pipeline", "PipelineStatistics"]

_T = TypeVar("_T")
Records = tuple[Record, ...]
#: asked right before a case is sent: whether it is still to be sent
Wanted = Callable[[], bool]
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

    :param ask: turns a case into its records; runs on the pipeline's loop and bounds its own concurrency; raises
        `asyncio.CancelledError` for a case that is no longer wanted when its turn to be sent comes
    :param window: how many cases may be begun and not yet taken
    :param finish: awaited on the loop when the pipeline closes
    """

    def __init__(
        self,
        ask: Callable[[Case, Wanted], Awaitable[Records]],
        *,
        window: int,
        finish: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self._ask = ask
        self._finish = finish
        self._window = window
        self._pending: dict[str, Future[Records]] = {}
        self._tasks: set[asyncio.Task[Records]] = set()
        #: cases another worker took over; filled by the loop's thread
        self._given_up: deque[str] = deque()
        self._begun = 0
        self._taken = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="lleval-pipeline", daemon=True)
        self._thread.start()

    def has_room(self) -> bool:
        """Tell whether a quarter of the window is free: looking at what comes next for every case would cost more."""
        self._forget_given_up()
        return len(self._pending) <= self._window - max(1, self._window // 4)

    def begin(self, cases: Iterable[Case], still_mine: Callable[[Case], bool] | None = None) -> None:
        """Begin asking cases that are not begun yet, in order, while the window has room.

        :param cases: what comes next
        :param still_mine: asked again before a case is sent; another worker may have taken it over
        """
        self._forget_given_up()
        batch: list[tuple[Case, Future[Records]]] = []
        for case in cases:
            if len(self._pending) >= self._window:
                break
            if case.id not in self._pending:
                batch.append((case, self._enlist(case)))
        if batch:
            # one message for all: every one wakes the loop's thread, which then holds this one up
            self._loop.call_soon_threadsafe(self._start, batch, still_mine)

    def _forget_given_up(self) -> None:
        while self._given_up:
            self._pending.pop(self._given_up.popleft(), None)

    def _enlist(self, case: Case) -> Future[Records]:
        future: Future[Records] = Future()
        self._pending[case.id] = future
        self._begun += 1
        return future

    def _submit(self, case: Case) -> Future[Records]:
        future = self._enlist(case)
        self._loop.call_soon_threadsafe(self._start, [(case, future)], None)
        return future

    def _start(self, batch: Sequence[tuple[Case, Future[Records]]], still_mine: Callable[[Case], bool] | None) -> None:
        for case, future in batch:
            wanted: Wanted = partial(still_mine, case) if still_mine else _always
            task = self._loop.create_task(self._run(case, wanted))
            # the loop itself holds its tasks only weakly
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            task.add_done_callback(partial(self._settle, case, future))

    def _settle(self, case: Case, future: Future[Records], task: asyncio.Task[Records]) -> None:
        """Hand a task's outcome to the thread that waits for it."""
        if task.cancelled():
            self._given_up.append(case.id)
            future.cancel()
        elif error := task.exception():
            future.set_exception(error)
        else:
            future.set_result(task.result())

    async def _run(self, case: Case, wanted: Wanted) -> Records:
        return await self._ask(case, wanted)

    def take(self, case: Case) -> Records:
        """Return the records of a case, waiting for them; begins it when it is not."""
        future = self._pending.get(case.id) or self._submit(case)
        try:
            records = _wait(future)
        except CancelledError:
            # given up as another worker's, and yet it came here
            self._forget_given_up()
            records = _wait(self._submit(case))
        except Exception:
            del self._pending[case.id]
            raise
        # an interrupted wait leaves the case pending: its answer may still come, and drain() finds it
        del self._pending[case.id]
        self._taken += 1
        return records

    def drain(self) -> list[Record]:
        """Return the records of cases that were answered but never taken, and forget them."""
        done = {key: future for key, future in self._pending.items() if future.done()}
        self._pending = {key: future for key, future in self._pending.items() if key not in done}
        answered = (future for future in done.values() if not future.cancelled() and future.exception() is None)
        return [record for future in answered for record in future.result()]

    def statistics(self) -> PipelineStatistics:
        """Return the counts so far."""
        done = sum(future.done() for future in self._pending.values())
        return PipelineStatistics(begun=self._begun, done=done + self._taken, taken=self._taken)

    def close(self) -> None:
        """Cancel what is in flight, release the connections and end the thread; safe to call twice."""
        if self._loop.is_closed():
            return
        try:
            # a call that does not let itself be cancelled is left behind
            with suppress(TimeoutError):
                self._call(self._shut_down())
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(_CLOSE_SECONDS)
            # threads that still run a user's function are not waited for
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


def _always() -> bool:
    return True


def _wait(future: Future[Records]) -> Records:
    while True:
        try:
            return future.result(_WAIT_SECONDS)
        except TimeoutError:
            if future.done():
                # it came at the last moment, or it is the call's own error
                return future.result()
