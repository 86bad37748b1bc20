"""Hosts made ready, lost and had again, over real connections to processes of this machine."""

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import execnet
import pytest

from pytest_lleval.core.errors import HostError
from pytest_lleval.core.settings import Settings
from pytest_lleval.distribution import keepers, opening
from pytest_lleval.distribution.hosts import Host
from pytest_lleval.distribution.keepers import HostKeeper, Keepers
from pytest_lleval.distribution.link import HostLink
from pytest_lleval.distribution.opening import Errand

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="hosts are reached by ssh, and clear up by POSIX")

SLOW_SECONDS = 2.5


def make_errand(patience: float = 30.0, settings: str = "") -> Errand:
    return Errand(
        run="r",
        package=None,
        datasets=(),
        assets=(),
        below="",
        settings=settings,
        servers={},
        environment={"far": {"LLEVAL_TEST_WORD": "x"}},
        patience=patience,
    )


def make_host(name: str, **changes: Any) -> Host:
    return Host(name=name, ssh=(name,), **changes)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The login folder of all hosts, which are processes of this machine; the one called slow takes its time."""
    monkeypatch.setenv("HOME", str(tmp_path))

    def connect(host: Host, group: execnet.Group) -> HostLink:
        if host.name == "slow":
            time.sleep(SLOW_SECONDS)
        return HostLink(host, group.makegateway(f"execmodel=thread//popen//python={sys.executable}"))

    monkeypatch.setattr(opening, "open_link", connect)
    return tmp_path


def list_folders(home: Path) -> list[str]:
    runs = home / ".cache" / "pytest-lleval" / "runs"
    return sorted(path.name for path in runs.iterdir()) if runs.is_dir() else []


def wait_for(holds: Callable[[], bool], seconds: float = 10.0) -> bool:
    until = time.monotonic() + seconds
    while not holds() and time.monotonic() < until:
        time.sleep(0.02)
    return holds()


def test_a_host_that_is_ready_waits_for_a_slow_one_longer_than_it_waits_for_a_session_that_is_gone(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keepers, "BEAT_SECONDS", 0.1)
    together = Keepers([make_host("far"), make_host("slow")], make_errand(patience=1.0))
    assert together.open() == {}
    assert all(keeper.answers() for keeper in together.by_name.values())
    assert len(list_folders(home)) == 2
    together.close()
    assert list_folders(home) == []


def test_a_host_that_hears_nothing_clears_up_and_is_lost(home: Path, group: execnet.Group) -> None:
    lost: list[str] = []
    keeper = HostKeeper(make_host("far"), make_errand(patience=0.5))
    keeper.open(group)
    keeper.lost = lost.append
    assert keeper.answers()
    assert wait_for(lambda: lost == ["far"])
    assert wait_for(lambda: not keeper.answers())
    assert list_folders(home) == []


def test_a_host_that_was_killed_can_be_made_ready_again_and_its_counters_are_not_believed(
    home: Path, group: execnet.Group
) -> None:
    lost: list[str] = []
    keeper = HostKeeper(make_host("far"), make_errand())
    keeper.open(group)
    keeper.lost = lost.append
    first = keeper.last
    assert wait_for(lambda: first.pid is not None)
    assert keeper.count_computed() == {}
    os.kill(first.pid or 0, signal.SIGKILL)
    assert wait_for(lambda: lost == ["far"])
    assert not keeper.answers()
    keeper.abandon()
    keeper.open(group)
    assert keeper.answers()
    assert (keeper.openings, keeper.last is not first, keeper.last.pid != first.pid) == (2, True, True)
    # the first folder was of a process that is gone
    assert len(list_folders(home)) == 1
    keeper.close()
    assert list_folders(home) == []
    assert lost == ["far"]


def test_a_host_whose_model_server_does_not_start_is_left_as_it_was(home: Path, group: execnet.Group) -> None:
    keeper = HostKeeper(make_host("far", local_model=True), make_errand(settings=json.dumps({"models": 3})))
    with pytest.raises(HostError, match="host 'far': its model server did not start: "):
        keeper.open(group)
    assert not keeper.answers()
    assert wait_for(lambda: list_folders(home) == [])


def test_a_host_that_comes_back_after_the_end_is_not_kept(home: Path, group: execnet.Group) -> None:
    keeper = HostKeeper(make_host("far"), make_errand())
    keeper.close()
    with pytest.raises(HostError, match="came back too late: the session is over"):
        keeper.open(group)
    assert wait_for(lambda: list_folders(home) == [])


class Channel:
    """What a keeper's process talks on, without a connection."""

    TimeoutError = TimeoutError

    def __init__(self, *heard: tuple[Any, ...]) -> None:
        self._heard = list(heard)
        self.said: list[tuple[Any, ...]] = []

    def receive(self, seconds: float) -> tuple[Any, ...]:
        return self._heard.pop(0)

    def send(self, message: tuple[Any, ...]) -> None:
        self.said.append(message)


def test_a_host_hears_its_session_while_a_server_starts_and_ends_one_that_starts_too_late(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pytest_lleval.distribution.remote import keeper as remote
    from pytest_lleval.execution import attaching

    may_start, ended = threading.Event(), threading.Event()

    def start(models: object, stack: Any) -> dict[str, dict[str, str]]:
        may_start.wait(10)
        stack.callback(ended.set)
        return {}

    monkeypatch.setattr(attaching, "start_services", start)
    channel = Channel(("serve", json.dumps(Settings().encode())), ("beat",), ("count", 7), ("end",))
    servers = remote.Servers(channel)
    assert remote.listen(channel, tmp_path, servers, 1.0)
    assert channel.said == [("counted", 7, "{}")]
    servers.close()
    may_start.set()
    assert ended.wait(10)
