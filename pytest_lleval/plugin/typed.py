"""What was typed for this very session, and what the project adds to each command line by its ini file's `addopts`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path

import pytest

__all__ = ["is_typed", "list_typed"]

#: how deep files of arguments may name further ones
_DEEPEST = 10


def list_typed(config: pytest.Config, name: str) -> list[str]:
    """Return the values of a repeatable option that were typed; those of `addopts` were committed for all sessions.

    :param name: of the option, without `--lleval-`
    """
    given = list(config.getoption(f"lleval_{name.replace('-', '_')}") or ())
    words = _list_committed(config)
    if words is None:
        return []
    for value in _find_values(words, f"--lleval-{name}"):
        if value in given:
            given.remove(value)
    return given


def is_typed(config: pytest.Config, name: str) -> bool:
    """Tell whether an option was typed.

    :param name: of the option, without `--lleval-`
    """
    value, flag = config.getoption(f"lleval_{name.replace('-', '_')}"), f"--lleval-{name}"
    if isinstance(value, list):
        return bool(list_typed(config, name))
    words = _list_committed(config)
    typed = _mentions(map(str, config.invocation_params.args), flag)
    return value is not None and (typed or (words is not None and not _mentions(words, flag)))


def _mentions(words: Iterable[str], flag: str) -> bool:
    return any(word == flag or word.startswith(f"{flag}=") for word in words)


def _find_values(words: list[str], flag: str) -> Iterator[str]:
    yield from (word.removeprefix(f"{flag}=") for word in words if word.startswith(f"{flag}="))
    yield from (value for word, value in pairwise(words) if word == flag)


def _list_committed(config: pytest.Config) -> list[str] | None:
    """Return the words of `addopts`, those in files of arguments included; None where such a file cannot be read."""
    folder = config.invocation_params.dir
    try:
        return [found for word in config.getini("addopts") for found in _expand(str(word), folder, _DEEPEST)]
    except (OSError, UnicodeError):
        # nobody knows what it says: nothing counts as typed, and nothing is spent
        return None


def _expand(word: str, folder: Path, deep: int) -> Iterator[str]:
    """Yield the words of a file of arguments, one a line, which `@file` stands for."""
    if not word.startswith("@") or not deep:
        yield word
        return
    for line in (folder / word[1:]).read_text(encoding="utf-8").splitlines():
        yield from _expand(line, folder, deep - 1)
