"""Tests on hosts, without suites: they travel on xdist's own queue, and hosts may come and go as with suites."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from ..core.errors import LlevalError
from ..distribution.lines import Message
from ..distribution.nodes import NodeHooks
from ..execution.ledger import Source
from .hosting import open_hosts
from .state import find_hosts, load_settings
from .testjury import TestJury

__all__ = ["activate_hosts"]

_WORKER_INPUT = "lleval_tests"


def activate_hosts(config: pytest.Config) -> None:
    """Have the session's tests run on hosts.

    :raises pytest.UsageError: when they cannot be used as they are
    """
    try:
        settings = load_settings(config)
    except LlevalError as error:
        raise pytest.UsageError(str(error)) from error
    open_hosts(config, settings)
    config.pluginmanager.register(NodeHooks(TestFleet(config), _WORKER_INPUT), "lleval-nodes")
    config.pluginmanager.register(HostHeader(), "lleval-host-header")


class HostHeader:
    """Names the hosts in pytest's header, and at the end says what became of them."""

    @pytest.hookimpl
    def pytest_report_header(self, config: pytest.Config) -> list[str]:
        """Name the hosts that take part."""
        hosts = find_hosts(config)
        return hosts.list_lines() if hosts is not None else []

    @pytest.hookimpl
    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say what happened to hosts."""
        hosts = find_hosts(terminalreporter.config)
        for line in hosts.tell_events() if hosts is not None else ():
            terminalreporter.write_line(line, yellow=True)


class TestFleet(TestJury):
    """A session without cases of suites, as xdist's hooks see it: nothing is asked directly, nothing attached."""

    def prepare(self, workers: int) -> None:
        """Do nothing: tests attach what they need."""

    def attach(self) -> str:
        """Return nothing to know."""
        return ""

    def configure(self, number: int, host: str) -> tuple[str, int]:  # noqa: ARG002  # all are alike
        """Return no text, and one test at a time."""
        return "", 1

    def select(self, node_ids: Sequence[str]) -> None:
        """Do nothing: pytest keeps the list."""

    def enter(self, lines: str, source: Source | None) -> list[str] | None:  # noqa: ARG002  # no records
        """Take no record: those of tests are on their reports."""
        return []

    def check(self) -> None:
        """Do nothing."""

    def listen(self, hear: Callable[[str, str], None]) -> None:
        """Decide nothing early."""

    def make_reports(self, node_id: str) -> list[pytest.TestReport]:  # noqa: ARG002  # no cases
        """Make no report: workers do."""
        return []

    def receive(self, worker: str, message: Message, reply: Any) -> None:
        """Hear nothing: tests have a line of their own to ask for limits."""

    def note_lost(self, worker: str, reason: str) -> None:
        """Do nothing: the crew notes it."""

    def note_late(self, message: Message) -> None:
        """Do nothing: late reports are counted where they arrive."""

    def is_case(self, node_id: str) -> bool:  # noqa: ARG002  # no cases
        """Know of no case."""
        return False

    def is_complete(self, node_id: str) -> bool:  # noqa: ARG002  # no cases
        """Know of no record."""
        return False

    def report_complete(self, node_id: str) -> None:
        """Do nothing: there are no cases."""

    def set_aside(self, node_id: str, worker: str) -> None:
        """Do nothing: there are no cases."""
