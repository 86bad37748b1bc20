"""Signs of life between the controller and its workers on hosts, both ways, on a channel of their own.

A cut network closes no connection: the controller would wait for an answer for as long as TCP does, which is 20
minutes, and the worker for work for ever.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import psutil
import pytest

from ..support.kin import note_kin

__all__ = ["BEATS", "HOST_KEY", "Pulse", "follow_pulse", "open_pulse"]

#: under which a worker on a host finds what is handed to it, and its pulse
HOST_KEY, PULSE_KEY = "lleval_host", "lleval_pulse"
#: beats in the time after which the other end is taken for gone
BEATS = 3


class Pulse:
    """The controller's end.

    :param channel: execnet's
    """

    def __init__(self, channel: Any) -> None:
        self._channel = channel

    def beat(self) -> None:
        """Tell the worker that the session lives."""
        self._send(("beat",))

    def name_kin(self, pids: list[int]) -> None:
        """Tell the worker which processes of its host belong to the session."""
        self._send(("kin", pids))

    def _send(self, message: tuple[Any, ...]) -> None:
        with suppress(OSError, EOFError):
            self._channel.send(message)


def open_pulse(node: Any, hear: Callable[[int], None], *, silence: float, patience: float) -> Pulse:
    """Give a worker that is about to be configured its end.

    :param node: xdist's controller of the worker
    :param hear: called with the worker's process id at each of its beats, in a thread of the gateway
    :param silence: seconds without a beat after which it will be taken for gone
    :param patience: seconds without a beat after which it is to end
    """
    channel = node.gateway.newchannel()
    node.workerinput[PULSE_KEY] = (channel, silence / BEATS, patience)

    def note(message: object) -> None:
        match message:
            case ("beat", int(pid)):
                hear(pid)

    channel.setcallback(note)
    return Pulse(channel)


def follow_pulse(config: pytest.Config) -> None:
    """Beat for as long as this worker lives, and end it when its controller has gone silent."""
    channel, interval, patience = config.workerinput.pop(PULSE_KEY)  # type: ignore[attr-defined]  # xdist sets it
    heard = [time.monotonic()]

    def note(message: object) -> None:
        heard[0] = time.monotonic()
        match message:
            case ("kin", list(pids)):
                note_kin(pids)

    def beat() -> None:
        while True:
            with suppress(OSError, EOFError):
                channel.send(("beat", os.getpid()))
            time.sleep(interval)
            if time.monotonic() - heard[0] > patience:
                _leave()

    channel.setcallback(note)
    threading.Thread(target=beat, name="lleval-pulse", daemon=True).start()


def _leave() -> None:
    """End this process and all it has started; nobody would hear what it finds out."""
    for child in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):
            child.kill()
    os._exit(1)
