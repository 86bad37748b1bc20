"""Stays on a host while a session uses it: runs its model servers, and clears up when the session is gone.

It is gone when it says so, when the connection closes, and when nothing has been heard of it for a while. Sends
``("here", process id)`` first, ``("serving", JSON)`` or ``("failed", reason)`` for each ``("serve", JSON)`` with
settings, and ``("counted", N, JSON)``, how many tokens each model has computed, for each ``("count", N)``.
"""

import json
import os
import threading
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any


def keep(channel: Any, folder: str, environment: dict[str, str], patience: float) -> None:
    """Serve until nobody is there.

    :param folder: to be removed in the end
    :param environment: values of variables
    :param patience: seconds without a word after which nobody is there
    """
    from pytest_lleval.distribution.remote.place import remove
    from pytest_lleval.support.handover import take_over

    take_over(environment)
    tell(channel, ("here", os.getpid()))
    servers = Servers(channel)
    ended = False
    try:
        ended = listen(channel, Path(folder), servers, patience)
    finally:
        servers.close()
        with suppress(OSError):
            remove(Path(folder))
        tell(channel, ("done", None))
        if not ended:
            # the connection may hang for as long as TCP waits
            os._exit(1)


def listen(channel: Any, folder: Path, servers: "Servers", patience: float) -> bool:
    """Do what is asked for; return whether it was said that nobody needs this host any more."""
    from pytest_lleval.distribution.remote.place import touch

    while True:
        try:
            message = channel.receive(patience)
        except (EOFError, OSError, channel.TimeoutError):
            return False
        touch(folder)
        if message[0] == "serve":
            threading.Thread(target=servers.start, args=(message[1],), daemon=True).start()
        elif message[0] == "count":
            servers.count(message[1])
        elif message[0] == "end":
            return True


class Servers:
    """The servers of local models on this host."""

    def __init__(self, channel: Any) -> None:
        self._channel = channel
        self._stack = ExitStack()
        self._guard = threading.Lock()
        self._closed = False
        self._running: dict[str, Any] = {}

    def start(self, text: str) -> None:
        """Start them, and tell how they are reached.

        :param text: settings as JSON
        """
        try:
            from pytest_lleval.core.settings import Settings
            from pytest_lleval.execution.attaching import start_services

            models = Settings.decode(json.loads(text)).models
            with ExitStack() as own:
                connections = start_services(models, own)
                with self._guard:
                    if not self._closed:
                        self._stack.push(own.pop_all())
            self._running.update({spec.name: (spec, connections[spec.name]) for spec in models})
        except Exception as error:  # noqa: BLE001  # told to the other end
            tell(self._channel, ("failed", f"{type(error).__name__}: {error}"))
        else:
            tell(self._channel, ("serving", json.dumps(connections)))

    def count(self, question: int) -> None:
        """Tell how many tokens each model has computed, by its server's own counters.

        :param question: its number, which the answer has too
        """
        from pytest_lleval.providers.registry import read_computed

        computed = {name: read_computed(spec, connection) for name, (spec, connection) in self._running.items()}
        tell(self._channel, ("counted", question, json.dumps(computed)))

    def close(self) -> None:
        """End them, and those that are still starting once they have started."""
        with self._guard:
            self._closed = True
            self._stack.close()


def tell(channel: Any, message: tuple[Any, ...]) -> None:
    """Send a message; nobody hears it when the other end is gone."""
    with suppress(OSError, EOFError):
        channel.send(message)


if __name__ == "__channelexec__":
    channel: Any
    keep(channel, *channel.receive())
