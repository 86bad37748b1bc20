"""What an xdist worker has been given to run; the only place that reads xdist's private queue.

Private names, guarded by ``tests/plugin/test_xdist_names.py``: the worker's plugin has ``torun`` (with ``lock()``)
and ``nextitem_index``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain
from typing import Any

import pytest

from ..core.records import Case

__all__ = ["WorkerQueue", "find_interactor"]


def find_interactor(config: pytest.Config) -> Any:
    """Return xdist's plugin of this worker.

    :raises RuntimeError: when this xdist release has none of the expected shape
    """
    for plugin in config.pluginmanager.get_plugins():
        if hasattr(plugin, "torun") and hasattr(plugin, "nextitem_index"):
            return plugin
    raise RuntimeError("this release of pytest-xdist hides its worker's queue; see pytest_lleval/distribution/queue.py")


class WorkerQueue:
    """The items an xdist worker has been given and has not run.

    :param config: of the worker
    :raises RuntimeError: when this xdist release has none of the expected shape
    """

    def __init__(self, config: pytest.Config) -> None:
        self._interactor = find_interactor(config)
        self._indices: dict[str, int] = {}

    def look_ahead(self, item: pytest.Item) -> tuple[Iterator[pytest.Item], Callable[[Case], bool]]:
        """Return the items this worker will run from `item` on, and a test whether a case is still among them."""
        items = item.session.items
        if not self._indices:
            self._indices = {entry.nodeid: index for index, entry in enumerate(items)}
        coming = (items[index] for index in self._read_indices() if isinstance(index, int))

        def still_mine(case: Case) -> bool:
            return case.id == item.nodeid or self._indices.get(case.id, -1) in self._read_indices()

        return chain([item], coming), still_mine

    def _read_indices(self) -> list[object]:
        """Return the indices of the current item, the next one and, thousands at times, those behind it."""
        with self._interactor.torun.lock() as queue:
            return [self._interactor.item_index, self._interactor.nextitem_index, *queue]
