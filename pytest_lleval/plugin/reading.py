"""How an option is declared, and where its value is looked up."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal

import pytest

from ..core.errors import UsageError

__all__ = ["Option", "OptionReader"]


@dataclass(frozen=True, kw_only=True)
class Option:
    """An option of the command line with its ini twin."""

    name: str
    help: str
    metavar: str | None = None
    #: the type of its ini twin: ``linelist`` for repeatable options, else ``string``, ``bool``
    ini: Literal["string", "linelist", "bool"] = "string"
    environment: str | None = None

    @property
    def dest(self) -> str:
        """Its name in pytest's configuration and in ini files."""
        return "lleval_" + self.name.replace("-", "_")


_YES, _NO = ("1", "true", "yes", "on"), ("0", "false", "no", "off")


class OptionReader:
    """Looks a value up on the command line, in the environment, then in the ini file.

    :param config: of the session
    :param options: all that are declared
    """

    def __init__(self, config: pytest.Config, options: Iterable[Option]) -> None:
        self._config = config
        self._options = {option.name: option for option in options}

    def value(self, name: str) -> Any:
        """Return a value as it was written, or None, or what an ini file has for nothing."""
        option = self._options[name]
        typed = self._config.getoption(option.dest)
        if typed is not None:
            return typed
        if option.environment and (text := os.environ.get(option.environment)):
            return [text]
        return self._config.getini(option.dest)

    def is_given(self, name: str) -> bool:
        """Tell whether an option stands on the command line, what the ini file adds to it included."""
        return self._config.getoption(self._options[name].dest) is not None

    def many(self, name: str) -> list[str]:
        """Return the values of a repeatable option."""
        return [str(value) for value in self.value(name) or ()]

    def switch(self, name: str) -> bool:
        """Read a switch that has an environment variable.

        :raises UsageError: when the variable says neither yes nor no
        """
        value = self.value(name)
        if not isinstance(value, list):
            return bool(value)
        word = str(value[0]).strip().lower()
        if word not in (*_YES, *_NO):
            variable = self._options[name].environment
            raise UsageError(f"{variable}: {value[0]!r} is neither {', '.join(_YES)} nor {', '.join(_NO)}")
        return word in _YES

    def one(self, name: str, parse: Callable[[str], Any]) -> Any:
        """Return a parsed value; None where there is none."""
        value = self.value(name)
        return None if value is None else parse(str(value))

    def number(self, name: str, kind: Callable[[str], Any], wanted: str, fits: Callable[[Any], bool]) -> Any:
        """Return a number; None where there is none.

        :param wanted: what it has to be, in words
        :raises UsageError: for a text that is no number, or one that does not fit
        """
        text = self.one(name, str)
        if text is None:
            return None
        try:
            value = kind(text)
        except ValueError:
            value = None
        # JSON, which the run directory is written in, has no infinite numbers
        endless = isinstance(value, float) and not math.isfinite(value)
        if value is None or endless or not fits(value):
            raise UsageError(f"--lleval-{name}: {text!r} is not {wanted}")
        return value
