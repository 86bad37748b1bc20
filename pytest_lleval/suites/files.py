"""The mark of a suite function, and the suites of a Python file."""

from __future__ import annotations

import hashlib
import importlib.util
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import ParamSpec, TypeGuard

from ..core.errors import UnknownNameError, UsageError
from .definition import Suite
from .parameters import name_parameters

__all__ = ["SuiteFunction", "SuiteSource", "is_suite_function", "read_suite_file", "suite"]

_P = ParamSpec("_P")
_MARK = "__lleval_suite__"

#: a function that builds a suite from the suite's parameters
SuiteFunction = Callable[..., Suite]


@dataclass(frozen=True, kw_only=True, slots=True)
class SuiteSource:
    """A suite, or the function that builds it, with the name it is chosen by and where it was found."""

    name: str
    target: Suite | SuiteFunction = field(compare=False)
    folder: Path | None
    place: str

    @property
    def parameters(self) -> tuple[str, ...]:
        """The names of the parameters a user can set."""
        return () if isinstance(self.target, Suite) else name_parameters(self.target)


def suite(function: Callable[_P, Suite]) -> Callable[_P, Suite]:
    """Mark a function as one that builds a suite; its parameters become the suite's.

    Users set them with ``--lleval-arg NAME=VALUE``. They are annotated ``int``, ``float``, ``bool``, ``str`` or
    ``Literal[...]`` and have defaults; the first line of the docstring is the suite's line in lists.
    """
    setattr(function, _MARK, True)
    return function


def is_suite_function(target: object) -> TypeGuard[SuiteFunction]:
    """Tell whether `target` is a function marked with `suite`."""
    return callable(target) and getattr(target, _MARK, False) is True


def read_suite_file(place: str, path: Path, name: str | None) -> list[SuiteSource]:
    """Import a Python file and return its suites, or the one called `name`.

    Suites are the module's `Suite` objects and the functions marked with `suite` that it defines itself; names with a
    leading underscore are private.

    :param place: the option it came from, for messages
    :param path: the file; relative paths start from the current directory
    :param name: the name of a variable, a function or a suite; None means all
    :raises UnknownNameError: when the file has no suite of that name
    :raises UsageError: when the file is missing, raises on import, or holds no suite
    """
    path = path.absolute()
    if not path.is_file():
        raise UsageError(f"{place}: there is no file {str(path)!r}")
    module = _import_file(place, path)
    found = _list_suites(module, path)
    if not found:
        raise UsageError(f"{place}: {str(path)!r} holds no suite: neither a Suite nor a function marked with @suite")
    if name is None:
        return list(found.values())
    by_suite = {source.target.name: source for source in found.values() if isinstance(source.target, Suite)}
    chosen = found.get(name) or by_suite.get(name)
    if chosen is None:
        raise UnknownNameError(place, f"suite in {str(path)!r}", name, {*found, *by_suite})
    return [chosen]


def _list_suites(module: ModuleType, path: Path) -> dict[str, SuiteSource]:
    found: dict[str, SuiteSource] = {}
    seen: set[int] = set()
    for name, value in vars(module).items():
        own = isinstance(value, Suite) or (is_suite_function(value) and value.__module__ == module.__name__)
        if own and not name.startswith("_") and id(value) not in seen:
            seen.add(id(value))
            found[name] = SuiteSource(name=name, target=value, folder=path.parent, place=f"{path}::{name}")
    return found


def _import_file(place: str, path: Path) -> ModuleType:
    # a name of its own, so that two files of one name, or a file named like a package, do not meet
    mark = hashlib.sha256(str(path).encode("utf-8", "surrogatepass")).hexdigest()[:12]
    spec = importlib.util.spec_from_file_location(f"lleval_suite_file_{mark}", path)
    if spec is None or spec.loader is None:
        raise UsageError(f"{place}: {str(path)!r} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:  # a user's file may raise anything; it must be named with its line
        del sys.modules[spec.name]
        line = _find_line(error, path)
        raise UsageError(f"{place}: {path}:{line} cannot be imported: {type(error).__name__}: {error}") from error
    return module


def _find_line(error: BaseException, path: Path) -> int:
    """Return the line of `path` the error passed through last."""
    if isinstance(error, SyntaxError) and error.lineno and error.filename == str(path):
        return error.lineno
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
    return next((line for line in reversed(lines) if line), 1)
