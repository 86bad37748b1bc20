"""Where the command looks for what it is given: a run, or a file of results to compare with."""

from __future__ import annotations

from pathlib import Path

from ..core.errors import UsageError
from ..execution.rundir import find_run

__all__ = ["find_results"]


def find_results(name: str, place: str) -> Path:
    """Find a run or a baseline file.

    :param name: the path of either, or the name of a run
    :param place: where it was written, for messages
    :raises UsageError: when there is neither
    """
    if not name:
        raise UsageError(f"{place}: name a run or a baseline file")
    if Path(name).is_file():
        return Path(name)
    try:
        return find_run(Path.cwd(), name, place)
    except UsageError as error:
        raise UsageError(
            f"{place}: {name!r} is neither a baseline file nor a run (looked in {Path.cwd()} and its .lleval/runs)"
        ) from error
