"""What of a project hosts need for a session: all of it, or nothing; and which files they need in any case."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from ..core.settings import Settings
from ..execution.planning import RunPlan
from ..suites.registry import ChosenSuite, find_suites
from .collection import split_arguments
from .options import runs_suites_alone

__all__ = ["list_needed", "needs_project"]

#: folders of installed packages; of Debian's Python the second
_INSTALLED = ("site-packages", "dist-packages")
_PACKAGE = Path(__file__).parent.parent


def needs_project(config: pytest.Config, settings: Settings, plan: Callable[[], RunPlan] | None) -> bool:
    """Tell whether anything is collected, asked or loaded that is a file of the project.

    Only suites that are installed, asked of models that are no code of the project, need nothing; and they need all of
    it where the project has plugins of its own, such as a conftest.py, which may change what is collected.

    :param plan: loads the plan of the run; None where tests alone are run
    """
    if plan is None or not runs_suites_alone(config):
        return True
    if config.args_source is pytest.Config.ArgsSource.ARGS and split_arguments(config.args, plan().plans)[1]:
        return True
    root = Path(config.rootpath)
    if any(_is_suite_of_project(chosen, root) for chosen in _find(settings)):
        return True
    if any(spec.provider == "callable" or spec.model.startswith("file:") for spec in settings.models):
        return True
    return any(_is_of_project(plugin, root) for plugin in config.pluginmanager.get_plugins())


def list_needed(config: pytest.Config) -> list[Path]:
    """Return files that hosts need whatever is named for them: those with settings, and what `--lf` goes by."""
    root, ini = Path(config.rootpath), config.inipath
    files = [Path(ini), Path(ini).parent / "pyproject.toml"] if ini else []
    if config.getoption("lf", False) or config.getoption("failedfirst", False):
        kept = root / os.path.expandvars(config.getini("cache_dir")) / "v" / "cache"
        files += [kept / "lastfailed"]
    return files


def _find(settings: Settings) -> Sequence[ChosenSuite]:
    return find_suites(settings.suites, settings.arguments)


def _is_suite_of_project(chosen: ChosenSuite, root: Path) -> bool:
    # an installed one names its module instead of a file
    place = chosen.source.partition("::")[0]
    if Path(place).is_file():
        return True
    if isinstance(chosen.suite.dataset, (str, Path)) and chosen.folder is None:
        # a path relative to wherever the session is started
        return True
    return _is_of_project(sys.modules.get(place.partition(":")[0]), root)


def _is_of_project(module: object, root: Path) -> bool:
    """Tell whether a module is one of the project's files, and not installed."""
    return any(
        file.is_relative_to(root) and not file.is_relative_to(_PACKAGE) and not set(file.parts) & set(_INSTALLED)
        for file in _find_files(module)
    )


def _find_files(module: object) -> Iterator[Path]:
    """Yield the file of a module, or of the one an object's class is in."""
    owner = module if isinstance(module, type(sys)) else sys.modules.get(type(module).__module__)
    file = getattr(owner, "__file__", None)
    if isinstance(file, str):
        yield Path(file)
