"""A host made ready for a session: connected, sent what it needs, and with `remote.keeper` at work on it."""

from __future__ import annotations

import json
import queue
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from typing import Any

from ..core.errors import HostError
from .hosts import Host
from .link import HostLink, open_link
from .private import find_remote_error
from .remote import echo, keeper, reach
from .remote.place import DATA
from .shipping import Package, place_folder, remove_folder, send_project
from .stocking import Stock, send_stock

__all__ = ["Errand", "HostOpening", "open_host"]

#: until a host has loaded its models, which it may have to download first
SERVE_SECONDS = 900.0
_PING_SECONDS = 3.0
_COUNT_SECONDS = 10.0
_CLOSE_SECONDS = 5.0
_REACH_SECONDS = 20.0


@dataclass(frozen=True, kw_only=True)
class Errand:
    """What a session wants of its hosts."""

    #: of the session, for folders
    run: str
    #: the project; None where it is not needed
    package: Package | None
    #: datasets, and files of the cache of assets, which a host is sent unless it has them
    datasets: tuple[Stock, ...]
    assets: tuple[Stock, ...]
    #: the folder below the project's root where the session was started
    below: str
    #: settings as JSON with the local models to serve; empty where there are none
    settings: str
    #: host name and port of each server that workers will ask, by address
    servers: Mapping[str, tuple[str, int]]
    #: values of variables, by host
    environment: Mapping[str, Mapping[str, str]]
    #: seconds of silence after which a host clears up
    patience: float


class HostOpening:
    """A host that is ready; lost with its connection.

    :param host: that is
    :param link: to it
    :param folder: of the session there
    """

    def __init__(self, host: Host, link: HostLink, folder: str) -> None:
        self.host = host
        self._link = link
        self._channel: Any = None
        self._heard: queue.SimpleQueue[tuple[Any, ...]] = queue.SimpleQueue()
        self._questions = count()
        self._ended = False
        #: called when the connection is lost
        self.lost: Callable[[], None] = _ignore
        #: where its workers work, and where datasets are
        self.folder = host.chdir or folder
        self.data = f"{folder}/{DATA}"
        #: the keeper's process there
        self.pid: int | None = None
        #: how its workers reach the servers of local models, by model
        self.connections: Mapping[str, Mapping[str, str]] = {}

    def begin(self, folder: str, environment: Mapping[str, str], patience: float) -> None:
        """Have the keeper work there.

        :param folder: that it removes at its end
        :param patience: seconds of silence after which it ends
        """
        self._channel = self._link.start(keeper, folder, dict(environment), patience)
        self._channel.setcallback(self._hear, endmarker=("closed",))

    def _hear(self, message: tuple[Any, ...]) -> None:
        """Hear the keeper, in a thread of execnet's."""
        if message[0] == "here":
            self.pid = message[1]
            return
        self._heard.put(message)
        if message == ("closed",) and not self._ended:
            self.lost()

    def serve(self, settings: str) -> None:
        """Start the servers of local models.

        :param settings: as JSON, with the models
        :raises HostError: when they do not start
        """
        with self._link.explain(self._channel):
            self._channel.send(("serve", settings))
        name = f"host {self.host.name!r}"
        while True:
            match self._wait(SERVE_SECONDS):
                case ("serving", str(text)):
                    self.connections = json.loads(text)
                    return
                case ("failed", str(reason)):
                    raise HostError(f"{name}: its model server did not start: {reason}")
                case ("closed",):
                    raise HostError(f"{name}: the connection is gone ({self._explain()})")
                case None:
                    raise HostError(f"{name}: its model server did not start within {SERVE_SECONDS:g} s")

    def count_computed(self) -> Mapping[str, int | None]:
        """Return how many tokens its model servers have computed, by model; nothing when it does not answer."""
        question = next(self._questions)
        with suppress(OSError, EOFError):
            self._channel.send(("count", question))
            while True:
                match self._wait(_COUNT_SECONDS):
                    case ("counted", int(answered), str(text)) if answered == question:
                        found: Mapping[str, int | None] = json.loads(text)
                        return found
                    case ("closed",) | None:
                        return {}
        return {}

    def _wait(self, seconds: float) -> tuple[Any, ...] | None:
        with suppress(queue.Empty):
            return self._heard.get(timeout=seconds)
        return None

    def _explain(self) -> str:
        with suppress(OSError, EOFError, self._channel.RemoteError, self._channel.TimeoutError):
            self._channel.waitclose(0.1)
        return find_remote_error(self._channel) or "closed"

    def beat(self) -> None:
        """Let the host know that the session lives."""
        with suppress(OSError, EOFError):
            self._channel.send(("beat",))

    def answers(self) -> bool:
        """Tell whether the host is there, and its keeper."""
        if self._channel.isclosed():
            return False
        try:
            self._link.call(echo, seconds=_PING_SECONDS)
        except HostError:
            return False
        return True

    def close(self) -> None:
        """Have the host clear up, and leave it."""
        self._ended = True
        with suppress(OSError, EOFError, self._channel.RemoteError, self._channel.TimeoutError):
            self._channel.send(("end",))
            self._channel.waitclose(_CLOSE_SECONDS)
        self._link.close()

    def abandon(self) -> None:
        """Leave a host that does not answer."""
        self._ended = True
        self._link.kill()


def open_host(host: Host, errand: Errand, group: Any, begun: Callable[[HostOpening], None]) -> HostOpening:
    """Make a host ready.

    :param group: execnet's, for connections
    :param begun: hears of it as soon as the host wants to hear that the session lives
    :raises HostError: when the host cannot be made ready
    :raises LlevalError: when something of this machine cannot be sent
    """
    link = open_link(host, group)
    folder = ""
    try:
        folder = place_folder(link, errand.run)
        opening = HostOpening(host, link, folder)
        if host.chdir is None and errand.package is not None:
            send_project(link, errand.package, folder)
            opening.folder = "/".join(filter(None, (folder, errand.below)))
        send_stock(link, errand.datasets, opening.data)
        send_stock(link, errand.assets, None)
        _require_servers(link, errand.servers)
        opening.begin(folder, errand.environment.get(host.name, {}), errand.patience)
        begun(opening)
        if errand.settings and host.local_model:
            opening.serve(errand.settings)
    except BaseException:
        with suppress(HostError):
            if folder:
                remove_folder(link, folder)
        link.kill()
        raise
    return opening


def _require_servers(link: HostLink, servers: Mapping[str, tuple[str, int]]) -> None:
    if not servers:
        return
    problems = link.call(reach, list(servers.values()), seconds=_REACH_SECONDS)
    for name, problem in zip(servers, problems, strict=True):
        if problem:
            raise HostError(
                f"host {link.host.name!r} does not reach {name} ({problem}); its workers ask the model from there, so "
                "give an address that is right on every host"
            )


def _ignore() -> None:
    """Do nothing yet: nobody works on the host."""
