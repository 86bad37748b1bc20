"""A connection to a host beside those of its workers: an execnet gateway on which small modules of ours run.

A module of `distribution.remote` is sent as source and runs with a ``channel`` in its namespace
(https://execnet.readthedocs.io/en/latest/basics.html). It receives one tuple of
arguments, may send messages, and sends ``("done", value)`` last.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from types import ModuleType
from typing import Any

import execnet

from ..core.errors import HostError
from .hosts import Host
from .ssh import make_spec

__all__ = ["HostLink", "open_link"]

#: what opening takes at most: ssh itself gives up sooner
OPEN_SECONDS = 30.0


class HostLink:
    """An open connection to a host.

    :param host: at its other end
    :param gateway: execnet's
    """

    def __init__(self, host: Host, gateway: Any) -> None:
        self.host = host
        self._gateway = gateway
        self._closed = False

    def start(self, module: ModuleType, *arguments: object) -> Any:
        """Begin to run a module on the host; return the channel it talks on.

        :param arguments: strings, bytes, numbers, None, and lists, tuples and dicts of them
        :raises HostError: when the host is gone
        """
        try:
            channel = self._gateway.remote_exec(module)
            channel.send(arguments)
        except (OSError, EOFError) as error:
            raise HostError(f"host {self.host.name!r}: the connection is gone ({error})") from error
        return channel

    def call(
        self, module: ModuleType, *arguments: object, seconds: float, hear: Callable[[Any], None] | None = None
    ) -> Any:
        """Run a module on the host and return what it returns.

        :param seconds: how long each of its messages is waited for
        :param hear: called with each message before the last
        :raises HostError: when the host is gone, is too slow, or the module fails there
        """
        channel = self.start(module, *arguments)
        try:
            while True:
                message = channel.receive(seconds)
                if isinstance(message, tuple) and len(message) == 2 and message[0] == "done":
                    return message[1]
                if hear is not None:
                    hear(message)
        except channel.TimeoutError as error:
            raise HostError(f"host {self.host.name!r}: no answer within {seconds:g} s") from error
        except channel.RemoteError as error:
            raise HostError(f"host {self.host.name!r}: {_last_line(error.formatted)}") from error
        except (OSError, EOFError) as error:
            raise HostError(f"host {self.host.name!r}: the connection is gone ({error or 'closed'})") from error

    def close(self) -> None:
        """End what runs on the host and the connection; safe to call twice."""
        if not self._closed:
            self._closed = True
            self._gateway.exit()

    def kill(self) -> None:
        """Cut the connection without waiting for anything."""
        self._closed = True
        self._gateway._io.kill()  # noqa: SLF001  # execnet has no public word for it


def open_link(host: Host, *, group: Any, folder: str | None = None, seconds: float = OPEN_SECONDS) -> HostLink:
    """Connect to a host.

    :param group: execnet's, of which the connection becomes a member; ``execmodel`` thread
    :param folder: where modules work there; its login folder if none
    :param seconds: how long to wait
    :raises HostError: when there is no connection by then; ssh and the host's shell tell why on standard error
    """
    made: Future[Any] = Future()

    def make() -> None:
        try:
            made.set_result(group.makegateway(execnet.XSpec(f"execmodel=thread//{make_spec(host, folder)}")))
        except BaseException as error:  # noqa: BLE001  # the waiting thread raises it
            made.set_exception(error)

    threading.Thread(target=make, name=f"lleval-connect-{host.name}", daemon=True).start()
    try:
        return HostLink(host, made.result(seconds))
    except TimeoutError as error:
        raise HostError(f"host {host.name!r}: no connection within {seconds:g} s") from error
    except Exception as error:
        raise HostError(f"host {host.name!r}: no connection ({type(error).__name__}: {error})") from error


def _last_line(text: str) -> str:
    """Return the last line of a traceback, which says what went wrong."""
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "failed"
