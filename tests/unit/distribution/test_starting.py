"""Connections of workers, started all at once."""

import threading
import time
from types import SimpleNamespace
from typing import Any

import pytest

from pytest_lleval.distribution import starting
from pytest_lleval.distribution.private import mark_down
from pytest_lleval.distribution.starting import GatewayStarter


class Gateway:
    """What execnet would make."""

    def __init__(self, name: str) -> None:
        self.id = name
        self.killed = threading.Event()
        self._io = SimpleNamespace(kill=self.killed.set)

    def _rinfo(self) -> None:
        if self.id == "silent":
            raise OSError("gone")


def make_starter(make: Any) -> GatewayStarter:
    session = SimpleNamespace(nodemanager=SimpleNamespace(group=SimpleNamespace(makegateway=make)))
    config: Any = SimpleNamespace(pluginmanager=SimpleNamespace(getplugin=lambda name: session))
    return GatewayStarter(config)


def make_specs(*names: str) -> list[Any]:
    return [SimpleNamespace(id=name, lleval_host="far") for name in names]


def test_all_are_started_at_once_and_handed_to_xdist() -> None:
    together = threading.Barrier(3, timeout=5)

    def make(spec: Any) -> Gateway:
        together.wait()
        return Gateway(spec.id)

    starter = make_starter(make)
    specs = make_specs("gw0", "gw1", "gw2")
    assert starter.start_all(specs) == {}
    assert [starter._take(spec).id for spec in specs] == ["gw0", "gw1", "gw2"]


def test_one_that_fails_or_comes_too_late_is_named_and_ended_and_the_others_go_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(starting, "START_SECONDS", 0.3)
    made = {name: Gateway(name) for name in ("late", "silent", "good")}

    def make(spec: Any) -> Gateway:
        if spec.id == "refused":
            raise OSError("refused")
        if spec.id == "late":
            time.sleep(0.8)
        return made[spec.id]

    failed = make_starter(make).start_all(make_specs("late", "silent", "refused", "good"))
    assert failed == {
        "late": "not started within 0.3 s",
        "silent": "OSError: gone",
        "refused": "OSError: refused",
    }
    assert made["late"].killed.wait(5)
    assert made["silent"].killed.is_set()
    assert not made["good"].killed.is_set()


def test_of_all_that_find_out_that_a_worker_has_ended_one_tells() -> None:
    node, found = SimpleNamespace(_down=False), []
    together = threading.Barrier(8)

    def find_out() -> None:
        together.wait()
        found.append(mark_down(node))

    threads = [threading.Thread(target=find_out) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == [False] * 7 + [True]
