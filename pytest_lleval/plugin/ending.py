"""How a session that keeps evidence ends."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ..distribution.withdrawing import WITHDRAWN
from .state import SESSION_KEY, load_settings

if TYPE_CHECKING:
    from .controller import Controller

__all__ = ["fail_unmeasured", "finish_run"]


def fail_unmeasured(session: pytest.Session) -> None:
    """Fail a session whose gates or baseline were asked for on the command line, and which kept no evidence at all."""
    config = session.config
    keeps = config.pluginmanager.hasplugin("lleval-keeping") or SESSION_KEY in config.stash
    if keeps or session.exitstatus != pytest.ExitCode.OK or config.option.collectonly:
        return
    if load_settings(config).dry_run:
        return
    session.exitstatus = pytest.ExitCode.TESTS_FAILED
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None:
        reporter.ensure_newline()
        reporter.write_line("lleval: unmeasured: no eval case has run: no gate was judged, no baseline saved", red=True)


def finish_run(config: pytest.Config, controller: Controller, exitstatus: int) -> int:
    """Decide, when nobody asks any more, and put what was found into the JUnit file; return the exit status.

    :param config: of the session
    :param controller: that has kept the evidence
    :param exitstatus: pytest's
    """
    exitstatus = controller.finish(exitstatus)
    file = config.getoption("xmlpath", None)
    if file and controller.view is not None and Path(file).is_file():
        from .junit import annotate_junit, drop_withdrawn  # only where it is asked for

        if WITHDRAWN in config.stash:
            drop_withdrawn(Path(file), config.stash[WITHDRAWN], config.getoption("junitprefix", None))
        annotate_junit(Path(file), controller.view)
    return exitstatus
