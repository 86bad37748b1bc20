"""Workers on hosts that end before their time: who is to blame, and how they come back.

xdist starts a worker again in its main loop, at once and for ever, and a host that cannot be reached ends the session.
Here xdist is told that the worker has finished. What it held goes to the others, the host is tried again in a thread of
its own, and a worker that can be had joins the running session.
"""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import execnet
import pytest

from ..core.errors import HostError
from ..support.lastline import find_last_line
from .keepers import Keepers
from .private import adopt_worker, await_reason, end_quietly, wake_main
from .starting import GatewayStarter
from .workerstate import find_state

__all__ = ["HostLosses"]

#: workers that end one after the other before they have collected until a host that lives is given up
MOST_FAILURES = 3
#: the same for workers that end while the host lives, for each it has: as xdist counts
MOST_CRASHES = 4
_FIRST_WAIT = 2.0
_MOST_WAIT = 30.0


class HostLosses:
    """Watches the ends of workers on hosts, from the threads of their gateways.

    :param config: of the controller
    :param keepers: of the hosts
    :param starter: of the workers' connections
    :param tell: called with the host's name, a worker's or none, and what happened to it
    """

    def __init__(
        self, config: pytest.Config, keepers: Keepers, starter: GatewayStarter, tell: Callable[[str, str, str], None]
    ) -> None:
        self._config = config
        self._keepers = keepers
        self._starter = starter
        self._tell = tell
        self._guard = threading.Lock()
        #: workers to be had again, by host
        self._owed: Counter[str] = Counter()
        #: hosts that a thread is trying
        self._trying: set[str] = set()
        #: workers that ended while their host lived: one after the other before they had collected, and all
        self._failures: Counter[str] = Counter()
        self._crashes: Counter[str] = Counter()
        self._reasons: dict[str, str] = {}
        self._given_up: set[str] = set()
        #: specs of workers that can join
        self._waiting: deque[Any] = deque()
        self._closed = threading.Event()
        #: reports of workers that were given up already, by host
        self.late: Counter[str] = Counter()

    def watch(self, node: Any) -> None:
        """Stand between a worker on a host and xdist; before it is configured."""
        put = node.putevent
        state = find_state(node)
        opening = self._keepers.by_name[state.host].openings

        def putevent(event: tuple[str, dict[str, Any]]) -> None:
            if state.gone:
                self.late[state.host] += event[0] == "testreport"
            elif event[0] == "errordown":
                state.gone = True
                # whoever tells of it must not wait for the host's answer
                words = (node, put, event[1]["error"], opening)
                threading.Thread(target=self._end, args=words, name="lleval-blame", daemon=True).start()
            elif event[0] != "workerfinished" or not await_reason(node):
                put(event)

        node.putevent = putevent

    def _end(self, node: Any, put: Callable[[Any], None], error: object, opening: int) -> None:
        """Find out who is to blame, tell xdist, and try to have the worker again."""
        state = find_state(node)
        name = state.host
        keeper = self._keepers.by_name[name]
        there = False
        try:
            # a host that was made ready again since then was gone
            there = keeper.openings == opening and keeper.answers()
        finally:
            state.host_is_gone = not there
            state.reason = find_last_line(str(error)) if there else f"host {name!r} does not answer"
            put(end_quietly(node))
        with self._guard:
            self._reasons[name] = state.reason
            self._crashes[name] += there
            self._failures[name] = 0 if state.collected else self._failures[name] + there
        self._owe(name)

    def _owe(self, name: str) -> None:
        with self._guard:
            self._owed[name] += 1
            if name in self._trying or name in self._given_up or self._closed.is_set():
                return
            self._trying.add(name)
        threading.Thread(target=self._try, args=(name,), name=f"lleval-again-{name}", daemon=True).start()

    def ban(self, name: str) -> None:
        """Try a host no more, whose workers are not believed."""
        with self._guard:
            self._given_up.add(name)

    def note_absent(self, name: str) -> None:
        """Hear of a worker that could not be had at the start: its host is tried again."""
        self._owe(name)

    def _try(self, name: str) -> None:
        """Try a host until it has all its workers again, or is given up."""
        wait, told = _FIRST_WAIT, ""
        while not self._closed.wait(wait) and name not in self._given_up:
            if self._is_hopeless(name):
                self._give_up(name)
                return
            wait = min(_MOST_WAIT, 2 * wait)
            problem = self._restore(name)
            if problem and problem != told:
                told = problem
                self._tell(name, "", f"cannot be had again yet: {problem}")
            if not problem:
                if self._is_complete(name):
                    return
                wait = 0.0
        with self._guard:
            self._trying.discard(name)

    def _is_complete(self, name: str) -> bool:
        """Count a worker that was had again; tell whether it was the last."""
        with self._guard:
            self._owed[name] -= 1
            if self._owed[name] > 0:
                return False
            self._trying.discard(name)
            return True

    def _is_hopeless(self, name: str) -> bool:
        workers = self._keepers.by_name[name].host.workers
        return self._failures[name] >= MOST_FAILURES or self._crashes[name] > MOST_CRASHES * workers

    def _restore(self, name: str) -> str:
        """Have one worker of a host again; return why it cannot be had."""
        keeper = self._keepers.by_name[name]
        try:
            if not keeper.answers():
                keeper.abandon()
                keeper.open(self._keepers.group)
            spec = execnet.XSpec(keeper.make_spec())
            self._starter.start(spec)
        except Exception as error:  # noqa: BLE001  # told, and tried again
            return str(error) if isinstance(error, HostError) else f"{type(error).__name__}: {error}"
        self._waiting.append(spec)
        if self._closed.is_set():
            self._drop_waiting()
        else:
            wake_main(self._config)
        return ""

    def _give_up(self, name: str) -> None:
        with self._guard:
            self._given_up.add(name)
            self._trying.discard(name)
        self._tell(name, "", f"given up, its workers end again and again: {self._reasons[name]}")

    def adopt(self, *, wanted: bool) -> None:
        """Let workers join that can; in the main thread.

        :param wanted: whether there is anything for them to do
        """
        while self._waiting:
            spec = self._waiting.popleft()
            if not wanted or spec.lleval_host in self._given_up:
                self._starter.drop(spec)
                continue
            try:
                adopt_worker(self._config, spec)
            except (OSError, EOFError):
                # gone again already
                self._owe(spec.lleval_host)
            else:
                self._tell(spec.lleval_host, spec.id, "is back")

    def close(self) -> None:
        """Try nobody any more."""
        self._closed.set()
        self._drop_waiting()

    def _drop_waiting(self) -> None:
        with suppress(IndexError):
            while True:
                self._starter.drop(self._waiting.popleft())
