"""What a session keeps on each host beside its workers: a folder with the project, and the servers of local models.

All of it lives and ends with one connection a host, on which `remote.keeper` runs. That connection also tells a host
that is gone from a worker that has ended.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import execnet

from ..core.errors import HostError
from .hosts import Host
from .opening import Errand, HostOpening, open_host
from .ssh import make_spec

__all__ = ["HostKeeper", "Keepers"]

BEAT_SECONDS = 5.0


class HostKeeper:
    """One host of a session, which may be opened again and again.

    :param host: as the user named it
    :param errand: what is wanted of it
    """

    def __init__(self, host: Host, errand: Errand) -> None:
        self.host = host
        self._errand = errand
        self._guard = threading.Lock()
        #: None while it is not ready
        self._opening: HostOpening | None = None
        self._last: HostOpening | None = None
        self._closed = False
        #: called with the host's name when the connection is lost
        self.lost: Callable[[str], None] = _ignore
        #: how often it was made ready: the counters of its servers begin anew each time
        self.openings = 0

    @property
    def last(self) -> HostOpening:
        """The host as it was made ready last, though it may be gone since."""
        if self._last is None:
            raise RuntimeError(f"host {self.host.name!r} was never made ready")
        return self._last

    def open(self, group: Any) -> None:
        """Make the host ready; again after it was gone.

        :param group: execnet's, for connections
        :raises HostError: when it cannot be, or the session is over
        """
        self.openings += 1
        try:
            opening = open_host(self.host, self._errand, group, self._take)
        except BaseException:
            self._drop()
            raise
        opening.lost = lambda: self.lost(self.host.name)

    def _take(self, opening: HostOpening) -> None:
        with self._guard:
            if self._closed:
                raise HostError(f"host {self.host.name!r} came back too late: the session is over")
            self._opening = self._last = opening

    def _drop(self) -> HostOpening | None:
        with self._guard:
            opening, self._opening = self._opening, None
            return opening

    def make_spec(self) -> str:
        """Return execnet's spec of one of its workers."""
        return f"execmodel=main_thread_only//{make_spec(self.host, self.last.folder)}//lleval_host={self.host.name}"

    def count_computed(self) -> Mapping[str, int | None]:
        """Return how many tokens its model servers have computed, by model; nothing where that is not known."""
        opening = self._opening
        # the counters of servers that are gone are gone with them
        return opening.count_computed() if opening is not None and self.openings == 1 else {}

    def beat(self) -> None:
        """Let the host know that the session lives."""
        opening = self._opening
        if opening is not None:
            opening.beat()

    def answers(self) -> bool:
        """Tell whether the host is there."""
        opening = self._opening
        return opening is not None and opening.answers()

    def close(self) -> None:
        """Have the host clear up, and leave it for good."""
        self._closed = True
        opening = self._drop()
        if opening is not None:
            opening.close()

    def abandon(self) -> None:
        """Leave a host that does not answer."""
        opening = self._drop()
        if opening is not None:
            opening.abandon()


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
        # one that is ready waits for the others, and hears meanwhile that the session lives
        threading.Thread(target=self._beat, name="lleval-hosts", daemon=True).start()
        failed = {}
        with ThreadPoolExecutor(max_workers=max(1, len(self.by_name)), thread_name_prefix="lleval-host") as pool:
            opened = {name: pool.submit(keeper.open, self.group) for name, keeper in self.by_name.items()}
        for name, future in opened.items():
            error = future.exception()
            if isinstance(error, HostError):
                failed[name] = str(error)
            elif error is not None:
                raise error
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
