"""What a call costs: a small table in ``prices.json``, which also says how old it is; model tables come first."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any

from ..core.errors import UsageError
from ..core.records import Disclosure, Usage
from ..core.settings import ModelSpec, Settings

__all__ = ["Price", "check_budget", "find_price"]

#: whose models run on this machine or are no models
_FREE = ("local", "local-batched", "mock", "callable")
#: what a vendor adds to a model's name without making it another model; gpt-5-pro is another model than gpt-5
_SAME_MODEL = re.compile(r"|-\d{8}|-\d{4}-\d{2}-\d{2}|-latest")
_MILLION = 1_000_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Price:
    """USD per million tokens."""

    input: float
    output: float
    #: of input the server took from a prompt cache
    cached_input: float

    def weigh(self, usage: Usage) -> float:
        """Return what a call costs in USD; tokens that are not known cost nothing."""
        whole = usage.input_tokens or 0
        cached = min(usage.cached_tokens or 0, whole)
        fresh = whole - cached
        return (fresh * self.input + cached * self.cached_input + (usage.output_tokens or 0) * self.output) / _MILLION


_NOTHING = Price(input=0.0, output=0.0, cached_input=0.0)


def find_price(spec: ModelSpec) -> Price | None:
    """Return the price of a model; None where it is not known.

    The options ``input_price`` and ``output_price`` of its model table come first. Otherwise a model is known by its
    name, wherever it answers: gateways mostly charge what the vendor charges.

    :raises UsageError: when only one of the options is set, or one is no number from 0 up
    """
    set_here = [name for name in ("input_price", "output_price") if name in spec.options]
    if len(set_here) == 1:
        raise UsageError(f"{_name_table(spec)}: sets {set_here[0]} alone; a price needs input_price and output_price")
    if set_here:
        paid = _read_price(spec, "input_price")
        return Price(input=paid, output=_read_price(spec, "output_price"), cached_input=paid)
    if spec.provider in _FREE:
        return _NOTHING
    return _look_up(spec.provider, spec.model)


def _read_price(spec: ModelSpec, name: str) -> float:
    value = spec.options[name]
    try:
        price = float(value)
    except ValueError:
        price = math.nan
    if isinstance(value, bool) or not 0 <= price < math.inf:
        raise UsageError(f"{_name_table(spec)}: {name} = {value!r} is not a number from 0 up")
    return price


def _name_table(spec: ModelSpec) -> str:
    return f"[tool.pytest_lleval.models.{spec.alias or spec.name}]"


def _look_up(provider: str, model: str) -> Price | None:
    table = _read_table()["models"].get(provider, {})
    for name in sorted(table, key=len, reverse=True):
        if model.startswith(name) and _SAME_MODEL.fullmatch(model[len(name) :]):
            return _make_price(table[name])
    return None


def _make_price(entry: Mapping[str, float]) -> Price:
    return Price(input=entry["input"], output=entry["output"], cached_input=entry.get("cached_input", entry["input"]))


@lru_cache(maxsize=1)
def _read_table() -> dict[str, Any]:
    table: dict[str, Any] = json.loads(files(__package__).joinpath("prices.json").read_text(encoding="utf-8"))
    return table


def check_budget(settings: Settings) -> tuple[Disclosure, ...]:
    """Make sure that a budget in money can be kept.

    :returns: a warning for each model the budget in money cannot count, where one in tokens holds for it
    :raises UsageError: when the price of a model is not known and nothing else bounds what it is asked
    """
    if settings.max_cost is None:
        return ()
    unpriced = [spec for spec in settings.models if find_price(spec) is None]
    if unpriced and settings.max_tokens_total is None:
        raise UsageError(
            f"--lleval-max-cost: the price of {unpriced[0].name!r} is not known; set input_price and output_price (USD "
            "per million tokens) in its table under [tool.pytest_lleval.models], or set --lleval-max-tokens-total too"
        )
    return tuple(
        Disclosure(
            factor="E",
            severity="warning",
            message=f"{spec.name}: its price is not known; --lleval-max-cost={settings.max_cost:g} does not count it, "
            f"only --lleval-max-tokens-total={settings.max_tokens_total} bounds it",
            evidence={"model": spec.name},
        )
        for spec in unpriced
    )
