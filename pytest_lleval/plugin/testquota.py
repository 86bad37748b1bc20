"""How the calls that tests make ask for the session's rates and budget."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest

from ..core.errors import LlevalError
from ..core.settings import ModelSpec
from ..execution.prices import check_budget
from ..execution.quota import Message, QuotaClient
from .limits import find_limits, read_limits

__all__ = ["find_share", "open_client"]


def find_share(config: pytest.Config) -> tuple[int, int]:
    """Return how many processes ask, and the number of this one, from 0."""
    given = getattr(config, "workerinput", {})
    number = str(given.get("workerid", "gw0")).removeprefix("gw")
    return int(given.get("workercount", 1)), int(number) if number.isdigit() else 0


def open_client(config: pytest.Config, spec: ModelSpec, loop: asyncio.AbstractEventLoop) -> QuotaClient | None:
    """Return what a model's calls ask before they are made; None where there are no limits.

    :param loop: on which the calls are made
    :raises UsageError: when there is a budget, and the model's price is not known
    """
    settings = read_limits(config)
    if not settings.is_limited:
        return None
    check_budget(replace(settings, models=(spec,)))
    if _DESK_KEY not in config.stash:
        config.stash[_DESK_KEY] = _open_desk(config)
    return config.stash[_DESK_KEY].open(loop)


class _Desk:
    """Where all models of this process ask, each on its own loop; answers go to whoever has asked.

    :param connect: is given what hears answers, and returns what sends
    """

    def __init__(self, connect: Callable[[Callable[[Message], None]], Callable[[Message], None]]) -> None:
        self._waiting: dict[int, QuotaClient] = {}
        self._send = connect(self._hear)

    def open(self, loop: asyncio.AbstractEventLoop) -> QuotaClient:
        """Return what the calls of a loop ask."""

        def send(message: Message) -> None:
            if message[0] == "need":
                self._waiting[message[1]] = client
            self._send(message)

        client = QuotaClient(send, loop)
        return client

    def _hear(self, message: Message) -> None:
        self._waiting.pop(message[1]).receive(message)


def _open_desk(config: pytest.Config) -> _Desk:
    if not hasattr(config, "workerinput"):
        limits = find_limits(config)
        return _Desk(lambda hear: lambda message: limits.receive("main", message, hear))
    from ..distribution.lines import TESTS_KEY, find_line  # only where xdist is at work

    line = find_line(config, TESTS_KEY)
    if line is None:
        raise LlevalError(
            "the session has limits, and this worker cannot ask for them: its controller has opened no line"
        )

    def connect(hear: Callable[[Message], None]) -> Callable[[Message], None]:
        line.listen(hear)
        return line.send

    return _Desk(connect)


_DESK_KEY: pytest.StashKey[_Desk] = pytest.StashKey()
