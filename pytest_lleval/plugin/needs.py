"""Whether a session needs the files of its project, and not only what is installed."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from ..core.settings import Settings
from ..execution.planning import RunPlan
from ..suites.registry import ChosenSuite, find_suites
from .collection import split_arguments
from .options import runs_suites_alone

__all__ = ["needs_project"]


def needs_project(config: pytest.Config, settings: Settings, plan: Callable[[], RunPlan] | None) -> bool:
    """Tell whether anything is collected, asked or loaded that is a file of the project.

    :param plan: loads the plan of the run; None where tests alone are run
    """
    if plan is None or not runs_suites_alone(config):
        return True
    if config.args_source is pytest.Config.ArgsSource.ARGS and split_arguments(config.args, plan().plans)[1]:
        return True
    # installed ones name their distribution instead of a file
    if any(Path(chosen.source.partition("::")[0]).is_file() for chosen in _find(settings)):
        return True
    if any(spec.provider == "callable" or spec.model.startswith("file:") for spec in settings.models):
        return True
    return any(_is_of_project(name, Path(config.rootpath)) for name in config.known_args_namespace.plugins)


def _find(settings: Settings) -> Sequence[ChosenSuite]:
    return find_suites(settings.suites, settings.arguments)


def _is_of_project(plugin: str, root: Path) -> bool:
    """Tell whether a plugin that is named on the command line is a module of the project."""
    if plugin.startswith("no:"):
        return False
    try:
        found = importlib.util.find_spec(plugin)
    except (ImportError, ValueError):
        return False
    return bool(found and found.origin and Path(found.origin).is_relative_to(root))
