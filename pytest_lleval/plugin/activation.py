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
    if session.settings.dry_run and hasattr(config.option, "tx"):
        # nothing will run: no workers
        config.option.tx, config.option.dist, config.option.numprocesses = [], "no", 0
    config.pluginmanager.register(ActiveHooks(session), "lleval-session")
    if config.pluginmanager.hasplugin("xdist") and not session.is_worker:
        from ..distribution.nodes import NodeHooks  # only where xdist is

        config.pluginmanager.register(
            NodeHooks(
                prepare=session.start,
                encode=session.encode_worker_input,
                key=WORKER_INPUT,
                select=session.select,
                keep=session.keep_left,
            ),
            "lleval-nodes",
        )
