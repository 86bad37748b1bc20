"""Whether anybody wants to see each case run as a pytest item: one that a worker is asked directly is none."""

from __future__ import annotations

import os
from collections.abc import Sequence

import pytest

__all__ = ["has_onlookers", "watches_items"]

_ITEM_HOOKS = (
    "pytest_runtest_protocol",
    "pytest_runtest_setup",
    "pytest_runtest_call",
    "pytest_runtest_teardown",
    "pytest_runtest_makereport",
)
#: those that decide in an item's turn whether and how it runs
_RUNNING_HOOKS = ("pytest_runtest_protocol", "pytest_runtest_setup", "pytest_runtest_call")
#: top-level modules whose hooks do nothing for an item that is no function and has no fixtures and no markers
_INDIFFERENT = frozenset(
    {
        *("_pytest", "pytest_lleval", "xdist", "__channelexec__"),
        *("_hypothesis_pytestplugin", "anyio", "pytest_asyncio", "pytest_benchmark", "pytest_cov", "pytest_mock"),
        *("pytest_randomly", "pytest_timeout"),
    }
)


def has_onlookers(config: pytest.Config) -> bool:
    """Tell whether a plugin or a conftest has hooks that want to see each item run."""
    if _has_timeout(config):
        return True
    return _is_hooked(config, _ITEM_HOOKS)


def watches_items(config: pytest.Config) -> bool:
    """Tell whether a plugin or a conftest may decide in an item's turn that it does not run."""
    return _is_hooked(config, _RUNNING_HOOKS)


def _is_hooked(config: pytest.Config, names: Sequence[str]) -> bool:
    callers = (getattr(config.hook, name) for name in names)
    modules = (found.function.__module__.partition(".")[0] for caller in callers for found in caller.get_hookimpls())
    return any(module not in _INDIFFERENT for module in modules)


def _has_timeout(config: pytest.Config) -> bool:
    """Tell whether pytest-timeout is to end every item: https://github.com/pytest-dev/pytest-timeout."""
    try:
        given = config.getoption("timeout", None) or os.environ.get("PYTEST_TIMEOUT") or config.getini("timeout")
        return bool(float(given or 0))
    except ValueError:
        # nobody has declared it
        return False
