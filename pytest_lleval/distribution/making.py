"""Connections made in threads of their own, so that a host that does not answer keeps nobody waiting for ever."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Any

from .private import kill_connection

__all__ = ["finish_making"]


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
