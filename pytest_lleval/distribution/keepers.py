"""What a session keeps on each host beside its workers: a folder with the project, and the servers of local models.

All of it lives and ends with one connection a host, on which `remote.keeper` runs. That connection also tells a host
that is gone from a worker that has ended.
"""

from __future__ import annotations

import json
import queue
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import execnet

from ..core.errors import HostError
from .hosts import Host
from .link import HostLink, open_link
from .private import find_remote_error
from .remote import echo, keeper, reach
from .shipping import Package, place_folder, remove_folder, send_project
from .ssh import make_spec
from .stocking import Stock, send_stock

__all__ = ["Errand", "HostKeeper", "Keepers"]

#: of the datasets, in the folder of a session
DATA = ".pytest-lleval-data"
BEAT_SECONDS = 5.0
#: until a host has loaded its models, which it may have to download first
SERVE_SECONDS = 900.0
_PING_SECONDS = 3.0
_CLOSE_SECONDS = 5.0
_REACH_SECONDS = 20.0


@dataclass(frozen=True, kw_only=True)
class Errand:
    """What a session wants of its hosts."""

    #: of the session, for folders
    run: str
    #: the project; None where it is not needed
    package: Package | None = None
    #: datasets, and files of the cache of assets, which a host is sent unless it has them
    datasets: tuple[Stock, ...] = ()
    assets: tuple[Stock, ...] = ()
    #: the folder below the project's root where the session was started
    below: str = ""
    #: settings as JSON with the local models to serve; empty where there are none
    settings: str = ""
    #: host name and port of each server that workers will ask, by address
    servers: Mapping[str, tuple[str, int]] = field(default_factory=dict)
    #: values of variables, by host
    environment: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    #: seconds of silence after which a host clears up
    patience: float = 25.0


