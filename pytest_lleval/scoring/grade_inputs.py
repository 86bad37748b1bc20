"""What a test hands to its grade, read and refused by name where it is something else."""

from __future__ import annotations

import inspect
import math
from collections.abc import Collection, Mapping
from decimal import Decimal
from numbers import Real
from typing import Protocol

from ..core.errors import UsageError

__all__ = ["HasText", "read_answer", "read_share", "read_targets", "show_value"]


class HasText(Protocol):
    """An answer of a model, e.g. a `Completion`."""

    @property
    def text(self) -> str:
        """What was answered."""


def read_share(value: object, what: str, place: str) -> float:
    """Return a bool, or a number from 0 to 1, as a float; those of numpy and its kin are accepted.

    :param what: what it is, for the message, e.g. ``a grade``
    :param place: where it was written, for the message
    :raises UsageError: when it is anything else, NaN included
    """
    plain = value
    if getattr(value, "shape", None) == () and callable(item := getattr(value, "item", None)):
        plain = item()
    if isinstance(plain, (Real, Decimal)):
        try:
            share = float(plain)
        except (ArithmeticError, ValueError):
            share = math.nan
        if 0.0 <= share <= 1.0:
            return share
    raise UsageError(f"{place}: {show_value(value)} is not {what}; give a bool or a number from 0 to 1")


def read_answer(answer: object, place: str) -> str:
    """Return the text of an answer: a text itself, or what has one as its ``text``.

    :param place: where it was written, for the message
    :raises UsageError: when it is neither
    """
    text = answer if isinstance(answer, str) else getattr(answer, "text", None)
    if not isinstance(text, str):
        raise UsageError(f"{place}: {show_value(answer)} is no text; give a str, or an answer that has a text")
    return text


def read_targets(targets: object, what: str, place: str) -> tuple[str, ...]:
    """Return one text or several as a tuple of at least one.

    :param what: what they are, for the message, e.g. ``target``
    :param place: where they were written, for the message
    :raises UsageError: when there is none, or one is no text
    """
    if isinstance(targets, str):
        return (targets,)
    if not isinstance(targets, Collection) or isinstance(targets, (Mapping, bytes)):
        raise UsageError(f"{place}: the {what} {show_value(targets)} is no text; give a str or a list of them")
    wrong = [target for target in targets if not isinstance(target, str)]
    if wrong or not len(targets):
        found = f"holds {show_value(wrong[0])}" if wrong else "is empty"
        raise UsageError(f"{place}: the list of {what}s {found}; give a str or a list of them")
    texts = [target for target in targets if isinstance(target, str)]
    # a set has another order in every process, and explanations are kept
    return tuple(sorted(texts) if isinstance(targets, (set, frozenset)) else texts)


def show_value(value: object) -> str:
    """Return a value for a message, with its type, and what to do about one that was not waited for."""
    if inspect.isawaitable(value):
        if inspect.iscoroutine(value):
            value.close()
        return f"an answer nobody has waited for ({type(value).__name__}: write await before it)"
    shown = repr(value)
    return f"{shown if len(shown) <= 60 else shown[:59] + '…'} ({type(value).__name__})"
