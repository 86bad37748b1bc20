"""What an xdist worker has been given to run; the only place that reads xdist's private queue.

Private names, guarded by ``tests/plugin/test_xdist_names.py``: the worker's plugin has ``torun`` (with ``lock()``)
and ``nextitem_index``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ..core.records import Case

__all__ = ["find_interactor", "read_queue"]


def find_interactor(config: pytest.Config) -> Any:
    """Return xdist's plugin of this worker.

    :raises RuntimeError: when this xdist release has none of the expected shape
    """
    for plugin in config.pluginmanager.get_plugins():
        if hasattr(plugin, "torun") and hasattr(plugin, "nextitem_index"):
            return plugin
    raise RuntimeError("this release of pytest-xdist hides its worker's queue; see pytest_lleval/distribution/queue.py")


def read_queue(config: pytest.Config, item: pytest.Item) -> tuple[Iterator[pytest.Item], Callable[[Case], bool]]:
    """Return the items this worker will run from `item` on, and a test whether a case is still among them."""
    interactor = find_interactor(config)
    items = item.session.items
    coming = [items[index] for index in _read_indices(interactor)]

    def still_mine(case: Case) -> bool:
        return case.id == item.nodeid or any(items[index].nodeid == case.id for index in _read_indices(interactor))

    return iter([item, *coming]), still_mine


def _read_indices(interactor: Any) -> list[int]:
    with interactor.torun.lock() as queue:
        return [index for index in (interactor.item_index, interactor.nextitem_index, *queue) if isinstance(index, int)]
