"""What a function does while it runs: connections it opens, processes it starts, files it reads.

Python tells by audit events (PEP 578), which no library in between can leave out. They are watched from the first use
on, for the rest of the process: a hook cannot be taken away.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Witness", "list_hidden", "witness_calls"]

_STARTS = frozenset({"subprocess.Popen", "os.posix_spawn", "os.spawn", "os.exec", "os.system", "os.fork", "os.forkpty"})
_EVENTS = frozenset({"socket.connect", "open"}) | _STARTS
_HIDDEN = frozenset({"curl_cffi", "grpc", "nng", "pycurl", "zmq"})
_MOST_PEERS = 20
_CODE = (".py", ".pyc", ".so", ".pyd", ".dll", ".pth")


@dataclass(kw_only=True)
class Witness:
    """What was seen."""

    #: connections opened, and where to: ``host:port`` or the path of a socket
    opened: int = 0
    peers: dict[str, int] = field(default_factory=dict)
    processes: int = 0
    #: files opened that are no code
    files: int = 0
    #: seconds of CPU of the thread that ran the function; None where it was asynchronous
    cpu: float | None = None
    #: the arguments of the process that `subprocess` starts just now
    _starting: object = None

    def see(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Take note of one audit event."""
        if event == "socket.connect":
            self.opened += 1
            peer = _name_peer(arguments[1])
            if peer in self.peers or len(self.peers) < _MOST_PEERS:
                self.peers[peer] = self.peers.get(peer, 0) + 1
        elif event == "open":
            # numbers are files that are open already
            self.files += isinstance(arguments[0], (str, bytes)) and not os.fsdecode(arguments[0]).endswith(_CODE)
        elif event != "os.posix_spawn" or arguments[1] is not self._starting:
            # else `subprocess`, which has told of it already, starts it that way
            self.processes += 1
        self._starting = arguments[1] if event == "subprocess.Popen" else None

    @contextmanager
    def clock(self) -> Iterator[None]:
        """Add the CPU time of this thread inside the block."""
        started = time.thread_time()
        try:
            yield
        finally:
            self.cpu = (self.cpu or 0.0) + time.thread_time() - started


_CURRENT: ContextVar[Witness | None] = ContextVar("pytest_lleval_witness", default=None)
_watching = False


@contextmanager
def witness_calls() -> Iterator[Witness]:
    """Watch what the current task, and the threads it hands its context to, do inside the block."""
    _start_watching()
    witness = Witness()
    token = _CURRENT.set(witness)
    try:
        yield witness
    finally:
        _CURRENT.reset(token)


def list_hidden() -> list[str]:
    """Return the loaded packages that open connections in C, of which no audit event tells."""
    return sorted(_HIDDEN.intersection(sys.modules))


def _start_watching() -> None:
    global _watching
    if not _watching:
        _watching = True
        sys.addaudithook(_hear)


def _hear(event: str, arguments: tuple[Any, ...]) -> None:
    if event in _EVENTS and (witness := _CURRENT.get()) is not None:
        witness.see(event, arguments)


def _name_peer(address: object) -> str:
    if isinstance(address, tuple) and len(address) >= 2:
        return f"{address[0]}:{address[1]}"
    return "local socket"
