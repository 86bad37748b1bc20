"""Register the hooks of a session that evaluates."""

from __future__ import annotations

import pytest

from .active import ActiveHooks
from .session import WORKER_INPUT, open_session

__all__ = ["activate_session"]


def activate_session(config: pytest.Config) -> None:
    """Open the process's session and register its hooks.

    :raises pytest.UsageError: for a setting that does not fit
    """
    session = open_session(config)
    if hasattr(config.option, "tx"):
        if session.matrix is not None:
            session.matrix.keep_alone()
        if session.settings.dry_run or session.matrix is not None:
            # nothing will run, or nothing beside what is timed: no workers
            config.option.tx, config.option.dist, config.option.numprocesses = [], "no", 0
    config.pluginmanager.register(ActiveHooks(session), "lleval-session")
    if session.is_worker:
        return
    from .showing import ShowingHooks  # workers show nothing

    config.pluginmanager.register(ShowingHooks(session), "lleval-showing")
    if config.pluginmanager.hasplugin("xdist"):
        from ..distribution.nodes import NodeHooks  # only where xdist is
        from .fleet import SessionFleet

        config.pluginmanager.register(NodeHooks(SessionFleet(session), WORKER_INPUT), "lleval-nodes")
