"""Marks that make no eval case: said when they are collected, so that nobody waits for numbers that never come."""

from __future__ import annotations

from unittest import TestCase

import pytest

from ..reports.escaping import escape_text
from .casebook import find_place

__all__ = ["refuse_strays"]

_UNITTEST = (
    "makes no eval case of a method of unittest.TestCase, which pytest gives no arguments; write it as a function, or "
    "as a method of a class that is no TestCase"
)
_PARAMETER = (
    "in pytest.param(…) comes too late: pytest has made the test's cases by then; put the mark on the function, and "
    "what differs between cases into its dataset"
)
_OTHER = "makes no eval case of what is no test function of pytest's own; write it as a function"


def refuse_strays(report: pytest.CollectReport) -> None:
    """Turn a report into an error where a test it has found is marked, and is no eval case.

    :param report: of a collector of which something is marked
    """
    found = [
        (node, reason) for node in report.result or () if isinstance(node, pytest.Item) and (reason := _doubt(node))
    ]
    if not found:
        return
    node, reason = found[0]
    more = f" (and {len(found) - 1:,} more here)" if len(found) > 1 else ""
    report.outcome, report.result = "failed", []
    report.longrepr = escape_text(f"{node.nodeid}{more}: @pytest.mark.lleval {reason}")


def _doubt(item: pytest.Item) -> str:
    """Say why the mark of an item has no effect; empty when it has one, or when there is none."""
    callspec = getattr(item, "callspec", None)
    if callspec is not None and any(mark.name == "lleval" for mark in callspec.marks):
        return _PARAMETER
    if item.get_closest_marker("lleval") is None or find_place(item) is not None:
        return ""
    owner = getattr(item, "cls", None)
    return _UNITTEST if isinstance(owner, type) and issubclass(owner, TestCase) else _OTHER
