"""Bodies of async cases: those that use our fixtures alone run beside each other, all others in their own turn.

While pytest waits for one case, the bodies of the cases behind it have begun, in a loop of another thread, so that
their calls overlap. Each case is still reported in its own turn.
"""

from __future__ import annotations

import asyncio
import inspect
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from itertools import islice
from typing import Any

import pytest

from ..core.errors import LlevalError
from .casebook import EPOCH, MODEL, ROW
from .caserun import CaseRun, find_run, uses_ours
from .onlookers import watches_items
from .queueing import find_coming
from .state import load_settings

__all__ = ["CaseOverlap"]

_OURS = frozenset({"backend", "grade", "model"})
#: marks with which a case may not run when its turn comes
_DECIDING = ("skip", "skipif", "xfail", "anyio", "asyncio", "trio")
_SECONDS = 10.0


class CaseOverlap:
    """Runs the bodies of a process's async cases.

    :param config: of the session
    """

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        #: bodies that have begun and whose turn has not come
        self._begun: dict[str, Future[BaseException | None]] = {}
        self._looks_ahead: bool | None = None

    def run(self, run: CaseRun) -> bool | None:
        """Run the body of a case; None leaves it to pytest, or to a plugin for async tests.

        :raises BaseException: what the body raises
        """
        item = run.item
        run.began = run.began or time.time()
        if not isinstance(item, pytest.Function) or not _is_ours(item):
            return None
        if not _stands_alone(run, item):
            # fixtures of others may be bound to this thread
            asyncio.run(item.obj(**_take_arguments(item, item.funcargs)))
            return True
        if item.nodeid not in self._begun:
            self._begin(run, item, item.funcargs)
        self._begin_coming(item)
        future = self._begun.pop(item.nodeid)
        try:
            error = future.result()
        except BaseException:
            # of the body, or of whoever interrupts the waiting
            future.cancel()
            raise
        if error is not None:
            raise error
        return True

    def _begin(self, run: CaseRun, item: pytest.Function, known: dict[str, Any]) -> None:
        arguments = _take_arguments(item, known)
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            self._thread = threading.Thread(target=self._loop.run_forever, name="lleval-cases", daemon=True)
            self._thread.start()
        self._begun[item.nodeid] = asyncio.run_coroutine_threadsafe(_take_turn(run, item.obj, arguments), self._loop)

    def _begin_coming(self, item: pytest.Function) -> None:
        """Begin the bodies of the cases behind one, as far as its model takes requests."""
        if self._looks_ahead is None:
            self._looks_ahead = not watches_items(self._config) and not self._config.getoption("usepdb", False)
        run = find_run(item)
        attached = run.attached if run else None
        if not self._looks_ahead or run is None:
            return
        window = 2 * (attached.connections if attached else load_settings(self._config).max_connections or 1)
        for other in islice(find_coming(item), 2 * window):
            if len(self._begun) >= window:
                return
            self._begin_early(other)

    def _begin_early(self, item: pytest.Item) -> None:
        if not isinstance(item, pytest.Function) or item.nodeid in self._begun:
            return
        run = find_run(item)
        if run is None or run.began or not _is_ours(item) or not _stands_alone(run, item):
            return
        from .models import attach_early  # of tests that ask a model

        try:
            if attach_early(run):
                run.began = time.time()
                self._begin(run, item, _foresee_arguments(run, item))
        except LlevalError:
            # its own turn tells
            return

    def forget(self, item: pytest.Item) -> None:
        """Cancel the body of a case whose turn went by without it: something has skipped it, or its setup failed."""
        future = self._begun.pop(item.nodeid, None)
        if future is not None:
            future.cancel()

    def close(self) -> None:
        """Cancel what has begun and is not wanted any more; safe to call twice."""
        loop, self._loop = self._loop, None
        if loop is None or self._thread is None:
            return
        asyncio.run_coroutine_threadsafe(_cancel_all(), loop).result(_SECONDS)
        loop.call_soon_threadsafe(loop.stop)
        self._thread.join(_SECONDS)
        loop.close()


async def _take_turn(run: CaseRun, function: Callable[..., Any], arguments: dict[str, object]) -> BaseException | None:
    """Run a body; return what would end the loop and with it all other cases, to be raised where pytest waits."""
    begun = time.perf_counter()
    try:
        await function(**arguments)
    except (KeyboardInterrupt, SystemExit) as error:
        return error
    finally:
        run.seconds = time.perf_counter() - begun
    return None


async def _cancel_all() -> None:
    others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


def _is_ours(item: pytest.Function) -> bool:
    """Tell whether a case is a coroutine function that no plugin for async tests has taken over."""
    return inspect.iscoroutinefunction(item.obj) and "anyio_backend" not in item.fixturenames


def _stands_alone(run: CaseRun, item: pytest.Function) -> bool:
    """Tell whether a case uses no fixtures but ours, and nothing decides in its turn whether it runs."""
    bound = run.place.suite.bound
    # ours ask for the request themselves
    names = set(item.fixturenames) - bound - {ROW, MODEL, EPOCH, "request"}
    if any(name not in _OURS or not uses_ours(item, name) for name in names):
        return False
    if any(item.get_closest_marker(mark) for mark in _DECIDING):
        return False
    return set(_list_needed(item)) <= bound | _OURS


def _list_needed(item: pytest.Function) -> Iterator[str]:
    for name, parameter in inspect.signature(item.obj).parameters.items():
        if parameter.default is parameter.empty and parameter.kind not in (
            parameter.VAR_POSITIONAL,
            parameter.VAR_KEYWORD,
        ):
            yield name


def _foresee_arguments(run: CaseRun, item: pytest.Function) -> dict[str, Any]:
    """Return what pytest will call a case with that stands alone."""
    parameters = item.callspec.params if hasattr(item, "callspec") else {}
    return {**parameters, "grade": run.grade, "model": run.attached, "backend": run.attached}


def _take_arguments(item: pytest.Function, known: dict[str, Any]) -> dict[str, object]:
    return {name: known[name] for name in _list_needed(item) if name in known}
