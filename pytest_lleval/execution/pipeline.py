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
from typing import Any, Generic, TypeVar

from ..core.records import Case

__all__ = ["Pipeline"]

_R = TypeVar("_R")
_T = TypeVar("_T")
#: asked right before a case is sent: whether it is still to be sent
Wanted = Callable[[], bool]
#: how long one wait lasts before pytest's thread looks for a signal (waits cannot be interrupted on Windows)
_WAIT_SECONDS = 0.5
_CLOSE_SECONDS = 10.0
#: how long pytest's thread is left asleep after news: woken for every case it would take the interpreter from the loop
#: each time, and the wire would wait
_TELL_SECONDS = 0.02


class Pipeline(Generic[_R]):
    """Asks cases concurrently and hands out what came of them in any order.

    :param ask: what comes of a case; runs on the pipeline's loop and bounds its own concurrency; raises
        `asyncio.CancelledError` for a case that is no longer wanted when its turn to be sent comes
    :param window: how many cases may be begun and not yet answered
    :param finish: awaited on the loop when the pipeline closes
    """

    def __init__(
        self,
        ask: Callable[[Case, Wanted], Awaitable[_R]],
        *,
        window: int,
        finish: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self._ask = ask
        self._finish = finish
        self._window = window
        self._pending: dict[str, Future[_R]] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        #: cases another worker took over; filled by the loop's thread
        self._given_up: deque[str] = deque()
        #: written by one thread each: a sum that two threads write loses counts
        self._begun = 0
        self._settled = 0
        self._awaited: Future[_R] | None = None
        self._news = threading.Event()
        self._telling = False
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="lleval-pipeline", daemon=True)
        self._thread.start()

    def has_room(self) -> bool:
        """Tell whether a quarter of the window is free: looking at what comes next for every case would cost more."""
        return self._begun - self._settled <= self._window - max(1, self._window // 4)

    def holds(self, case: Case) -> bool:
        """Tell whether a case is begun, and not taken."""
        return case.id in self._pending

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The loop the cases are asked on."""
        return self._loop

    def begin(self, cases: Iterable[Case], still_mine: Callable[[Case], bool] | None = None) -> None:
        """Begin asking cases that are not begun yet, in order, while the window has room.

        :param cases: what comes next
        :param still_mine: asked again before a case is sent; another worker may have taken it over
        """
        self._forget_given_up()
        batch: list[tuple[Case, Future[_R]]] = []
        for case in cases:
            if self._begun - self._settled >= self._window:
                break
            if case.id not in self._pending:
                batch.append((case, self._enlist(case)))
        if batch:
            # one message for all: every one wakes the loop's thread, which then holds this one up
            self._loop.call_soon_threadsafe(self._start, batch, still_mine)

    def ask_all(self, cases: Sequence[Case]) -> None:
        """Ask cases whose records nobody takes: `ask` hands them on itself.

        :param cases: all are begun at once; whoever calls keeps count
        """
        self._loop.call_soon_threadsafe(self._ask_all, cases)

    def begin_aside(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Begin something that is no case, on the loop of the cases; in any thread."""
        self._loop.call_soon_threadsafe(lambda: self._keep(self._loop.create_task(work())))

    def _ask_all(self, cases: Sequence[Case]) -> None:
        for case in cases:
            self._keep(self._loop.create_task(self._run(case, _always)))

    def _keep(self, task: asyncio.Task[Any]) -> None:
        # the loop itself holds its tasks only weakly
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _forget_given_up(self) -> None:
        while self._given_up:
            self._pending.pop(self._given_up.popleft(), None)

    def _enlist(self, case: Case) -> Future[_R]:
        future: Future[_R] = Future()
        self._pending[case.id] = future
        self._begun += 1
        return future

    def _submit(self, case: Case) -> Future[_R]:
        future = self._enlist(case)
        self._loop.call_soon_threadsafe(self._start, [(case, future)], None)
        return future

    def _start(self, batch: Sequence[tuple[Case, Future[_R]]], still_mine: Callable[[Case], bool] | None) -> None:
        for case, future in batch:
            wanted: Wanted = partial(still_mine, case) if still_mine else _always
            task = self._loop.create_task(self._run(case, wanted))
            self._keep(task)
            task.add_done_callback(partial(self._settle, case, future))

    def _settle(self, case: Case, future: Future[_R], task: asyncio.Task[_R]) -> None:
        """Hand a task's outcome to the thread that waits for it."""
        self._settled += 1
        if task.cancelled():
            self._given_up.append(case.id)
            future.cancel()
        elif error := task.exception():
            future.set_exception(error)
        else:
            future.set_result(task.result())
        if not self._telling and (future is self._awaited or self.has_room()):
            self._telling = True
            self._loop.call_later(_TELL_SECONDS, self._tell)

    def _tell(self) -> None:
        self._telling = False
        self._news.set()

    async def _run(self, case: Case, wanted: Wanted) -> _R:
        return await self._ask(case, wanted)

    def take(self, case: Case, refill: Callable[[], None] | None = None) -> _R:
        """Return what came of a case, waiting for it; begins it when it is not.

        :param refill: called whenever the window has room meanwhile: one slow case must not stop those behind it
        """
        future = self._pending.get(case.id) or self._submit(case)
        try:
            found = self._wait(future, refill)
        except CancelledError:
            # given up as another worker's, and yet it came here
            self._forget_given_up()
            found = self._wait(self._submit(case), refill)
        except Exception:
            del self._pending[case.id]
            raise
        # an interrupted wait leaves the case pending: its answer may still come
        del self._pending[case.id]
        return found

    def _wait(self, future: Future[_R], refill: Callable[[], None] | None) -> _R:
        self._awaited = future
        while not future.done():
            self._news.clear()
            if refill is not None and self.has_room():
                refill()
            if not future.done():
                self._news.wait(_WAIT_SECONDS)
        return future.result()

    def abandon(self) -> None:
        """Cancel everything that is begun, without waiting; from any thread."""
        with suppress(RuntimeError):  # the loop is closed already
            self._loop.call_soon_threadsafe(self._cancel_all)

    def _cancel_all(self) -> None:
        for task in self._tasks:
            task.cancel()

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
