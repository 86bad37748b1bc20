"""Workers that are not believed any more: ended for good, with their machine, and what they have said asked again."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import pytest

from .audits import Place, find_place
from .private import end_quietly, find_run_session, kill_connection, list_active, mark_down, wake_scheduler
from .workerstate import find_state

__all__ = ["Exclusions", "Jury", "end_for_good"]

_HOSTS = "lleval-hosts"


class Jury(Protocol):
    """What is asked of the session when a worker is excluded."""

    def void(self, workers: Sequence[Place], reason: str) -> list[str]:
        """Void all records of workers; return the cases that have none now. In the main thread."""

    def note_tests(self, worker: str, tests: int) -> None:
        """Hear how many ordinary tests an excluded worker has run, which nobody runs again."""


class Exclusions:
    """Collects verdicts from all threads, and carries them out in the main thread.

    :param config: of the controller
    :param jury: the session
    """

    def __init__(self, config: pytest.Config, jury: Jury) -> None:
        self._config = config
        self._jury = jury
        self._nodes: dict[str, Any] = {}
        self._verdicts: deque[tuple[str, str]] = deque()
        self._excluded: set[str] = set()
        #: why the last one was excluded; empty while none is
        self.reason = ""
        #: gives cases out again
        self.renew: Callable[[Sequence[str]], None] | None = None

    def watch(self, node: Any) -> None:
        """Hear of a worker that is about to be configured."""
        self._nodes[node.gateway.id] = node

    def __bool__(self) -> bool:
        return bool(self._verdicts) or bool(self._excluded and any(map(_is_ending, list_active(self._config))))

    def convict(self, worker: str, reason: str) -> None:
        """Hear that a worker is not to be believed; in any thread."""
        self._verdicts.append((worker, reason))
        wake_scheduler(self._config)

    def settle(self) -> None:
        """Carry out what was decided; in the main thread."""
        while self._verdicts:
            self._exclude(*self._verdicts[0])
            # only now: until then the session is not to end
            self._verdicts.popleft()

    def dismiss(self, node: Any, reason: str) -> None:
        """Let a worker and its host go that are of no use; in the main thread."""
        end_for_good(node, reason)
        self._ban(find_place(node).machine)

    def _ban(self, machine: str) -> None:
        hooks = self._config.pluginmanager.getplugin(_HOSTS)
        if hooks is not None and machine:
            hooks.ban(machine)

    def _exclude(self, worker: str, reason: str) -> None:
        accused = self._find_accused(worker)
        if not accused:
            return
        places = [find_place(node) for node in accused]
        for node in accused:
            find_state(node).excluded = True
            self._excluded.add(node.gateway.id)
            end_for_good(node, reason)
        self._ban(places[0].machine)
        cases = self._jury.void(places, reason)
        for node in accused:
            self._jury.note_tests(node.gateway.id, find_state(node).tests)
        if self.renew is not None:
            self.renew(cases)
        self.reason = reason

    def _find_accused(self, worker: str) -> list[Any]:
        """Return a worker with all others of its host, those that have ended included, the worker itself first."""
        node = self._nodes.get(worker)
        if node is None or worker in self._excluded:
            return []
        machine = find_place(node).machine
        others = [
            other
            for other in self._nodes.values()
            if other is not node and machine and find_place(other).machine == machine
        ]
        return [node, *(other for other in others if other.gateway.id not in self._excluded)]


def _is_ending(node: Any) -> bool:
    return find_state(node).excluded


def end_for_good(node: Any, reason: str) -> None:
    """End a worker that nobody replaces, and blame none of the cases it held; in the main thread."""
    if not mark_down(node):
        # whoever has noticed its end tells xdist
        return
    # its host is to blame for all of it: what it held goes to others, and counts against nothing
    state = find_state(node)
    state.gone, state.reason, state.host_is_gone = True, reason, True
    kill_connection(node.gateway)
    find_run_session(node.config).queue.put(end_quietly(node))
