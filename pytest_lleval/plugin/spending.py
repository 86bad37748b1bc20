"""Which models a test may ask, and which of them only when somebody has said so: nobody spends money by accident."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from ipaddress import ip_address
from urllib.parse import urlsplit

import pytest

from ..core.matrix import MATRIX
from ..core.settings import ModelSpec, parse_model
from ..providers.registry import check_known
from ..suites.registry import find_suites
from .options import read_model_tables
from .state import load_settings
from .typed import is_typed, list_typed

__all__ = ["choose_models", "explain_cost", "list_withheld"]

_FREE = ("local", "local-batched", "mock", "callable")
_URLS = {"openai": "OPENAI_BASE_URL", "anthropic": "ANTHROPIC_BASE_URL"}
_OPTION = "--lleval-model"
#: options that, once typed, say that suites or the matrix are to be asked
_ASKING = ("suite", "matrix", "resume")


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


def list_withheld(config: pytest.Config) -> Mapping[str, str]:
    """Return the models that the ini file's suites are not asked of, with the reason: those that may cost money.

    A suite, or a case of one, that was typed for this session is asked of any model: somebody wants it.

    :raises UsageError: for an option that does not fit
    """
    settings = load_settings(config)
    wanted = any(is_typed(config, name) for name in _ASKING) or _names_case(config)
    if settings.dry_run or config.option.collectonly or wanted:
        return {}
    found = {spec.name: explain_cost(config, spec) for spec in settings.models}
    return {name: reason for name, reason in found.items() if reason}


def _names_models(config: pytest.Config) -> bool:
    """Tell whether a model was named for this very session: what the ini file says holds for all of them."""
    given = config.getoption("lleval_model")
    return bool(list_typed(config, "model")) if given else bool(os.environ.get("LLEVAL_MODEL"))


def _is_named(config: pytest.Config, spec: ModelSpec) -> bool:
    """Tell whether this very model was named for this session: naming a free one wakes no other."""
    if not config.getoption("lleval_model"):
        return bool(os.environ.get("LLEVAL_MODEL")) and spec in load_settings(config).models
    tables = read_model_tables(config)
    return any(parse_model(_OPTION, name, tables).name == spec.name for name in list_typed(config, "model"))


def _names_case(config: pytest.Config) -> bool:
    """Tell whether an argument is the node id of a suite's case, or of a cell of the matrix."""
    named = {word.partition("::")[0] for word in config.args if "::" in word}
    if not named:
        return False
    settings = load_settings(config)
    suites = {chosen.suite.name for chosen in find_suites(settings.suites, settings.arguments)}
    return bool(named & (suites | {MATRIX}))


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
