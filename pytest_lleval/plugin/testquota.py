"""Rate limits and budget of the calls that tests make."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from ..core.settings import ModelSpec, Settings
from ..execution.prices import Price, check_budget, find_price
from ..execution.quota import Quota, QuotaClient
from .state import load_settings

__all__ = ["find_share", "open_client"]

_OWNER = "tests"


def find_share(config: pytest.Config) -> tuple[int, int]:
    """Return how many processes ask, and the number of this one, from 0."""
    given = getattr(config, "workerinput", {})
    number = str(given.get("workerid", "gw0")).removeprefix("gw")
    return int(given.get("workercount", 1)), int(number) if number.isdigit() else 0


def open_client(config: pytest.Config, spec: ModelSpec, loop: asyncio.AbstractEventLoop) -> QuotaClient | None:
    """Return what a model's calls ask before they are made; None where there are no limits.

    All tests of a process share its limits; each of xdist's workers has an equal share of those of the session.

    :param loop: on which the calls are made
    :raises UsageError: when there is a budget, and the model's price is not known
    """
    settings = load_settings(config)
    if not settings.is_limited:
        return None
    check_budget(replace(settings, models=(spec,)))
    if _QUOTA_KEY not in config.stash:
        prices: dict[str, Price | None] = {}
        quota = Quota(_divide(settings, find_share(config)[0]), prices)
        config.add_cleanup(quota.close)
        config.stash[_QUOTA_KEY] = quota, prices
    quota, prices = config.stash[_QUOTA_KEY]
    prices[spec.name] = find_price(spec)
    owner = f"{_OWNER} {spec.name}"

    def send(message: tuple[Any, ...]) -> None:
        quota.receive(owner, message, client.receive)

    client = QuotaClient(send, loop)
    return client


def _divide(settings: Settings, workers: int) -> Settings:
    def share(value: float | None) -> float | None:
        return None if value is None else value / workers

    tokens = settings.max_tokens_total
    return replace(
        settings,
        rpm=share(settings.rpm),
        tpm=share(settings.tpm),
        max_cost=share(settings.max_cost),
        max_tokens_total=None if tokens is None else tokens // workers,
    )


_QUOTA_KEY: pytest.StashKey[tuple[Quota, dict[str, Price | None]]] = pytest.StashKey()
