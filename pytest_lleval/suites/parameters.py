"""The parameters of a suite, and the texts a user gives for them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, Literal, get_args, get_origin, get_type_hints

from ..core.errors import SuiteError, UsageError

__all__ = ["coerce_arguments", "describe_parameters", "name_parameters"]

_TRUTH = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}


def name_parameters(function: Callable[..., object]) -> tuple[str, ...]:
    """Return the names of the parameters a user can set."""
    return tuple(parameter.name for parameter in _list_parameters(function))


def describe_parameters(function: Callable[..., object]) -> tuple[str, ...]:
    """Return each parameter as it reads in the function's head, e.g. ``num_fewshot: int = 0``."""
    hints = _read_hints(function)
    return tuple(
        f"{parameter.name}: {_name_hint(hints.get(parameter.name, str))}"
        + ("" if parameter.default is inspect.Parameter.empty else f" = {parameter.default!r}")
        for parameter in _list_parameters(function)
    )


def coerce_arguments(suite: str, function: Callable[..., object], arguments: Mapping[str, str]) -> dict[str, object]:
    """Return the arguments that `function` has parameters for, as values of the annotated types.

    :param suite: the name of the suite, for messages
    :param arguments: values as texts by parameter name; those of other suites are left out
    :raises UsageError: for a text that is no value of the parameter, or a parameter that must be given and is not
    """
    hints = _read_hints(function)
    values: dict[str, object] = {}
    for parameter in _list_parameters(function):
        name = parameter.name
        hint = hints.get(name, str)
        if name in arguments:
            values[name] = _coerce_text(f"--lleval-arg: {name}={arguments[name]!r} of {suite}", arguments[name], hint)
        elif parameter.default is inspect.Parameter.empty:
            raise UsageError(f"--lleval-arg: {suite} needs {name}, {_name_hint(hint)}; add --lleval-arg {name}=VALUE")
    return values


def _list_parameters(function: Callable[..., object]) -> list[inspect.Parameter]:
    settable = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return [parameter for parameter in inspect.signature(function).parameters.values() if parameter.kind in settable]


def _read_hints(function: Callable[..., object]) -> dict[str, Any]:
    try:
        return get_type_hints(function)
    except (NameError, TypeError) as error:
        name = getattr(function, "__name__", repr(function))
        raise SuiteError(f"suite {name!r}: its annotations cannot be read: {error}") from error


def _coerce_text(place: str, text: str, hint: Any) -> object:
    if get_origin(hint) is Literal:
        allowed = {str(value): value for value in get_args(hint)}
        if text not in allowed:
            raise UsageError(f"{place} must be one of {', '.join(allowed)}")
        return allowed[text]
    if hint is bool:
        if text.lower() not in _TRUTH:
            raise UsageError(f"{place} must be true or false")
        return _TRUTH[text.lower()]
    if hint is int or hint is float:
        try:
            return hint(text)
        except ValueError:
            kind = "a whole number" if hint is int else "a number"
            raise UsageError(f"{place} must be {kind}") from None
    if hint is str:
        return text
    raise UsageError(f"{place} cannot be set on the command line: its type is {_name_hint(hint)}")


def _name_hint(hint: Any) -> str:
    if get_origin(hint) is Literal:
        return " | ".join(repr(value) for value in get_args(hint))
    return hint.__name__ if isinstance(hint, type) else str(hint)