class HostKeeper:
    """One host of a session.

    :param host: as the user named it
    :param errand: what is wanted of it
    """

    def __init__(self, host: Host, errand: Errand) -> None:
        self.host = host
        self._errand = errand
        self._link: HostLink | None = None
        self._channel: Any = None
        self._heard: queue.SimpleQueue[tuple[Any, ...]] = queue.SimpleQueue()
        #: called with the host's name when the connection is lost
        self.lost: Callable[[str], None] = _ignore
        #: where its workers work
        self.folder = host.chdir
        #: its process on the host; of each time it was opened
        self.pids: list[int] = []
        #: how often it was made ready: the counters of its servers begin anew each time
        self.openings = 0
        #: where datasets are on the host
        self.data = ""
        #: how its workers reach the servers of local models, by model
        self.connections: Mapping[str, Mapping[str, str]] = {}

    def open(self, group: Any) -> None:
        """Connect, send the project and start the model servers; again after the host was gone.

        :param group: execnet's, for connections
        :raises HostError: when any of it cannot be done
        """
        self.openings += 1
        self._link = link = open_link(self.host, group)
        folder = ""
        try:
            folder = place_folder(link, self._errand.run)
            if self.host.chdir is None:
                if self._errand.package is not None:
                    send_project(link, self._errand.package, folder)
                self.folder = "/".join(filter(None, (folder, self._errand.below)))
            self.data = f"{folder}/{DATA}"
            send_stock(link, self._errand.datasets, self.data)
            send_stock(link, self._errand.assets, None)
            self._require_servers(link)
            environment = dict(self._errand.environment.get(self.host.name, {}))
            self._channel = link.start(keeper, folder, environment, self._errand.patience)
            self._channel.setcallback(self._hear, endmarker=("closed",))
            if self._errand.settings and self.host.local_model:
                self.connections = self._serve()
        except HostError:
            with suppress(HostError):
                if folder:
                    remove_folder(link, folder)
            link.kill()
            raise

    def _require_servers(self, link: HostLink) -> None:
        names = list(self._errand.servers)
        if not names:
            return
        problems = link.call(reach, list(self._errand.servers.values()), seconds=_REACH_SECONDS)
        for name, problem in zip(names, problems, strict=True):
            if problem:
                raise HostError(
                    f"host {self.host.name!r} does not reach {name} ({problem}); its workers ask the model from there, "
                    "so give an address that is right on every host"
                )

    def _hear(self, message: tuple[Any, ...]) -> None:
        if message[0] == "here":
            self.pids.append(message[1])
            return
        self._heard.put(message)
        if message == ("closed",) and self._link is not None:
            self.lost(self.host.name)

    def _serve(self) -> Mapping[str, Mapping[str, str]]:
        self._channel.send(("serve", self._errand.settings))
        while True:
            try:
                message = self._heard.get(timeout=SERVE_SECONDS)
            except queue.Empty as error:
                raise HostError(
                    f"host {self.host.name!r}: its model server did not start within {SERVE_SECONDS:g} s"
                ) from error
            match message:
                case ("serving", str(text)):
                    found: Mapping[str, Mapping[str, str]] = json.loads(text)
                    return found
                case ("failed", str(reason)):
                    raise HostError(f"host {self.host.name!r}: its model server did not start: {reason}")
                case ("closed",):
                    raise HostError(f"host {self.host.name!r}: the connection is gone ({self._explain()})")

    def count_computed(self) -> Mapping[str, int | None]:
        """Return how many tokens its model servers have computed, by model; nothing when it does not answer."""
        try:
            self._channel.send(("count",))
            while True:
                match self._heard.get(timeout=_PING_SECONDS):
                    case ("counted", str(text)):
                        found: Mapping[str, int | None] = json.loads(text)
                        return found
                    case ("closed",):
                        return {}
        except (OSError, EOFError, queue.Empty):
            return {}

    def _explain(self) -> str:
        with suppress(Exception):
            self._channel.waitclose(0.1)
        return find_remote_error(self._channel) or "closed"

    def make_spec(self) -> str:
        """Return execnet's spec of one of its workers."""
        return f"execmodel=main_thread_only//{make_spec(self.host, self.folder)}//lleval_host={self.host.name}"

    def beat(self) -> None:
        """Let the host know that the session lives."""
        if self._channel is not None:
            with suppress(OSError, EOFError):
                self._channel.send(("beat",))

    def answers(self, seconds: float = _PING_SECONDS) -> bool:
        """Tell whether the host is there."""
        try:
            if self._link is None:
                return False
            self._link.call(echo, seconds=seconds)
        except HostError:
            return False
        return True

    def close(self) -> None:
        """Have the host clear up, and leave it."""
        link, self._link = self._link, None
        if link is None:
            return
        with suppress(OSError, EOFError, AttributeError):
            self._channel.send(("end",))
            self._channel.waitclose(_CLOSE_SECONDS)
        with suppress(Exception):  # it is gone, or does not answer any more
            link.close()

    def abandon(self) -> None:
        """Leave a host that does not answer."""
        link, self._link = self._link, None
        if link is not None:
            link.kill()


class Keepers:
    """All hosts of a session.

    :param hosts: that can be used
    :param errand: what is wanted of them
    """

    def __init__(self, hosts: Sequence[Host], errand: Errand) -> None:
        self.by_name = {host.name: HostKeeper(host, errand) for host in hosts}
        self.group = execnet.Group(execmodel="thread")
        self._closed = threading.Event()

    def open(self) -> dict[str, str]:
        """Make all hosts ready at once; return why some could not be."""
        failed = {}
        with ThreadPoolExecutor(max_workers=max(1, len(self.by_name)), thread_name_prefix="lleval-host") as pool:
            opened = {name: pool.submit(keeper.open, self.group) for name, keeper in self.by_name.items()}
        for name, future in opened.items():
            error = future.exception()
            if isinstance(error, HostError):
                failed[name] = str(error)
            elif error is not None:
                raise error
        threading.Thread(target=self._beat, name="lleval-hosts", daemon=True).start()
        return failed

    def _beat(self) -> None:
        while not self._closed.wait(BEAT_SECONDS):
            for each in list(self.by_name.values()):
                each.beat()

    def close(self) -> None:
        """Leave all hosts; safe to call twice."""
        self._closed.set()
        with ThreadPoolExecutor(max_workers=max(1, len(self.by_name))) as pool:
            list(pool.map(HostKeeper.close, self.by_name.values()))
        self.group.terminate(1.0)


def _ignore(name: str) -> None:
    """Do nothing yet: nobody works on the host."""
