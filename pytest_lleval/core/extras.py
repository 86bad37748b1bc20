"""Packages of an optional extra, imported where they are used."""

from __future__ import annotations

import importlib
from typing import Any

from .errors import UsageError

__all__ = ["import_extra"]


def import_extra(place: str, module: str, package: str, extra: str) -> Any:
    """Import a module of an optional extra.

    :param place: what needs it, for the message, e.g. the file that is to be read
    :param module: the module's full name
    :param package: the package that has it
    :param extra: the extra of this package that installs it
    :raises UsageError: when it is not installed
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise UsageError(
            f"{place}: needs the package {package!r}, which is not installed: pip install 'pytest-lleval[{extra}]'"
        ) from error
