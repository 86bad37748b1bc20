"""Notices workers that have ended or gone silent without xdist noticing.

xdist hears of a worker's end when its connection closes. A process the worker has started, or forked, may hold the
connection open for as long as it lives, and a stopped process or a cut network never closes it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import psutil

__all__ = ["SILENCE_SECONDS", "WorkerWatch"]

_LOOK_SECONDS = 1.0
#: a loaded machine is slow, and a worker that computes without pause cannot beat
SILENCE_SECONDS = 60.0
#: how often an ended process is seen before xdist is told: its own notice is usually on its way
_PATIENCE = 3


@dataclass(kw_only=True)
class _Sign:
    heard: float
    #: of a process on this machine
    process: psutil.Process | None = None
    ended: int = 0


class WorkerWatch:
    """Watches workers from a thread of its own, which starts with the first of them.

    :param lose: called with a worker and the reason when it must be given up
    :param silence: seconds without a sign of life after which it is
    """

    def __init__(self, lose: Callable[[Any, str], None], silence: float = SILENCE_SECONDS) -> None:
        self._lose = lose
        self._silence = silence
        self._signs: dict[Any, _Sign] = {}
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None

    def begin(self, node: Any, pid: int, *, local: bool) -> None:
        """Watch a worker from now on.

        :param local: whether `pid` is a process of this machine
        """
        self._watch(node, _Sign(heard=time.monotonic(), process=_find_process(pid) if local else None))

    def begin_far(self, node: Any, allowance: float) -> None:
        """Watch a worker on another machine, which has yet to start.

        :param allowance: seconds that its first sign of life may take longer than later ones
        """
        self._watch(node, _Sign(heard=time.monotonic() + allowance))

    def _watch(self, node: Any, sign: _Sign) -> None:
        self._signs[node] = sign
        if self._thread is None:
            self._thread = threading.Thread(target=self._look, name="lleval-watch", daemon=True)
            self._thread.start()

    def note(self, node: Any) -> None:
        """Hear a sign of life."""
        sign = self._signs.get(node)
        if sign is not None:
            sign.heard = time.monotonic()

    def forget(self, node: Any) -> None:
        """Watch a worker no longer: xdist has noticed its end."""
        self._signs.pop(node, None)

    def close(self) -> None:
        """End the thread."""
        self._closed.set()

    def _look(self) -> None:
        while not self._closed.wait(_LOOK_SECONDS):
            for node, sign in list(self._signs.items()):
                reason = self._judge(sign)
                if reason and self._signs.pop(node, None) is not None:
                    self._lose(node, reason)

    def _judge(self, sign: _Sign) -> str:
        if sign.process is not None and _has_ended(sign.process):
            sign.ended += 1
            if sign.ended >= _PATIENCE:
                return "its process has ended, and something it started holds its connection open"
        silent = time.monotonic() - sign.heard
        return f"no sign of life for {silent:.0f} s" if silent > self._silence else ""


def _find_process(pid: int) -> psutil.Process | None:
    try:
        return psutil.Process(pid)
    except psutil.Error:
        return None


def _has_ended(process: psutil.Process) -> bool:
    try:
        return not process.is_running() or process.status() in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)
    except psutil.NoSuchProcess:
        return True
    except psutil.Error:
        return False
