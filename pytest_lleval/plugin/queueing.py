"""The items that come next in this process."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from itertools import islice

import pytest

from ..core.records import Case

__all__ = ["find_coming", "find_queue"]

Queue = Callable[[pytest.Item], tuple[Iterator[pytest.Item], Callable[[Case], bool] | None]]


def find_queue(config: pytest.Config) -> Queue:
    """Return what tells the items that come next in this process, from an item on."""
    if hasattr(config, "workerinput"):
        from ..distribution.queue import WorkerQueue  # only where xdist is at work

        return WorkerQueue(config).look_ahead
    return _look_ahead


def find_coming(item: pytest.Item) -> Iterator[pytest.Item]:
    """Return the items that will run behind one in this process, as far as that is certain."""
    config = item.config
    if _may_be_stolen(config):
        return iter(())
    if _QUEUE_KEY not in config.stash:
        config.stash[_QUEUE_KEY] = find_queue(config)
    return islice(config.stash[_QUEUE_KEY](item)[0], 1, None)


def _may_be_stolen(config: pytest.Config) -> bool:
    """Tell whether another worker may take over what this one has been given."""
    given = getattr(config, "workerinput", {}).get("mainargv", ())
    words = [*given, *config.getini("addopts"), os.environ.get("PYTEST_ADDOPTS", "")]
    return any("worksteal" in str(word) for word in words)


def _look_ahead(item: pytest.Item) -> tuple[Iterator[pytest.Item], None]:
    items = item.session.items
    position = item.session.stash.setdefault(_POSITIONS_KEY, {})
    if not position:
        position.update({id(entry): index for index, entry in enumerate(items)})
    return map(items.__getitem__, range(position.get(id(item), len(items)), len(items))), None


_POSITIONS_KEY: pytest.StashKey[dict[int, int]] = pytest.StashKey()
_QUEUE_KEY: pytest.StashKey[Queue] = pytest.StashKey()
