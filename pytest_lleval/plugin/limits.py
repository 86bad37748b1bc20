"""The limits of all calls of a session, in the process the user started, and the lines on which workers' tests ask."""

from __future__ import annotations

from typing import Any

import pytest

from ..core.errors import LlevalError, ViolationError
from ..core.settings import Settings, parse_model
from ..distribution.intake import accept_message
from ..distribution.lines import TESTS_KEY, Message, open_line
from ..execution.limits import RunLimits
from .options import read_model_tables
from .state import SESSION_KEY, load_settings

__all__ = ["drop_worker", "find_limits", "open_tests_line", "read_limits"]

_WORDS = ("need", "spent")


def read_limits(config: pytest.Config) -> Settings:
    """Return the settings whose limits hold: those of the run that is gone on with, else the session's.

    :raises UsageError: naming the option and the value that does not fit
    """
    session = config.stash.get(SESSION_KEY, None)
    return session.settings if session is not None else load_settings(config)


def find_limits(config: pytest.Config) -> RunLimits:
    """Return what bounds the calls of suites and tests together.

    :raises UsageError: for an option or a price that does not fit
    """
    if _LIMITS_KEY not in config.stash:
        limits = RunLimits(
            read_limits(config), lambda name: parse_model("a test's model", name, read_model_tables(config))
        )
        config.add_cleanup(limits.close)
        config.stash[_LIMITS_KEY] = limits
    return config.stash[_LIMITS_KEY]


def open_tests_line(config: pytest.Config, node: Any) -> None:
    """Let the tests of a worker that is about to be configured ask for their calls, where there are limits.

    :raises pytest.UsageError: for an option or a price that does not fit
    """
    try:
        limits = find_limits(config)
    except LlevalError as error:
        raise pytest.UsageError(str(error)) from error
    if limits.quota is None:
        return

    def receive(node: Any, message: Message) -> None:
        word, *_ = accept_message(message)
        if word not in _WORDS:
            raise ViolationError(f"a message {word!r} on the line of its tests")
        limits.receive(node.gateway.id, message, send)

    guarded = config.pluginmanager.get_plugin("lleval-nodes")
    send = open_line(node, guarded.listen(receive) if guarded is not None else receive, TESTS_KEY)


def drop_worker(config: pytest.Config, node: Any) -> None:
    """Hand on what the tests of a worker had that has ended."""
    if TESTS_KEY in node.workerinput:
        find_limits(config).drop(node.gateway.id)


_LIMITS_KEY: pytest.StashKey[RunLimits] = pytest.StashKey()
