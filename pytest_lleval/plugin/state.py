"""Where the running session and its settings are kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ..core.settings import Settings
from .options import read_settings

if TYPE_CHECKING:
    from .hosting import HostCrew
    from .session import RunSession

__all__ = ["HOSTS_KEY", "SESSION_KEY", "find_hosts", "find_session", "load_settings"]

SESSION_KEY: pytest.StashKey[RunSession] = pytest.StashKey()
HOSTS_KEY: pytest.StashKey[HostCrew] = pytest.StashKey()


def find_session(config: pytest.Config) -> RunSession:
    """Return the run session of an active configuration."""
    return config.stash[SESSION_KEY]


def find_hosts(config: pytest.Config) -> HostCrew | None:
    """Return the hosts that take part in the session; None where there are none."""
    return config.stash.get(HOSTS_KEY, None)


_SETTINGS_KEY: pytest.StashKey[Settings] = pytest.StashKey()


def load_settings(config: pytest.Config) -> Settings:
    """Return the settings of the session, read once.

    :raises UsageError: naming the option and the value that does not fit
    """
    if _SETTINGS_KEY not in config.stash:
        config.stash[_SETTINGS_KEY] = read_settings(config)
    return config.stash[_SETTINGS_KEY]
