"""Where the running session is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from .session import RunSession

__all__ = ["SESSION_KEY", "find_session"]

SESSION_KEY: pytest.StashKey[RunSession] = pytest.StashKey()


def find_session(config: pytest.Config) -> RunSession:
    """Return the run session of an active configuration."""
    return config.stash[SESSION_KEY]
