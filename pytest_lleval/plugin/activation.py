"""Register the hooks of a session that evaluates."""

from __future__ import annotations

import pytest

from .active import ActiveHooks
from .hostnames import uses_hosts
from .matrix import is_spread
from .session import WORKER_INPUT, open_session
from .withholding import withhold_models

__all__ = ["activate_session"]


def activate_session(config: pytest.Config) -> None:
    """Open the process's session and register its hooks, unless all that would be asked costs money by accident.

    :raises pytest.UsageError: for a setting that does not fit
    """
    withheld = withhold_models(config, WORKER_INPUT)
    if withheld is None:
        if uses_hosts(config):
            from .testhosts import activate_hosts  # only where there are hosts

            activate_hosts(config)
        return
    session = open_session(config, withheld)
    alone = session.matrix is not None and hasattr(config.option, "tx") and session.matrix.keep_alone()
    if hasattr(config.option, "tx") and (session.settings.dry_run or alone):
        # nothing will run, or nothing beside what is timed: no workers
        config.option.tx, config.option.dist, config.option.numprocesses = [], "no", 0
    active = ActiveHooks(session)
    config.pluginmanager.register(active, "lleval-session")
    if session.is_worker:
        return
    from .showing import ShowingHooks  # workers show nothing

    config.pluginmanager.register(ShowingHooks(session), "lleval-showing")
    if config.pluginmanager.hasplugin("xdist"):
        if not alone and uses_hosts(config):
            from .hosting import open_hosts  # only where there are hosts

            open_hosts(config, session.settings, session.load_plan)
        if not is_spread(config):
            return
        from ..distribution.nodes import NodeHooks  # only where workers are
        from .fleet import SessionFleet

        config.pluginmanager.register(NodeHooks(SessionFleet(session), WORKER_INPUT), "lleval-nodes")
        if session.matrix is not None:
            from .apart import CellsApart  # only where workers run what is beside a matrix

            config.pluginmanager.register(CellsApart(session, active), "lleval-apart")
