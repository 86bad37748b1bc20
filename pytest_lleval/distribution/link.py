"""A connection to a host beside those of its workers: an execnet gateway on which small modules of ours run.

A module of `distribution.remote` is sent as source and runs with a ``channel`` in its namespace
(https://execnet.readthedocs.io/en/latest/basics.html). It receives one tuple of arguments, and sends
``("done", value)`` last.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import execnet

from ..core.errors import HostError
from ..execution.aside import run_aside
from ..support.lastline import find_last_line
from .hosts import Host
from .making import finish_making
from .private import kill_connection
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
            raise HostError(f"host {self.host.name!r}: the connection is gone ({error or 'closed'})") from error
        return channel

    def call(self, module: ModuleType, *arguments: object, seconds: float) -> Any:
        """Run a module on the host and return what it returns.

        :param seconds: how long that is waited for
        :raises HostError: when the host is gone, is too slow, or the module fails there
        """
        channel = self.start(module, *arguments)
        with self.explain(channel):
            word, value = channel.receive(seconds)
            if word != "done":
                raise HostError(f"host {self.host.name!r}: it has answered {word!r:.40}, which is no end")
            return value

    @contextmanager
    def explain(self, channel: Any, doing: str = "") -> Iterator[None]:
        """Turn whatever a talk on a channel fails with into one error that names the host.

        :param doing: what the host does not do then, as in ``host 'big' does not take the project``
        :raises HostError: for what execnet raises
        """
        name = f"host {self.host.name!r}"
        try:
            yield
        except channel.TimeoutError as error:
            raise HostError(f"{name} {doing}: no answer in time" if doing else f"{name}: no answer in time") from error
        except channel.RemoteError as error:
            reason = find_last_line(error.formatted) or "failed"
            raise HostError(f"{name} {doing}: {reason}" if doing else f"{name}: {reason}") from error
        except (OSError, EOFError) as error:
            raise HostError(f"{name}: the connection is gone ({error or 'closed'})") from error

    def close(self) -> None:
        """End what runs on the host and the connection; safe to call twice."""
        if not self._closed:
            self._closed = True
            self._gateway.exit()

    def kill(self) -> None:
        """Cut the connection without waiting for anything."""
        self._closed = True
        kill_connection(self._gateway)


def open_link(host: Host, group: Any) -> HostLink:
    """Connect to a host.

    :param group: execnet's, of which the connection becomes a member; ``execmodel`` thread
    :raises HostError: when there is no connection by then; ssh and the host's shell tell why on standard error
    """
    spec = execnet.XSpec(f"execmodel=thread//{make_spec(host)}")
    made = run_aside(lambda: group.makegateway(spec), f"lleval-connect-{host.name}")
    try:
        return HostLink(host, finish_making(made, OPEN_SECONDS))
    except TimeoutError as error:
        raise HostError(f"host {host.name!r}: no connection within {OPEN_SECONDS:g} s") from error
    except Exception as error:
        raise HostError(f"host {host.name!r}: no connection ({type(error).__name__}: {error})") from error
