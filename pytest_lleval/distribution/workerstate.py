"""What the controller knows of one of xdist's workers and xdist does not; kept on xdist's own object of the worker."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from .lines import Message

__all__ = ["WorkerState", "find_state"]


def _send_nothing(message: Message) -> None:
    """No line is open yet."""


@dataclass(kw_only=True, slots=True)
class WorkerState:
    """Changes while the worker lives, in the main thread and in that of its gateway."""

    #: its name in the file of hosts; empty for a worker that none of them runs
    host: str = ""
    #: requests it may have in flight
    connections: int = 1
    #: sends on its line
    send: Callable[[Message], None] = _send_nothing
    #: whether it has said that it knows its items, and whether xdist has heard of them
    ready: bool = False
    collected: bool = False
    #: whether it has ended before its time, the reason, and whether all of its host is to blame
    gone: bool = False
    reason: str = ""
    host_is_gone: bool = False
    #: whether nothing it sends is heard any more, and whether nothing it has sent counts
    refused: bool = False
    excluded: bool = False
    #: ordinary tests that it has run
    tests: int = 0
    #: when it has last answered, or was given something while it held nothing; by the monotonic clock
    answered: float = field(default_factory=time.monotonic)


def find_state(node: Any) -> WorkerState:
    """Return what is known of a worker, which begins when it is first asked for.

    :param node: xdist's controller of the worker
    """
    known: WorkerState | None = getattr(node, "lleval", None)
    if known is None:
        known = node.lleval = WorkerState()
    return known
