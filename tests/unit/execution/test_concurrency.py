import asyncio
import random
import selectors
from collections.abc import Coroutine
from contextlib import AsyncExitStack, closing, suppress
from itertools import pairwise
from statistics import mean, median
from typing import TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_lleval.execution.concurrency import AdaptiveLimiter

T = TypeVar("T")


class SkippingSelector(selectors.SelectSelector):
    """Lets the time pass at once when nothing else is to be done."""

    now = 0.0

    def select(self, timeout=None):
        found = super().select(0)
        if not found and timeout:
            self.now += timeout
        return found


class SkippingLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._skipping = SkippingSelector()
        super().__init__(self._skipping)

    def time(self) -> float:
        return self._skipping.now


def run(work: Coroutine[object, object, T]) -> T:
    with closing(SkippingLoop()) as loop:
        return loop.run_until_complete(work)


def now() -> float:
    return asyncio.get_running_loop().time()


class Server:
    """Takes so many requests at once, and turns away a share of them at random."""

    latency = 0.2

    def __init__(
        self, capacity: int = 10_000, random_share: float = 0.0, retry_after: float | None = None, seed: int = 7
    ) -> None:
        self.capacity = capacity
        self.random_share = random_share
        self.retry_after = retry_after
        self.asked = self.rejected = self.busy = 0
        #: (seconds, in flight) whenever it changed
        self.load: list[tuple[float, int]] = [(0.0, 0)]
        self._random = random.Random(seed)

    async def answer(self) -> bool:
        # on the way
        await asyncio.sleep(self._random.uniform(0.001, 0.01))
        self.asked += 1
        if self.busy >= self.capacity or self._random.random() < self.random_share:
            self.rejected += 1
            return False
        self._change(1)
        await asyncio.sleep(self.latency * self._random.uniform(0.7, 1.3))
        self._change(-1)
        return True

    def _change(self, by: int) -> None:
        self.busy += by
        self.load.append((now(), self.busy))

    def mean_load(self, start: float, stop: float) -> float:
        ends = [moment for moment, _ in self.load[1:]] + [stop]
        spans = (max(0.0, min(end, stop) - max(begin, start)) for (begin, _), end in zip(self.load, ends, strict=True))
        return sum(span * busy for span, (_, busy) in zip(spans, self.load, strict=True)) / (stop - start)


async def drive(server: Server, limiters: list[AdaptiveLimiter], calls: int) -> float:
    """Make calls until each is answered, in as many tasks as would be waiting; return the seconds it took."""
    left = iter(range(calls))
    jitter = random.Random(3)

    async def work(limiter: AdaptiveLimiter) -> None:
        for _ in left:
            tries = 0
            while not await attempt(limiter):
                back_off = min(0.25 * 2**tries, 60.0) + jitter.uniform(0.0, 0.25)
                await asyncio.sleep(back_off if server.retry_after is None else server.retry_after + 0.25)
                tries += 1

    async def attempt(limiter: AdaptiveLimiter) -> bool:
        async with limiter.slot() as slot:
            answered = await server.answer()
            if answered:
                slot.succeeded()
            else:
                slot.overloaded(server.retry_after)
        return answered

    await asyncio.gather(*(work(limiter) for limiter in limiters for _ in range(256)))
    return now()


