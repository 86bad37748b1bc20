"""Takes reports back that are void: pytest counts each item once."""

from __future__ import annotations

from collections.abc import Set

import pytest

__all__ = ["is_void", "withdraw_reports"]


def withdraw_reports(config: pytest.Config, node_ids: Set[str]) -> None:
    """Have pytest's terminal forget what excluded workers have reported of items that are run again.

    :param node_ids: of the items
    """
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None:
        return
    for reports in reporter.stats.values():
        reports[:] = [
            report for report in reports if getattr(report, "nodeid", None) not in node_ids or not is_void(report)
        ]


def is_void(report: object) -> bool:
    """Tell whether a report comes from a worker that was excluded."""
    return bool(getattr(getattr(report, "node", None), "lleval_excluded", False))
