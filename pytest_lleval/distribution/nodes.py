"""What the controller hands to each xdist worker, and what it hears of their collections."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

__all__ = ["NodeHooks"]


class NodeHooks:
    """xdist's hooks; registered only when xdist is there.

    :param prepare: called with the number of workers before the first one starts
    :param encode: returns the text for a worker's input
    :param key: under which the worker finds it, and leaves what it has left
    :param select: hears which node ids the workers will run
    :param keep: hears the journal lines of answers whose case never got its turn on a worker that ended in order
    """

    def __init__(
        self,
        *,
        prepare: Callable[[int], None],
        encode: Callable[[], str],
        key: str,
        select: Callable[[Sequence[str]], None],
        keep: Callable[[Sequence[str]], None],
    ) -> None:
        self._prepare = prepare
        self._encode = encode
        self._key = key
        self._select = select
        self._keep = keep

    @pytest.hookimpl
    def pytest_xdist_setupnodes(self, specs: Sequence[Any]) -> None:
        """Before any worker starts."""
        self._prepare(len(specs))

    @pytest.hookimpl
    def pytest_configure_node(self, node: Any) -> None:
        """Before one worker starts: https://pytest-xdist.readthedocs.io/en/stable/how-to.html."""
        node.workerinput[self._key] = self._encode()

    @pytest.hookimpl
    def pytest_xdist_node_collection_finished(self, node: Any, ids: Sequence[str]) -> None:  # noqa: ARG002
        """After a worker has collected."""
        self._select(ids)

    @pytest.hookimpl
    def pytest_testnodedown(self, node: Any) -> None:
        """After a worker has ended."""
        left = getattr(node, "workeroutput", {}).get(self._key, "")
        self._keep(left.splitlines())
