"""Variables of the environment that the controller has handed to a process on a host.

They are in the process's memory alone: what it was started with names none of them. What it starts in turn gets them
as any other, unless it is started with `copy_environment`, as our model servers are.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

__all__ = ["copy_environment", "take_over"]

_SECRET = re.compile("KEY|TOKEN|SECRET|PASSWORD|CREDENTIAL", re.IGNORECASE)
_handed: set[str] = set()


def take_over(environment: Mapping[str, str]) -> None:
    """Set the variables that were handed over."""
    os.environ.update(environment)
    _handed.update(environment)


def copy_environment() -> dict[str, str]:
    """Return the environment for a process that needs no keys."""
    return {name: value for name, value in os.environ.items() if name not in _handed or not _SECRET.search(name)}
