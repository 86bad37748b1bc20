"""What of workers fails a session in pytest's own words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from xdist.report import report_collection_diff

from .workerstate import find_state

__all__ = ["make_failure", "report_crash", "report_difference"]


def report_difference(config: pytest.Config, node: Any, expected: Sequence[str], collection: Sequence[str]) -> None:
    """Report a worker that has collected other items than the rest, with what differs."""
    host = find_state(node).host
    name = f"{node.gateway.id} on host {host}" if host else node.gateway.id
    message = report_collection_diff(expected, collection, "the first worker", name)
    report = pytest.CollectReport(nodeid=node.gateway.id, outcome="failed", longrepr=message, result=[])
    config.hook.pytest_collectreport(report=report)


def report_crash(config: pytest.Config, scheduler: Any, node: Any, name: str) -> None:
    """Report a test as failed during which a worker on a host has ended, as xdist does for workers here.

    :param name: the test's node id
    """
    host = find_state(node).host
    report = make_failure(name, f"worker {node.gateway.id!r} on host {host!r} ended while running {name!r}")
    report.node = node  # type: ignore[attr-defined]  # xdist puts it there, and plugins read it
    config.hook.pytest_handlecrashitem(crashitem=name, report=report, sched=scheduler)
    config.hook.pytest_runtest_logreport(report=report)


def make_failure(name: str, reason: str) -> pytest.TestReport:
    """Return the report of a test that no worker can report.

    :param name: the test's node id
    """
    place = name.split("::")[0]
    return pytest.TestReport(
        nodeid=name, location=(place, None, place), keywords={}, outcome="failed", longrepr=reason, when="call"
    )
