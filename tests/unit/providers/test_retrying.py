import asyncio

import pytest

from pytest_lleval.core.errors import CallError, RefusedError
from pytest_lleval.providers.retrying import make_retrying


def list_waits(error: Exception, attempts: int, most_wait: float | None = None) -> list[float]:
    """Return the waits between the attempts of a call that always fails by `error`, without waiting."""
    waits: list[float] = []
    retrying = make_retrying(attempts=attempts, most_wait=most_wait)

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


def test_an_overloaded_server_is_left_alone_longer_each_time() -> None:
    waits = list_waits(CallError("busy", retryable=True, overloaded=True), 9)
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
