"""How a session that keeps evidence ends."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from .controller import Controller

__all__ = ["finish_run"]


def finish_run(config: pytest.Config, controller: Controller, exitstatus: int) -> int:
    """Decide, when nobody asks any more, and put what was found into the JUnit file; return the exit status.

    :param config: of the session
    :param controller: that has kept the evidence
    :param exitstatus: pytest's
    """
    exitstatus = controller.finish(exitstatus)
    file = config.getoption("xmlpath", None)
    if file and controller.view is not None and Path(file).is_file():
        from .junit import annotate_junit  # only where it is asked for

        annotate_junit(Path(file), controller.view)
    return exitstatus
