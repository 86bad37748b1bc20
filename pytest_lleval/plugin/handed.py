"""What a worker on a host is handed by its controller, beside xdist's own input."""

from __future__ import annotations

from pathlib import Path

import pytest

from ..distribution.pulse import HOST_KEY, follow_pulse
from ..suites.supplies import use_supplies
from ..support.clock import shift_clock
from ..support.handover import take_over

__all__ = ["receive_handed"]


def receive_handed(config: pytest.Config) -> None:
    """Take over variables and clock, and follow the controller's pulse; before anything else looks at them."""
    # nothing of it stays where other plugins would show it
    handed = config.workerinput.pop(HOST_KEY)  # type: ignore[attr-defined]  # xdist sets it
    take_over(handed["environment"])
    shift_clock(handed["offset"])
    if handed["data"]:
        use_supplies(Path(handed["data"]))
    follow_pulse(config)
