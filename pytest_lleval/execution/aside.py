"""Do something beside something else."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

__all__ = ["run_aside"]

_T = TypeVar("_T")


def run_aside(work: Callable[[], _T], name: str = "lleval-aside") -> Future[_T]:
    """Run a function in a thread that does not hold up the end of the process; return what will come of it.

    :param name: of the thread
    """
    future: Future[_T] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:  # noqa: BLE001  # whoever waits gets it
            future.set_exception(error)

    threading.Thread(target=run, name=name, daemon=True).start()
    return future
