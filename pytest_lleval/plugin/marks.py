"""What ``@pytest.mark.lleval(…)`` says of a test."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

import pytest

from ..core.errors import UnknownNameError, UsageError
from ..core.gates import Threshold, parse_threshold

__all__ = ["CaseMark", "read_mark"]

_KEYWORDS = ("dataset", "model", "backend", "epochs", "gate", "tags", "must_pass")
_BACKENDS = ("real", "any")


@dataclass(frozen=True, kw_only=True)
class CaseMark:
    """The marks of a test, its class and its module as one; what is nearer to the test counts."""

    #: the mark and its test, for messages
    place: str
    #: a suite, a file, rows or a function; None where the test stands alone
    dataset: object = None
    models: tuple[str, ...] = ()
    backend: str | None = None
    epochs: int | None = None
    gates: tuple[Threshold, ...] = ()
    tags: tuple[str, ...] = ()
    #: whether every case must pass, whatever a gate says
    all_must_pass: bool = False
    #: samples that must, by id or pattern
    must_pass: tuple[str, ...] = ()

    def demands(self, sample: str) -> bool:
        """Tell whether a case must pass, whatever a gate says.

        :param sample: its sample's id
        """
        return self.all_must_pass or any(sample == name or fnmatchcase(sample, name) for name in self.must_pass)


def read_mark(node: pytest.Item, name: str) -> CaseMark:
    """Return what the marks of a test say together.

    :param node: the test, or its definition
    :param name: its node id without parameters, which is the suite its gates are of
    :raises UsageError: for a keyword that does not exist, or a value that does not fit
    """
    place = f"@pytest.mark.lleval of {name}"
    words: dict[str, Any] = {}
    for marker in node.iter_markers("lleval"):
        if marker.args:
            raise UsageError(f"{place}: {marker.args[0]!r} has no name; write dataset=… or another keyword")
        for key, value in marker.kwargs.items():
            words.setdefault(key, value)
    for key in words:
        if key not in _KEYWORDS:
            raise UnknownNameError(place, "keyword", key, _KEYWORDS)
    must = words.get("must_pass")
    return CaseMark(
        place=place,
        dataset=words.get("dataset"),
        models=_read_texts(words, "model", place),
        backend=_read_backend(words.get("backend")),
        epochs=_read_epochs(words.get("epochs"), place),
        gates=tuple(parse_threshold(place, text, suite=name) for text in _read_texts(words, "gate", place)),
        tags=_read_texts(words, "tags", place),
        all_must_pass=must is True,
        must_pass=() if must is True or must is False else _read_texts(words, "must_pass", place),
    )


def _read_texts(words: Mapping[str, Any], key: str, place: str) -> tuple[str, ...]:
    value = words.get(key)
    if value is None:
        return ()
    texts = (value,) if isinstance(value, str) else value
    fits = isinstance(texts, (list, tuple, set, frozenset)) and all(isinstance(text, str) and text for text in texts)
    if not fits:
        wanted = "True, a text or a list of texts" if key == "must_pass" else "a text or a list of texts"
        raise UsageError(f"{place}: {key}={value!r} is not {wanted}")
    return tuple(sorted(texts) if isinstance(texts, (set, frozenset)) else texts)


def _read_epochs(value: object, place: str) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise UsageError(f"{place}: epochs={value!r} is not a whole number of at least 1")
    return value


def _read_backend(value: object) -> str | None:
    if value is not None and value not in _BACKENDS:
        raise UsageError(f"@pytest.mark.lleval(backend={value!r}): it is 'real' or 'any'")
    return None if value is None else str(value)
