import asyncio
from collections.abc import Callable
from functools import partial
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from simulated_server import Server, drive, now, run

from pytest_lleval.core.errors import ViolationError
from pytest_lleval.execution.concurrency import AdaptiveLimiter
from pytest_lleval.execution.limit_share import LimitShare
from pytest_lleval.execution.shared_limit import Flow, SharedLimit, SharedLimits, divide_first, share_out

MODEL = "openai/m"


class Fleet:
    """Workers whose messages take a moment on their way to the search and back."""

    def __init__(self, workers: int, most: int = 64, delay: float = 0.002) -> None:
        self.delay = delay
        self.told = 0
        self.changes: list[tuple[int, str]] = []
        self.search = SharedLimit(MODEL, most, workers, self.note, clock=now)
        self.shares: list[LimitShare] = []
        self.limiters = [self.open(most, workers, number) for number in range(workers)]

    def note(self, limit: int, cause: str) -> None:
        self.changes.append((limit, cause))

    def open(self, most: int, workers: int, number: int) -> AdaptiveLimiter:
        def send(message: tuple[object, ...]) -> None:
            self.told += 1
            assert message[:2] == ("flow", MODEL)
            self.later(lambda: self.search.hear(f"gw{number}", Flow(*message[2:]), hear))

        def hear(message: tuple[object, ...]) -> None:
            assert message[:2] == ("share", MODEL)
            self.later(partial(share.receive, *message[2:]))

        each = -(-most // workers) if most >= workers else None
        share = LimitShare(MODEL, divide_first(most, workers, number), each, send)
        limiter = AdaptiveLimiter(share)
        share.listen(limiter.follow)
        self.shares.append(share)
        return limiter

    def later(self, work: Callable[[], None]) -> None:
        asyncio.get_running_loop().call_later(self.delay, work)


def ask(server: Server, calls: int, *, workers: int, most: int = 64, delay: float = 0.002) -> tuple[Fleet, float]:
    async def work() -> tuple[Fleet, float]:
        fleet = Fleet(workers, most, delay)
        return fleet, await drive(server, fleet.limiters, calls)

    return run(work())


@pytest.mark.parametrize("retry_after", [None, 1.0])
@pytest.mark.parametrize("workers", [2, 4, 8])
def test_a_server_that_takes_twelve_is_asked_about_twelve_by_any_number_of_workers(
    workers: int, retry_after: float | None
) -> None:
    server = Server(capacity=12, retry_after=retry_after)
    _, seconds = ask(server, 4000, workers=workers)
    assert 10 <= server.mean_load(5.0, seconds - 5.0) <= 12
    assert server.rejected / server.asked < 0.03


def test_workers_on_other_continents_are_kept_at_twelve_too() -> None:
    server = Server(capacity=12, retry_after=1.0)
    _, seconds = ask(server, 4000, workers=4, delay=0.1)
    assert 9 <= server.mean_load(5.0, seconds - 5.0) <= 12
    assert server.rejected / server.asked < 0.03


def test_a_server_that_takes_everything_is_soon_asked_as_much_as_is_allowed_and_then_nothing_is_told() -> None:
    server = Server()
    fleet, _ = ask(server, 4000, workers=4)
    assert max(busy for _, busy in server.load) == 64
    assert next(moment for moment, busy in server.load if busy == 64) < 1.0
    assert fleet.told < 100


def test_random_rejections_do_not_throttle() -> None:
    server = Server(random_share=0.05, retry_after=1.0)
    ask(server, 2000, workers=2)
    assert server.mean_load(0.5, 6.0) > 0.85 * 64


@pytest.mark.parametrize("capacity", [1, 3])
def test_more_workers_than_a_server_takes_take_turns(capacity: int) -> None:
    server = Server(capacity=capacity, retry_after=0.2)
    answered = [0] * 8

    async def work() -> float:
        fleet = Fleet(8)

        async def call(number: int) -> None:
            while now() < 120:
                async with fleet.limiters[number].slot() as slot:
                    if await server.answer():
                        slot.succeeded()
                        answered[number] += 1
                    else:
                        slot.overloaded(server.retry_after)
                await asyncio.sleep(0)

        await asyncio.gather(*(call(number) for number in range(8) for _ in range(4)))
        return now()

    run(work())
    assert sum(answered) > 0.75 * 120 / server.latency * capacity
    assert min(answered) > 0.5 * sum(answered) / 8
    assert server.rejected / server.asked < 0.15


@pytest.mark.parametrize("most", [1, 2, 5])
def test_no_more_is_in_flight_than_a_run_may_have_whatever_the_number_of_its_workers(most: int) -> None:
    server = Server()

    async def work() -> None:
        fleet = Fleet(8, most)
        await asyncio.gather(*(drive(server, [limiter], 40) for limiter in fleet.limiters))

    run(work())
    assert max(busy for _, busy in server.load) == most


def test_what_a_worker_has_no_use_for_is_handed_on() -> None:
    server = Server(capacity=12)

    async def work() -> float:
        fleet = Fleet(2)
        # one is through early
        await asyncio.gather(drive(server, fleet.limiters[:1], 4000), drive(server, fleet.limiters[1:], 300))
        return now()

    seconds = run(work())
    assert server.mean_load(20.0, seconds - 5.0) > 10


def test_what_a_lost_worker_had_goes_to_the_others_and_the_one_in_its_place_gets_its_share() -> None:
    server = Server(capacity=12)

    async def work() -> tuple[list[int], list[int]]:
        fleet = Fleet(2)
        tasks = [asyncio.ensure_future(drive(server, [limiter], 100_000)) for limiter in fleet.limiters]
        await asyncio.sleep(20)
        tasks[0].cancel()
        fleet.search.drop("gw0")
        await asyncio.sleep(5)
        alone = [share.limit for share in fleet.shares[1:]]
        limiter = fleet.open(64, 2, 2)
        tasks.append(asyncio.ensure_future(drive(server, [limiter], 100_000)))
        await asyncio.sleep(5)
        together = [share.limit for share in fleet.shares[1:]]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return alone, together

    alone, together = run(work())
    assert alone[0] >= 10
    assert abs(together[0] - together[1]) <= 1
    assert 10 <= sum(together) <= 12


def test_nobody_is_sent_while_a_server_turns_everybody_away() -> None:
    async def work() -> list[float]:
        fleet = Fleet(2)
        moments: list[float] = []

        async def call(limiter: AdaptiveLimiter, *, fails: bool) -> None:
            async with limiter.slot() as slot:
                moments.append(now())
                if fails:
                    slot.overloaded(3.0)

        await asyncio.gather(*(call(fleet.limiters[0], fails=True) for _ in range(16)))
        await asyncio.sleep(0.1)
        moments.clear()
        await asyncio.gather(*(call(limiter, fails=False) for limiter in fleet.limiters))
        return moments

    assert min(run(work())) > 3.0


def test_a_share_that_was_overtaken_on_its_way_changes_nothing_but_its_wait_counts() -> None:
    heard: list[float] = []
    share = LimitShare(MODEL, 4, 32, lambda message: None)
    share.listen(heard.append)
    share.receive(2, 9, 3, 0.0)
    share.receive(1, 7, 2, 5.0)
    assert (share.limit, share.window, heard) == (9, 3, [0.0, 5.0])


@given(limit=st.integers(0, 100), wanted=st.lists(st.integers(0, 40), min_size=1, max_size=12))
def test_places_are_shared_out_evenly_and_none_is_left_that_somebody_wants(limit: int, wanted: list[int]) -> None:
    shares = share_out(limit, wanted)
    assert sum(shares) == min(limit, sum(wanted))
    assert all(0 <= share <= want for share, want in zip(shares, wanted, strict=True))
    hungry = [share for share, want in zip(shares, wanted, strict=True) if share < want]
    assert not hungry or max(shares) - min(hungry) <= 1
    # what cannot be divided goes to the first
    assert all(one >= other for one, other in pairwise(hungry)) or len(set(wanted)) > 1


@given(most=st.integers(1, 200), workers=st.integers(1, 40))
def test_all_workers_together_begin_with_as_many_as_one_alone(most: int, workers: int) -> None:
    shares = [divide_first(most, workers, number) for number in range(workers)]
    assert sum(shares) == (min(most, max(8, most // 4)) if most >= workers else 0)
    assert max(shares) - min(shares) <= 1
    assert divide_first(most, workers, workers) == 0


def test_what_no_honest_worker_tells_is_refused() -> None:
    limits = SharedLimits({MODEL: 64}, 2, lambda model, limit, cause: None)
    with pytest.raises(ViolationError, match="a flow of 'openai/other', whose limit is not shared"):
        limits.receive("gw0", ("flow", "openai/other", *Flow(0, 0, 1, False)), print)
    with pytest.raises(ViolationError, match="a flow of 1,000,000,000 answers at once"):
        limits.receive("gw0", ("flow", MODEL, *Flow(0, 0, 1, False, 1_000_000_000)), print)
    with pytest.raises(ViolationError, match="3 answers at once, 4 of them counted"):
        limits.receive("gw0", ("flow", MODEL, *Flow(0, 0, 1, False, 3, 4)), print)


def test_who_says_that_all_is_in_flight_at_its_place_takes_no_more_than_its_part() -> None:
    limits = SharedLimits({MODEL: 64}, 2, lambda model, limit, cause: None)
    told: list[tuple[object, ...]] = []
    limits.receive("gw0", ("flow", MODEL, *Flow(0, 0, 10**12, True)), print)
    for _ in range(20):
        limits.receive("gw1", ("flow", MODEL, *Flow(10**6, 0, 8, True, 8, 8)), told.append)
    assert told[-1][3] == 32


def test_who_has_ended_is_told_nothing_any_more() -> None:
    limits = SharedLimits({MODEL: 64}, 2, lambda model, limit, cause: None)
    told: list[object] = []
    limits.receive("gw0", ("flow", MODEL, *Flow(0, 0, 1, True)), told.append)
    limits.drop("gw0")
    limits.drop("gw0")
    limits.receive("gw0", ("flow", MODEL, *Flow(0, 0, 1, True)), told.append)
    assert len(told) == 1
