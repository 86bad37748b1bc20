"""Where the running session and its settings are kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ..core.settings import Settings
from .options import read_settings

if TYPE_CHECKING:
    from .session import RunSession

__all__ = ["SESSION_KEY", "find_session", "load_settings"]

SESSION_KEY: pytest.StashKey[RunSession] = pytest.StashKey()


def find_session(config: pytest.Config) -> RunSession:
    """Return the run session of an active configuration."""
    return config.stash[SESSION_KEY]


_SETTINGS_KEY: pytest.StashKey[Settings] = pytest.StashKey()


def load_settings(config: pytest.Config) -> Settings:
    """Return the settings of the session, read once.

    :raises UsageError: naming the option and the value that does not fit
    """
    if _SETTINGS_KEY not in config.stash:
        config.stash[_SETTINGS_KEY] = read_settings(config)
    return config.stash[_SETTINGS_KEY]
