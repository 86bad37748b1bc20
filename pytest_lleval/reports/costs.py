"""What answers cost, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..analysis.summary import Traffic
from ..core.errors import UsageError
from ..core.records import Usage
from ..core.settings import ModelSpec
from ..execution.prices import Price, find_price

__all__ = ["tell_cost"]

_CENT = 0.01


def tell_cost(model: str, traffic: Traffic, manifest: Mapping[str, Any]) -> str:
    """Return what was paid, as far as it is known; it is about so much, since discounts are not.

    :param model: who was asked
    :param traffic: with it
    :param manifest: of the run
    """
    price = _find_price(model, manifest)
    if price is None:
        return "price not known"
    cost = price.weigh(Usage(input_tokens=traffic.input_tokens, output_tokens=traffic.output_tokens))
    if 0 < cost < _CENT:
        return "less than $0.01"
    return f"about ${cost:,.2f}" if cost else "$0"


def _find_price(model: str, manifest: Mapping[str, Any]) -> Price | None:
    for raw in manifest["settings"].get("models", ()):
        spec = ModelSpec(**raw)
        if spec.name == model:
            try:
                return find_price(spec)
            except UsageError:
                return None
    return None
