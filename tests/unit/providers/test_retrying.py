import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_lleval.core.errors import CallError, RefusedError
from pytest_lleval.providers.retrying import Health, make_retrying


def list_waits(
    error: Exception, attempts: int, most_wait: float | None = None, health: Health | None = None
) -> list[float]:
    """Return the waits between the attempts of a call that always fails by `error`, without waiting."""
    waits: list[float] = []
    retrying = make_retrying(attempts=attempts, most_wait=most_wait, health=health)

    async def note(seconds: float) -> None:
        waits.append(seconds)

    async def fail() -> None:
        raise error

    retrying.sleep = note
    with pytest.raises(type(error)) as caught:
        asyncio.run(retrying(fail))
    assert caught.value is error
    return waits


def test_a_broken_connection_is_tried_again_soon_and_then_ever_later() -> None:
    waits = list_waits(CallError("no answer", retryable=True), 21)
    assert waits[0] < 0.25
    assert sum(waits[:8]) < 7
    assert waits[8] == pytest.approx(1, abs=0.11)
    assert waits[12] == pytest.approx(16, abs=0.11)
    assert 60 <= waits[-1] <= 60.1
    assert sum(waits) > 300


def note_all(*, failed: int, of: int) -> Health:
    """The health of a server that fails so many of so many attempts, evenly spread."""
    health = Health()
    for number in range(10 * of):
        health.note(failed=number % of < failed)
    return health


def test_a_broken_connection_to_a_server_that_answers_most_others_is_always_tried_again_soon_but_not_for_ever() -> None:
    waits = list_waits(CallError("no answer", retryable=True), 21, health=note_all(failed=3, of=10))
    assert all(0.1 <= wait <= 0.2 for wait in waits[:8])
    assert waits[8] == pytest.approx(1, abs=0.11)
    assert 60 <= waits[-1] <= 60.1


@pytest.mark.parametrize("health", [Health(), note_all(failed=7, of=10)])
def test_a_server_that_fails_most_or_of_which_nothing_is_known_is_tried_ever_later(health: Health) -> None:
    waits = list_waits(CallError("no answer", retryable=True), 9, health=health)
    for number, wait in enumerate(waits):
        assert min(1, 0.1 * 2**number) <= wait <= min(1, 0.1 * 2**number) + 0.1


@given(st.lists(st.booleans(), min_size=1, max_size=200))
def test_a_server_is_well_when_it_answered_most_of_the_latest_attempts(failures: list[bool]) -> None:
    health, opposite = Health(), Health()
    for failed in failures:
        health.note(failed=failed)
        opposite.note(failed=not failed)
    # a tie is well for nobody
    assert not (health.is_well() and opposite.is_well())
    for _ in range(64):
        health.note(failed=False)
    assert health.is_well()
    for _ in range(64):
        health.note(failed=True)
    assert not health.is_well()


@pytest.mark.parametrize("health", [None, note_all(failed=0, of=1)])
def test_an_overloaded_server_is_left_alone_longer_each_time(health: Health | None) -> None:
    waits = list_waits(CallError("busy", retryable=True, overloaded=True), 9, health=health)
    for number, wait in enumerate(waits):
        assert min(60, 0.5 * 2**number) <= wait <= min(60, 0.5 * 2**number) + 0.1


@pytest.mark.parametrize("asked", [0.0, 3.0, 90.0])
def test_a_server_is_left_alone_as_long_as_it_asks_and_a_moment_longer(asked: float) -> None:
    waits = list_waits(CallError("busy", retryable=True, overloaded=True, wait=asked), 4)
    assert len(waits) == 3
    assert all(asked <= wait <= asked + 0.1 for wait in waits)


def test_a_server_that_asks_for_more_than_there_is_time_is_not_asked_again() -> None:
    assert list_waits(CallError("busy", retryable=True, wait=90), 4, most_wait=60) == []


@pytest.mark.parametrize("error", [CallError("HTTP 400"), RefusedError("no"), ValueError("a bug")])
def test_what_another_attempt_cannot_help_is_raised_at_once(error: Exception) -> None:
    assert list_waits(error, 4) == []
