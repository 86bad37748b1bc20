import queue
from types import SimpleNamespace
from typing import Any

import pytest

from pytest_lleval.core.errors import ViolationError
from pytest_lleval.distribution.guarding import Guard

from .test_auditing import FAR, Worker


class Fleet:
    """The session as the guard sees it."""

    carried = frozenset[str]()

    def __init__(self) -> None:
        self.violations: list[str] = []

    def clean(self, text: str) -> str:
        return text

    def check_carried(self, *words: object) -> None:
        pass

    def note_violation(self, text: str) -> None:
        self.violations.append(text)


def begin(*, schedules: bool) -> tuple[Guard, Fleet, Worker, Any]:
    """Return the guard of a session whose first worker has started, and whose scheduler is not there yet."""
    session = SimpleNamespace(queue=queue.Queue(), _active_nodes=set())
    config: Any = SimpleNamespace(pluginmanager=SimpleNamespace(getplugin=lambda name: session))
    fleet: Any = Fleet()
    guard, node = Guard(fleet), Worker("gw1", FAR)
    node.config = config  # type: ignore[attr-defined]
    node.notify_inproc = lambda name, **told: None  # type: ignore[attr-defined]
    guard.begin(config, [], schedules=schedules)
    return guard, fleet, node, session


def test_who_is_refused_before_there_is_a_scheduler_is_judged_by_it_and_fails_no_session() -> None:
    guard, fleet, node, session = begin(schedules=True)
    guard.refuse(node, "nonsense")
    assert (fleet.violations, node._down) == ([], False)
    # the main thread will carry it out
    assert session.queue.get_nowait()[0] == "runtest_protocol_complete"


def test_where_somebody_else_schedules_who_is_refused_ends_and_fails_the_session() -> None:
    guard, fleet, node, _ = begin(schedules=False)
    guard.refuse(node, "nonsense")
    guard.refuse(node, "nonsense again")
    assert fleet.violations == ["worker gw1 on host far has sent nonsense"]
    assert node._down


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (ViolationError("a lie"), "has sent a lie"),
        (KeyError("x"), "has sent a message that cannot be used (KeyError at "),
    ],
)
def test_what_cannot_be_used_says_where_it_could_not(error: Exception, told: str) -> None:
    guard, fleet, node, _ = begin(schedules=False)

    def receive(node: object, message: object) -> None:
        raise error

    guard.listen(receive)(node, ("beat",))
    assert told in fleet.violations[0]
    if isinstance(error, KeyError):
        assert "test_guarding.py:" in fleet.violations[0]
