"""Which models a test may ask, and which of them only when somebody has said so: nobody spends money by accident."""

from __future__ import annotations

import os
from collections.abc import Sequence
from ipaddress import ip_address
from itertools import pairwise
from urllib.parse import urlsplit

import pytest

from ..core.settings import ModelSpec, parse_model
from ..providers.registry import check_known
from .options import read_model_tables
from .state import load_settings

__all__ = ["choose_models", "explain_cost"]

_FREE = ("local", "local-batched", "mock", "callable")
_URLS = {"openai": "OPENAI_BASE_URL", "anthropic": "ANTHROPIC_BASE_URL"}
_OPTION = "--lleval-model"


def choose_models(config: pytest.Config, names: Sequence[str], place: str) -> tuple[ModelSpec, ...]:
    """Return the models a test is for: those named for the session, else those of its mark, else the project's.

    :param names: the models of its mark
    :param place: the mark, for messages
    :raises UsageError: for a model of the mark that does not exist, even where another one is asked
    """
    settings = load_settings(config)
    tables = read_model_tables(config) if names else {}
    marked = [parse_model(place, name, tables) for name in names]
    for spec in marked:
        check_known(spec)
    return (
        settings.models if not marked or _names_models(config) else tuple({spec.name: spec for spec in marked}.values())
    )


def explain_cost(config: pytest.Config, spec: ModelSpec) -> str:
    """Say why a model is not asked, unless somebody wants it to be; empty when it may be."""
    if spec.provider in _FREE or load_settings(config).live or _is_named(config, spec):
        return ""
    url = spec.base_url or os.environ.get(_URLS.get(spec.provider, ""), "")
    if _is_loopback(url):
        return ""
    return f"{spec.name} may cost money: ask it by --lleval-live, LLEVAL_LIVE=1, or name it by {_OPTION}"


def _names_models(config: pytest.Config) -> bool:
    """Tell whether a model was named for this very session: what the ini file says holds for all of them."""
    given = config.getoption("lleval_model")
    return bool(_list_typed(config)) if given else bool(os.environ.get("LLEVAL_MODEL"))


def _is_named(config: pytest.Config, spec: ModelSpec) -> bool:
    """Tell whether this very model was named for this session: naming a free one wakes no other."""
    if not config.getoption("lleval_model"):
        return bool(os.environ.get("LLEVAL_MODEL")) and spec in load_settings(config).models
    tables = read_model_tables(config)
    return any(parse_model(_OPTION, name, tables).name == spec.name for name in _list_typed(config))


def _list_typed(config: pytest.Config) -> list[str]:
    """Return the models named on the command line, without those the ini file adds to it."""
    words = [str(word) for word in config.getini("addopts")]
    committed = {word.removeprefix(f"{_OPTION}=") for word in words if word.startswith(f"{_OPTION}=")}
    committed |= {value for word, value in pairwise(words) if word == _OPTION}
    return [name for name in config.getoption("lleval_model") or () if name not in committed]


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
