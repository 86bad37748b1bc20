"""A private line between the controller and each xdist worker: an execnet channel beside xdist's own.

Cases are given out and their records come back on it as they arrive, many to a message, whatever pytest is doing in
the worker. Messages are tuples that begin with a word; all they hold are strings, numbers and None, which is what
execnet can carry (https://execnet.readthedocs.io/en/latest/basics.html).

To a worker: ``("attached", JSON)``, what is known of the models, before anything else; ``("ask", IDS)``, cases by node
id, one a line; ``("decided", suite, model)``, of which nothing more is to be sent; ``("go", ticket, refusal)``, the
answer to a need; ``("share", …)``, how many requests may be in flight now.

From a worker: ``("ready", pid, direct, TURNS)``, once its items are known: whether cases may be asked directly, and
which must wait for their turn as pytest items; ``("beat",)``; ``("records", LINES)``; ``("mark", ID)``, a case that may
take the process down is about to be asked; ``("need", …)`` and ``("spent", …)`` of the quota; ``("flow", …)``, what
a server takes; ``("limit", model, time, limit, cause)``, what a worker has found out of one alone;
``("machine", JSON)``, what was seen of the worker's machine.

Where the session has limits there is a second line, of the calls that a worker's tests make, for ``need``, ``spent``
and ``go``.
"""

from __future__ import annotations

import os
import threading
import traceback
from collections.abc import Callable
from typing import Any

import pytest

__all__ = ["BEAT_SECONDS", "INPUT_KEY", "TESTS_KEY", "Message", "WorkerLine", "find_line", "open_line"]

Message = tuple[Any, ...]
#: under which a worker finds its lines: of its cases, and of the calls that tests make
INPUT_KEY, TESTS_KEY = "lleval_line", "lleval_calls"
#: how often a worker says that it is alive
BEAT_SECONDS = 5.0


def open_line(node: Any, receive: Callable[[Any, Message], None], key: str = INPUT_KEY) -> Callable[[Message], None]:
    """Open a line to a worker that is about to be configured; return what sends to it.

    :param node: xdist's controller of the worker
    :param receive: called with the node and each message, in a thread of the node's gateway
    :param key: which line
    """
    channel = node.gateway.newchannel()
    # execnet carries its own channels
    node.workerinput[key] = channel

    def hear(message: Message) -> None:
        try:
            receive(node, message)
        except Exception as error:  # noqa: BLE001  # execnet would close the line and say nothing
            # xdist ends a session when a worker's plugin fails; ours failed for this worker
            text = "".join(traceback.format_exception(error))
            node.notify_inproc("internal_error", node=node, formatted_error=text)

    def send(message: Message) -> None:
        try:
            channel.send(message)
        except OSError:
            # the worker is gone; xdist tells in its own time
            return

    channel.setcallback(hear)
    return send


def find_line(config: pytest.Config, key: str = INPUT_KEY) -> WorkerLine | None:
    """Return a line of this worker; None in a worker whose controller has opened none.

    :param key: which line
    """
    channel = getattr(config, "workerinput", {}).get(key)
    return WorkerLine(channel) if channel is not None else None


class WorkerLine:
    """The worker's end of the line.

    :param channel: execnet's
    """

    def __init__(self, channel: Any) -> None:
        self._channel = channel
        self._ended = threading.Event()

    def open(self, receive: Callable[[Message], None], *, direct: bool, turns: str) -> None:
        """Say that this worker is ready, and begin to hear.

        :param receive: called with each message in a thread of execnet's, and with ``("end",)`` when the controller
            is gone
        :param direct: whether cases may be asked directly
        :param turns: node ids of the cases that must wait for their turn, one a line
        """
        self.send(("ready", os.getpid(), direct, turns))
        self._channel.setcallback(receive, endmarker=("end",))
        threading.Thread(target=self._beat, name="lleval-beat", daemon=True).start()

    def listen(self, receive: Callable[[Message], None]) -> None:
        """Begin to hear, on a line that says nothing of this worker.

        :param receive: called with each message in a thread of execnet's
        """
        self._channel.setcallback(receive)

    def send(self, message: Message) -> None:
        """Send a message; nobody hears it when the controller is gone, and xdist then ends this process."""
        try:
            self._channel.send(message)
        except OSError:
            self._ended.set()

    def close(self) -> None:
        """Stop saying that this process is alive."""
        self._ended.set()

    def _beat(self) -> None:
        while not self._ended.wait(BEAT_SECONDS):
            self.send(("beat",))
