import asyncio
from contextlib import AsyncExitStack, suppress
from statistics import mean, median

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from simulated_server import Server, drive, make_limiter, run

from pytest_lleval.execution.concurrency import AdaptiveLimiter


@pytest.mark.parametrize("retry_after", [None, 1.0])
@pytest.mark.parametrize(("processes", "share"), [(1, 0.015), (2, 0.03), (4, 0.04)])
def test_a_server_that_takes_twelve_is_asked_about_twelve_without_a_flood_of_rejections(
    processes: int, share: float, retry_after: float | None
) -> None:
    server = Server(capacity=12, retry_after=retry_after)
    limiters = [make_limiter(64 // processes) for _ in range(processes)]
    seconds = run(drive(server, limiters, 4000))
    assert 9 <= server.mean_load(5.0, seconds - 5.0) <= 12
    assert server.rejected / server.asked < share


def test_a_server_that_takes_everything_is_soon_asked_as_much_as_is_allowed() -> None:
    server = Server()
    limiter = make_limiter(64)
    run(drive(server, [limiter], 400))
    assert limiter.limit == 64
    assert max(busy for _, busy in server.load) == 64
    # doubled every round trip, which takes 0.26 s at most
    assert next(moment for moment, busy in server.load if busy == 64) < 0.7


@pytest.mark.parametrize("processes", [1, 2])
@pytest.mark.parametrize("retry_after", [None, 1.0])
def test_random_rejections_do_not_throttle(retry_after: float | None, processes: int) -> None:
    server = Server(random_share=0.05, retry_after=retry_after)
    limiters = [make_limiter(64 // processes) for _ in range(processes)]
    seconds = run(drive(server, limiters, 2000))
    assert sum(limiter.limit for limiter in limiters) > 50
    assert seconds < 2 * 2000 * server.latency / 64


@pytest.mark.parametrize("processes", [1, 2])
def test_while_one_in_twenty_is_turned_away_at_random_the_wire_stays_nearly_full(processes: int) -> None:
    shares = []
    for seed in range(5):
        server = Server(random_share=0.05, retry_after=1.0, seed=seed)
        limiters = [make_limiter(64 // processes, processes) for _ in range(processes)]
        run(drive(server, limiters, 2000))
        # until the work runs out
        shares.append(server.mean_load(0.5, 6.0) / 64)
    assert median(shares) > 0.88
    assert mean(shares) > 0.8


@pytest.mark.parametrize("processes", [1, 2, 4])
@pytest.mark.parametrize("capacity", [12, 24, 40])
def test_the_first_overload_tells_how_many_a_server_takes(capacity: int, processes: int) -> None:
    server = Server(capacity=capacity)
    limiters = [make_limiter(64 // processes, processes) for _ in range(processes)]
    run(drive(server, limiters, 1000))
    assert server.mean_load(0.5, 3.0) > 0.85 * capacity


def test_a_server_that_shrinks_and_grows_is_followed() -> None:
    async def change() -> tuple[int, int]:
        server = Server(capacity=40)
        limiter = make_limiter(64)
        driving = asyncio.ensure_future(drive(server, [limiter], 12_000))
        await asyncio.sleep(20)
        server.capacity = 8
        await asyncio.sleep(20)
        shrunk = limiter.limit
        server.capacity = 40
        await asyncio.sleep(30)
        grown = limiter.limit
        driving.cancel()
        with suppress(asyncio.CancelledError):
            await driving
        return shrunk, grown

    shrunk, grown = run(change())
    assert 6 <= shrunk <= 9
    assert 30 <= grown <= 42


async def overload_all(limiter: AdaptiveLimiter, calls: int) -> list[int]:
    """Turn so many calls away that are in flight at once; return the limits one after the other."""
    limits = []
    async with AsyncExitStack() as stack:
        for slot in [await stack.enter_async_context(limiter.slot()) for _ in range(calls)]:
            slot.overloaded(0.0)
            limits.append(limiter.limit)
    return limits


def test_at_the_first_overload_each_call_turned_away_takes_its_place_along_and_half_are_kept() -> None:
    assert run(overload_all(make_limiter(64), 16)) == [15, 14, 13, 12, 11, 10, 9, *[8] * 9]


async def answer_rounds(limiter: AdaptiveLimiter, rounds: int) -> list[int]:
    """Answer as many at once as may be in flight; return the limit after each round."""
    limits = []
    for _ in range(rounds):
        async with AsyncExitStack() as stack:
            for slot in [await stack.enter_async_context(limiter.slot()) for _ in range(limiter.limit)]:
                slot.succeeded()
        limits.append(limiter.limit)
    return limits


def test_one_overload_that_does_not_come_again_was_chance() -> None:
    heard: list[tuple[int, str]] = []

    async def overload_once() -> None:
        limiter = make_limiter(64, note=lambda limit, cause: heard.append((limit, cause)))
        async with AsyncExitStack() as stack:
            slots = [await stack.enter_async_context(limiter.slot()) for _ in range(16)]
            slots[0].overloaded()
        await answer_rounds(limiter, 4)

    run(overload_once())
    # two rounds to ask for as much again, one to ask for more
    assert heard == [(15, "overload"), (16, "increase"), (17, "increase"), (18, "slow start")]


def test_what_was_too_much_twice_is_asked_for_again_only_rarely() -> None:
    async def overload_twice() -> list[int]:
        limiter = make_limiter(64)
        for calls in (16, 8):
            async with AsyncExitStack() as stack:
                slots = [await stack.enter_async_context(limiter.slot()) for _ in range(calls)]
                slots[0].overloaded()
        return [limiter.limit, *await answer_rounds(limiter, 16)]

    # eight were too much: a hundred answers at seven
    assert run(overload_twice()) == [6, 7, *[7] * 14, 8]


def test_later_overloads_of_one_window_count_once() -> None:
    async def overload_twice() -> list[int]:
        limiter = make_limiter(64)
        await overload_all(limiter, 16)
        return await overload_all(limiter, 8)

    assert run(overload_twice()) == [int(0.85 * 8)] * 8


def test_an_overload_while_little_is_in_flight_lowers_the_limit_to_that() -> None:
    async def overload() -> int:
        limiter = make_limiter(64)
        async with AsyncExitStack() as stack:
            slots = [await stack.enter_async_context(limiter.slot()) for _ in range(6)]
            slots[0].overloaded()
        return limiter.limit

    assert run(overload()) == 5


def test_a_limit_nobody_reaches_does_not_grow() -> None:
    async def ask_one_by_one() -> int:
        limiter = make_limiter(64)
        for _ in range(100):
            async with limiter.slot() as slot:
                slot.succeeded()
        return limiter.limit

    assert run(ask_one_by_one()) == 16


@pytest.mark.parametrize(("most", "first"), [(-3, 1), (1, 1), (5, 5), (8, 8), (20, 8), (64, 16)])
def test_it_begins_with_a_quarter_but_at_least_eight(most: int, first: int) -> None:
    assert make_limiter(most).limit == first


@given(
    most=st.integers(1, 80),
    processes=st.integers(1, 8),
    rounds=st.lists(st.lists(st.sampled_from(["answered", "overloaded", "failed"]), max_size=40), max_size=30),
)
@settings(max_examples=100, deadline=None)
def test_the_limit_stays_within_its_bounds_and_falls_at_overloads_alone(
    most: int, processes: int, rounds: list[list[str]]
) -> None:
    async def play(limiter: AdaptiveLimiter) -> None:
        for endings in rounds:
            async with AsyncExitStack() as stack:
                calls = min(len(endings), limiter.limit)
                slots = [await stack.enter_async_context(limiter.slot()) for _ in range(calls)]
                for slot, ending in zip(slots, endings, strict=False):
                    before = limiter.limit
                    if ending == "answered":
                        slot.succeeded()
                        assert before <= limiter.limit <= most
                    elif ending == "overloaded":
                        slot.overloaded(0.0)
                        assert 1 <= limiter.limit <= before

    run(play(make_limiter(most, processes)))


def test_each_change_is_told_with_its_cause() -> None:
    heard: list[tuple[int, str]] = []

    async def change() -> None:
        limiter = make_limiter(9, note=lambda limit, cause: heard.append((limit, cause)))
        async with AsyncExitStack() as stack:
            slots = [await stack.enter_async_context(limiter.slot()) for _ in range(8)]
            slots[0].succeeded()
            slots[1].overloaded()

    run(change())
    assert heard == [(9, "slow start"), (7, "overload")]


@pytest.mark.parametrize(("most", "processes", "first"), [(64, 1, 16), (32, 2, 8), (8, 8, 2), (1, 4, 1), (20, 1, 8)])
def test_all_processes_together_begin_with_as_many_as_one_alone(most: int, processes: int, first: int) -> None:
    assert make_limiter(most, processes).limit == first