@pytest.mark.parametrize("retry_after", [None, 1.0])
@pytest.mark.parametrize(("processes", "share"), [(1, 0.015), (2, 0.03), (4, 0.04)])
def test_a_server_that_takes_twelve_is_asked_about_twelve_without_a_flood_of_rejections(
    processes: int, share: float, retry_after: float | None
) -> None:
    server = Server(capacity=12, retry_after=retry_after)
    limiters = [AdaptiveLimiter(64 // processes) for _ in range(processes)]
    seconds = run(drive(server, limiters, 4000))
    assert 9 <= server.mean_load(5.0, seconds - 5.0) <= 12
    assert server.rejected / server.asked < share


def test_a_server_that_takes_everything_is_soon_asked_as_much_as_is_allowed() -> None:
    server = Server()
    limiter = AdaptiveLimiter(64)
    run(drive(server, [limiter], 400))
    assert limiter.limit == 64
    assert max(busy for _, busy in server.load) == 64
    # doubled every round trip, which takes 0.26 s at most
    assert next(moment for moment, busy in server.load if busy == 64) < 0.7


@pytest.mark.parametrize("processes", [1, 2])
@pytest.mark.parametrize("retry_after", [None, 1.0])
def test_random_rejections_do_not_throttle(retry_after: float | None, processes: int) -> None:
    server = Server(random_share=0.05, retry_after=retry_after)
    limiters = [AdaptiveLimiter(64 // processes) for _ in range(processes)]
    seconds = run(drive(server, limiters, 2000))
    assert sum(limiter.limit for limiter in limiters) > 50
    assert seconds < 2 * 2000 * server.latency / 64


@pytest.mark.parametrize("processes", [1, 2])
def test_while_one_in_twenty_is_turned_away_at_random_the_wire_stays_nearly_full(processes: int) -> None:
    shares = []
    for seed in range(5):
        server = Server(random_share=0.05, retry_after=1.0, seed=seed)
        limiters = [AdaptiveLimiter(64 // processes, processes=processes) for _ in range(processes)]
        run(drive(server, limiters, 2000))
        # until the work runs out
        shares.append(server.mean_load(0.5, 6.0) / 64)
    assert median(shares) > 0.88
    assert mean(shares) > 0.8


@pytest.mark.parametrize("processes", [1, 2, 4])
@pytest.mark.parametrize("capacity", [12, 24, 40])
def test_the_first_overload_tells_how_many_a_server_takes(capacity: int, processes: int) -> None:
    server = Server(capacity=capacity)
    limiters = [AdaptiveLimiter(64 // processes, processes=processes) for _ in range(processes)]
    run(drive(server, limiters, 1000))
    assert server.mean_load(0.5, 3.0) > 0.85 * capacity


def test_a_server_that_shrinks_and_grows_is_followed() -> None:
    async def change() -> tuple[int, int]:
        server = Server(capacity=40)
        limiter = AdaptiveLimiter(64)
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
    assert run(overload_all(AdaptiveLimiter(64), 16)) == [15, 14, 13, 12, 11, 10, 9, *[8] * 9]


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
    async def overload_once() -> list[tuple[int, str]]:
        limiter = AdaptiveLimiter(64)
        async with AsyncExitStack() as stack:
            slots = [await stack.enter_async_context(limiter.slot()) for _ in range(16)]
            slots[0].overloaded()
        await answer_rounds(limiter, 4)
        return [(limit, cause) for _, limit, cause in limiter.history[1:]]

    # two rounds to ask for as much again, one to ask for more
    assert run(overload_once()) == [(15, "overload"), (16, "increase"), (17, "increase"), (18, "slow start")]


def test_what_was_too_much_twice_is_asked_for_again_only_rarely() -> None:
    async def overload_twice() -> list[int]:
        limiter = AdaptiveLimiter(64)
        for calls in (16, 8):
            async with AsyncExitStack() as stack:
                slots = [await stack.enter_async_context(limiter.slot()) for _ in range(calls)]
                slots[0].overloaded()
        return [limiter.limit, *await answer_rounds(limiter, 16)]

    # eight were too much: a hundred answers at seven
    assert run(overload_twice()) == [6, 7, *[7] * 14, 8]


def test_later_overloads_of_one_window_count_once() -> None:
    async def overload_twice() -> list[int]:
        limiter = AdaptiveLimiter(64)
        await overload_all(limiter, 16)
        return await overload_all(limiter, 8)

    assert run(overload_twice()) == [int(0.85 * 8)] * 8


def test_an_overload_while_little_is_in_flight_lowers_the_limit_to_that() -> None:
    async def overload() -> int:
        limiter = AdaptiveLimiter(64)
        async with AsyncExitStack() as stack:
            slots = [await stack.enter_async_context(limiter.slot()) for _ in range(6)]
            slots[0].overloaded()
        return limiter.limit

    assert run(overload()) == 5


def test_other_failures_change_nothing() -> None:
    async def fail() -> int:
        limiter = AdaptiveLimiter(64)
        for _ in range(100):
            with pytest.raises(ValueError, match="broken"):
                async with limiter.slot():
                    raise ValueError("broken")
        assert limiter.in_flight == 0
        return limiter.limit

    assert run(fail()) == 16


def test_a_limit_nobody_reaches_does_not_grow() -> None:
    async def ask_one_by_one() -> int:
        limiter = AdaptiveLimiter(64)
        for _ in range(100):
            async with limiter.slot() as slot:
                slot.succeeded()
        return limiter.limit

    assert run(ask_one_by_one()) == 16


def test_a_higher_limit_lets_in_who_waits_before_who_comes_later() -> None:
    async def grow() -> list[str]:
        limiter = AdaptiveLimiter(9)
        order: list[str] = []

        async def enter(name: str) -> None:
            async with limiter.slot():
                order.append(name)

        async with AsyncExitStack() as stack:
            slots = [await stack.enter_async_context(limiter.slot()) for _ in range(8)]
            waiting = asyncio.ensure_future(enter("waited"))
            await asyncio.sleep(0)
            slots[0].succeeded()
            await asyncio.gather(enter("came later"), waiting)
        return order

    assert run(grow()) == ["waited", "came later"]


@pytest.mark.parametrize(("most", "first"), [(-3, 1), (1, 1), (5, 5), (8, 8), (20, 8), (64, 16)])
def test_it_begins_with_a_quarter_but_at_least_eight(most: int, first: int) -> None:
    assert AdaptiveLimiter(most).limit == first


def test_nobody_is_let_in_during_a_hold() -> None:
    async def hold() -> list[float]:
        limiter = AdaptiveLimiter(4)
        moments = []

        async def enter() -> None:
            async with limiter.slot():
                moments.append(now())

        limiter.hold(2.0)
        limiter.hold(1.0)
        await asyncio.gather(*(enter() for _ in range(3)))
        return moments

    assert run(hold()) == pytest.approx([2.0, 2.0, 2.0])


def test_a_hold_is_lengthened_by_a_longer_one_and_lasts_a_minute_at_most() -> None:
    async def hold() -> float:
        limiter = AdaptiveLimiter(4)
        limiter.hold(1.0)
        limiter.hold(86_400.0)
        limiter.hold(float("nan"))
        limiter.hold(-1.0)
        async with limiter.slot():
            return now()

    assert run(hold()) == pytest.approx(60.0)


def test_a_server_that_turns_everybody_away_is_left_alone_as_long_as_it_wants() -> None:
    async def overload() -> tuple[int, float]:
        limiter = AdaptiveLimiter(64)
        calls = 0
        while now() == 0.0:
            async with limiter.slot() as slot:
                if now() == 0.0:
                    calls += 1
                    slot.overloaded(20.0)
        return calls, now()

    calls, moment = run(overload())
    assert calls <= 10
    assert moment == pytest.approx(20.0)


def test_a_server_that_does_not_say_for_how_long_is_left_alone_longer_each_time() -> None:
    async def overload() -> list[float]:
        limiter = AdaptiveLimiter(64)
        moments: list[float] = []
        while len(moments) < 30:
            async with limiter.slot() as slot:
                moments.append(now())
                slot.overloaded()
        async with limiter.slot() as slot:
            slot.succeeded()
            slot.overloaded()
        before = now()
        async with limiter.slot():
            return [*sorted({later - sooner for sooner, later in pairwise(moments)}), now() - before]

    *pauses, after_an_answer = run(overload())
    assert pauses == pytest.approx([0.0, 0.25, 0.5, 1.0, 2.0, 4.0])
    assert after_an_answer == pytest.approx(0.25)


def test_one_rejection_among_answers_holds_nobody_else() -> None:
    async def overload() -> float:
        limiter = AdaptiveLimiter(64)
        async with limiter.slot() as slot:
            slot.overloaded(20.0)
        async with limiter.slot():
            return now()

    assert run(overload()) == 0.0


def test_places_are_given_first_come_first_served() -> None:
    async def queue() -> list[int]:
        limiter = AdaptiveLimiter(1)
        order = []

        async def enter(number: int) -> None:
            async with limiter.slot():
                order.append(number)
                await asyncio.sleep(1)

        await asyncio.gather(*(enter(number) for number in range(5)))
        return order

    assert run(queue()) == [0, 1, 2, 3, 4]


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

    run(play(AdaptiveLimiter(most, processes=processes)))


@given(
    most=st.integers(1, 5),
    calls=st.lists(
        st.tuples(
            st.floats(0, 3), st.floats(0, 3), st.sampled_from(["success", "overload", "neutral"]), st.floats(0, 6)
        ),
        max_size=30,
    ),
)
@settings(max_examples=60, deadline=None)
def test_no_place_is_lost_or_given_twice_whoever_is_cancelled(
    most: int, calls: list[tuple[float, float, str, float]]
) -> None:
    limiter = AdaptiveLimiter(most)
    inside = 0
    peak = 0

    async def call(start: float, duration: float, ending: str) -> None:
        nonlocal inside, peak
        await asyncio.sleep(start)
        async with limiter.slot() as slot:
            inside += 1
            peak = max(peak, inside)
            try:
                await asyncio.sleep(duration)
            finally:
                inside -= 1
            if ending == "success":
                slot.succeeded()
            elif ending == "overload":
                slot.overloaded(None)

    async def run_all() -> None:
        tasks = [asyncio.ensure_future(call(*rest)) for *rest, _ in calls]
        for task, (*_, cancelled_at) in zip(tasks, calls, strict=True):
            # above 3 nobody is cancelled who began in time
            asyncio.get_running_loop().call_at(cancelled_at + 1e-3, task.cancel)
        await asyncio.gather(*tasks, return_exceptions=True)
        assert limiter.in_flight == 0
        async with limiter.slot():
            assert limiter.in_flight == 1

    run(run_all())
    assert peak <= most
    assert limiter.limit >= 1


def test_a_waiter_cancelled_in_the_moment_it_gets_the_place_hands_it_on() -> None:
    async def race() -> list[str]:
        limiter = AdaptiveLimiter(1)
        entered: list[str] = []

        async def enter(name: str) -> None:
            async with limiter.slot():
                entered.append(name)

        async with limiter.slot():
            first, second = (asyncio.ensure_future(enter(name)) for name in ("first", "second"))
            await asyncio.sleep(0)
        first.cancel()
        await asyncio.wait_for(second, 1.0)
        assert limiter.in_flight == 0
        return entered

    assert run(race()) == ["second"]


def test_the_history_tells_each_change_with_its_cause_and_time() -> None:
    heard: list[tuple[int, str]] = []
    clock = iter(range(1000, 2000))

    async def change() -> AdaptiveLimiter:
        limiter = AdaptiveLimiter(
            9, on_change=lambda limit, cause: heard.append((limit, cause)), clock=lambda: next(clock)
        )
        async with AsyncExitStack() as stack:
            slots = [await stack.enter_async_context(limiter.slot()) for _ in range(8)]
            slots[0].succeeded()
            slots[1].overloaded()
        return limiter

    history = run(change()).history
    assert [tuple(entry) for entry in history] == [(1000, 8, "start"), (1001, 9, "slow start"), (1002, 7, "overload")]
    assert heard == [(9, "slow start"), (7, "overload")]


def test_a_long_history_stays_short_and_spans_the_run() -> None:
    async def change_often(limiter: AdaptiveLimiter) -> None:
        for _ in range(5000):
            async with AsyncExitStack() as stack:
                slots = [await stack.enter_async_context(limiter.slot()) for _ in range(limiter.limit)]
                for slot in slots:
                    slot.succeeded()
            if limiter.limit == 12:
                async with AsyncExitStack() as stack:
                    slots = [await stack.enter_async_context(limiter.slot()) for _ in range(12)]
                    slots[0].overloaded()

    limits: list[int] = []
    limiter = AdaptiveLimiter(12, on_change=lambda limit, _: limits.append(limit), clock=lambda: float(len(limits)))
    run(change_often(limiter))
    history = limiter.history
    assert len(limits) > 1000 >= len(history)
    assert history[0].cause == "start"
    assert history[-1].limit == limits[-1]
    assert [entry.moment for entry in history] == sorted(entry.moment for entry in history)


def test_a_free_place_is_taken_without_waiting() -> None:
    limiter = AdaptiveLimiter(2)
    # a coroutine that ends at its first step has waited for nothing
    with pytest.raises(StopIteration):
        limiter.slot().__aenter__().send(None)
    assert limiter.in_flight == 1


@pytest.mark.parametrize(("most", "processes", "first"), [(64, 1, 16), (32, 2, 8), (8, 8, 2), (1, 4, 1), (20, 1, 8)])
def test_all_processes_together_begin_with_as_many_as_one_alone(most: int, processes: int, first: int) -> None:
    assert AdaptiveLimiter(most, processes=processes).limit == first


def test_a_call_that_failed_before_goes_before_those_that_were_never_made() -> None:
    async def run() -> list[str]:
        limiter, order = AdaptiveLimiter(1), []

        async def enter(name: str, *, again: bool) -> None:
            async with limiter.slot(again=again):
                order.append(name)

        async with limiter.slot():
            names = ("new", "newer", "failed first", "failed last")
            waiting = [asyncio.create_task(enter(name, again=name.startswith("failed"))) for name in names]
            await asyncio.sleep(0)
        await asyncio.gather(*waiting)
        return order

    assert asyncio.run(run()) == ["failed first", "failed last", "new", "newer"]
