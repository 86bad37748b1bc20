"""Stays on a host while a session uses it: runs its model servers, and clears up when the session is gone.

It is gone when it says so, when the connection closes, and when nothing has been heard of it for a while. Sends
``("here", process id)`` first, ``("serving", JSON)`` or ``("failed", reason)`` for each ``("serve", JSON)`` with
settings, and ``("counted", JSON)``, how many tokens each model has computed, for each ``("count",)``.
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
    from pytest_lleval.distribution.remote.place import remove, touch
    from pytest_lleval.support.handover import take_over

    take_over(environment)
    tell(channel, ("here", os.getpid()))
    ended = False
    servers: dict[str, Any] = {}
    with ExitStack() as stack:
        while not ended:
            try:
                message = channel.receive(patience)
            except (EOFError, OSError, channel.TimeoutError):
                break
            touch(Path(folder))
            if message[0] == "serve":
                threading.Thread(target=serve, args=(channel, stack, message[1], servers), daemon=True).start()
            elif message[0] == "count":
                count(channel, servers)
            elif message[0] == "end":
                ended = True
    with suppress(OSError):
        remove(Path(folder))
    tell(channel, ("done", None))
    if not ended:
        # the connection may hang for as long as TCP waits
        os._exit(1)


def serve(channel: Any, stack: ExitStack, text: str, servers: dict[str, Any]) -> None:
    """Start the servers of local models.

    :param servers: gets the models' specs and connections
    """
    try:
        from pytest_lleval.core.settings import Settings
        from pytest_lleval.execution.attaching import start_services

        models = Settings.decode(json.loads(text)).models
        connections = start_services(models, stack)
        servers.update({spec.name: (spec, connections[spec.name]) for spec in models})
    except Exception as error:  # noqa: BLE001  # told to the other end
        tell(channel, ("failed", f"{type(error).__name__}: {error}"))
    else:
        tell(channel, ("serving", json.dumps(connections)))


def count(channel: Any, servers: dict[str, Any]) -> None:
    """Send how many tokens each model has computed, by its server's own counters."""
    from pytest_lleval.providers.registry import read_computed

    computed = {name: read_computed(spec, connection) for name, (spec, connection) in servers.items()}
    tell(channel, ("counted", json.dumps(computed)))


def tell(channel: Any, message: tuple[Any, ...]) -> None:
    """Send a message; nobody hears it when the other end is gone."""
    with suppress(OSError, EOFError):
        channel.send(message)


if __name__ == "__channelexec__":
    channel: Any
    keep(channel, *channel.receive())
