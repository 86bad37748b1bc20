"""The options of a model table that belong to more than one provider."""

from __future__ import annotations

import math
from typing import Literal
from urllib.parse import urlsplit

from ..core.errors import UsageError
from ..core.settings import ModelSpec
from .failures import redact_secrets

__all__ = [
    "DEFAULT_RETRIES",
    "ClientKind",
    "check_url",
    "read_client",
    "read_max_retries",
    "read_number",
    "read_seconds",
    "require_official",
]

ClientKind = Literal["light", "official"]

#: How often a failed call is made again unless the model table says otherwise.
DEFAULT_RETRIES = 20


def read_number(spec: ModelSpec, name: str, default: float) -> float:
    """Return a number from 0 up out of a model's options.

    :raises UsageError: when the option is none
    """
    value = spec.options.get(name, default)
    try:
        number = float(value)
    except ValueError:
        number = -1.0
    if isinstance(value, bool) or not 0 <= number < math.inf:
        raise UsageError(f"{_name_table(spec)}: {name} = {value!r} is not a number from 0 up")
    return number


def read_seconds(spec: ModelSpec, name: str, default: float) -> float:
    """Return a time limit out of a model's options.

    :raises UsageError: when the option is no number above 0
    """
    seconds = read_number(spec, name, default)
    if not seconds:
        raise UsageError(f"{_name_table(spec)}: {name} = 0 leaves no time at all; give the seconds, or leave it out")
    return seconds


def read_max_retries(spec: ModelSpec) -> int:
    """Return how often a failed call to a model, of whatever provider, is made again.

    :raises UsageError: when its option ``max_retries`` is no whole number from 0 up
    """
    number = read_number(spec, "max_retries", DEFAULT_RETRIES)
    if not number.is_integer():
        raise UsageError(f"{_name_table(spec)}: max_retries = {number!r} is not a whole number")
    return int(number)


def read_client(spec: ModelSpec) -> ClientKind:
    """Return which client sends the requests of a model that speaks OpenAI's protocol.

    :raises UsageError: when its option ``client`` is neither ``light`` nor ``official``
    """
    value = spec.options.get("client", "light")
    if value == "light":
        return "light"
    if value == "official":
        return "official"
    raise UsageError(f'{_name_table(spec)}: client = {value!r} is neither "light" nor "official"')


def require_official(spec: ModelSpec) -> None:
    """Refuse another client than the official one for a protocol that has no other.

    :raises UsageError: when the option ``client`` asks for one
    """
    value = spec.options.get("client", "official")
    if value != "official":
        raise UsageError(f'{_name_table(spec)}: client = {value!r}; {spec.provider} models have only "official"')


def _name_table(spec: ModelSpec) -> str:
    return f"[tool.pytest_lleval.models.{spec.alias or spec.name}]"


def check_url(url: str, spec: ModelSpec, variable: str) -> str:
    """Return the base URL of a server.

    :param variable: of the environment, which may have named it
    :raises UsageError: when it is none
    """
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0 and not parts.query
    except ValueError:
        usable = False
    if not usable:
        source = "its base URL" if spec.base_url else variable
        shown = redact_secrets(url.partition("?")[0])
        raise UsageError(
            f"{spec.name}: {source} {shown!r} is no address such as http://127.0.0.1:8000/v1, without a query"
        )
    return url
