"""xdist's hooks of a session with workers on hosts, on the controller."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from .hosts import Host
from .keepers import Keepers
from .losses import HostLosses
from .private import find_run_session, list_active, lose_worker, skip_rsync, translate_by
from .pulse import BEATS, HOST_KEY, Pulse, open_pulse
from .starting import GatewayStarter
from .watch import WorkerWatch
from .workerstate import find_state

__all__ = ["HostHooks", "HostTerms"]

#: a worker's first sign of life may take so much longer than later ones: it has to load pytest and the project
START_SECONDS = 120.0


@dataclass(frozen=True, kw_only=True)
class HostTerms:
    """On what terms hosts take part."""

    #: seconds of silence after which a worker is given up
    silence: float
    #: seconds of silence after which a worker ends itself
    patience: float
    #: whether the session ends when it loses a host
    required: bool = False
    #: the words of the command line for a host's workers
    translate: Callable[[Host, list[str]], list[str]]
    #: what else a worker of a host is handed; values that execnet carries
    hand: Callable[[str], dict[str, Any]]
    #: hears what happens to a host: its name, a worker's name or none, and words
    tell: Callable[[str, str, str], None]


class HostHooks:
    """Registered only when there are hosts.

    :param config: of the controller
    :param keepers: of the hosts, open
    :param terms: for all of them
    """

    def __init__(self, config: pytest.Config, keepers: Keepers, terms: HostTerms) -> None:
        self._config = config
        self._keepers = keepers
        self._terms = terms
        self._losses: HostLosses | None = None
        self._starter: GatewayStarter | None = None
        self._nodes: dict[Any, Pulse] = {}
        #: process ids of workers, by host
        self._kin: dict[str, list[int]] = {}
        self._watch = WorkerWatch(lose_worker, terms.silence)
        self._closed = threading.Event()
        self._restore: Callable[[], None] | None = None
        for keeper in keepers.by_name.values():
            keeper.lost = self._lose_host

    @pytest.hookimpl(tryfirst=True)
    def pytest_xdist_setupnodes(self, specs: list[Any]) -> None:
        """Start all remote connections at once, before xdist starts the first worker; go on without those that fail."""
        skip_rsync(self._config)
        self._restore = translate_by(self._translate)
        self._starter = GatewayStarter(self._config)
        self._losses = HostLosses(self._config, self._keepers, self._starter, self._terms.tell)
        remote = [spec for spec in specs if spec.lleval_host]
        failed = self._starter.start_all(remote)
        for spec in [spec for spec in remote if spec.id in failed]:
            specs.remove(spec)
            self._terms.tell(spec.lleval_host, spec.id, f"could not be started: {failed[spec.id]}")
            self._losses.note_absent(spec.lleval_host)
        if not specs:
            reasons = "; ".join(sorted(set(failed.values())))
            raise pytest.UsageError(f"no worker could be started on any host: {reasons}")
        threading.Thread(target=self._beat, name="lleval-pulses", daemon=True).start()

    @pytest.hookimpl(tryfirst=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Before one worker starts."""
        name = node.gateway.spec.lleval_host
        if not name or self._losses is None:
            return
        state = find_state(node)
        state.host = name
        node.workerinput[HOST_KEY] = self._terms.hand(name)
        self._losses.watch(node)

        def hear(pid: int) -> None:
            if not state.gone:
                self._watch.note(node)
                self._note_kin(name, pid)

        self._watch.begin_far(node, START_SECONDS)

        terms = self._terms
        self._nodes[node] = open_pulse(node, hear, silence=terms.silence, patience=terms.patience)

    @pytest.hookimpl
    def pytest_xdist_node_collection_finished(self, node: Any) -> None:
        """After a worker has collected."""
        find_state(node).collected = True

    @pytest.hookimpl(tryfirst=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """After a worker has ended; one that ended before its time is noted, and the session ends with the last."""
        self._watch.forget(node)
        state = find_state(node)
        if self._nodes.pop(node, None) is None or not state.gone:
            return
        self._terms.tell(state.host, node.gateway.id, state.reason)
        scheduler = find_run_session(self._config).sched
        if getattr(scheduler, "tests_finished", True):
            return
        if self._terms.required and state.host_is_gone:
            pytest.exit(f"--lleval-require-hosts: {state.reason}", returncode=pytest.ExitCode.TESTS_FAILED)
        if len(list_active(self._config)) <= 1:
            pytest.exit(
                f"no worker is left: {state.reason}; go on with --lleval-resume when hosts are there again",
                returncode=pytest.ExitCode.TESTS_FAILED,
            )

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logfinish(self) -> None:
        """Let workers join that can be had again."""
        if self._losses is not None:
            session = find_run_session(self._config)
            wanted = not session.shuttingdown and not session.shouldstop and session.sched.has_pending
            self._losses.adopt(wanted=wanted)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self) -> None:
        """Try nobody any more, before xdist ends the workers."""
        self._closed.set()
        if self._losses is not None:
            self._losses.close()
            for name, reports in self._losses.late.items():
                if reports:
                    self._terms.tell(name, "", f"{reports:,} reports of tests came late, and were ignored")

    @pytest.hookimpl
    def pytest_unconfigure(self) -> None:
        """At the end."""
        self._closed.set()
        self._watch.close()
        if self._restore is not None:
            self._restore()

    def ban(self, name: str) -> None:
        """Start no worker on a host any more, none of whose workers is believed."""
        if self._losses is not None:
            self._losses.ban(name)

    def _translate(self, words: list[str]) -> list[str]:
        current = self._starter.current if self._starter is not None else ""
        keeper = self._keepers.by_name.get(current)
        return self._terms.translate(keeper.host, words) if keeper is not None else words

    def _lose_host(self, name: str) -> None:
        """Give up all workers of a host whose keeper is gone: their folder and their model server are gone with it."""
        for node in [node for node in list(self._nodes) if find_state(node).host == name]:
            lose_worker(node, f"the connection to host {name!r} is gone")

    def _note_kin(self, name: str, pid: int) -> None:
        """Hear a worker's process id; tell all workers of its host when it is news."""
        kin = self._kin.setdefault(name, [])
        if pid in kin:
            return
        kin.append(pid)
        served = self._keepers.by_name[name].last.pid
        pids = [*kin, served] if served is not None else kin
        for node, pulse in list(self._nodes.items()):
            if find_state(node).host == name:
                pulse.name_kin(pids)

    def _beat(self) -> None:
        while not self._closed.wait(self._terms.silence / BEATS):
            for pulse in list(self._nodes.values()):
                pulse.beat()
