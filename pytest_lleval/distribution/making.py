"""Connections made in threads of their own, so that a host that does not answer keeps nobody waiting for ever."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from .private import kill_connection

__all__ = ["begin_making", "finish_making"]


def begin_making(make: Callable[[], Any], name: str) -> Future[Any]:
    """Begin to make a gateway.

    :param make: makes it
    :param name: of the thread
    """
    made: Future[Any] = Future()

    def run() -> None:
        try:
            made.set_result(make())
        except BaseException as error:  # noqa: BLE001  # whoever waits raises it
            made.set_exception(error)

    threading.Thread(target=run, name=name, daemon=True).start()
    return made


def finish_making(made: Future[Any], seconds: float) -> Any:
    """Wait for a gateway; one that comes later is ended at once.

    :raises TimeoutError: when it is not there in time
    :raises Exception: what making it has failed with
    """
    try:
        return made.result(seconds)
    except TimeoutError:
        made.add_done_callback(_kill_late)
        raise


def _kill_late(made: Future[Any]) -> None:
    if made.exception() is None:
        kill_connection(made.result())
