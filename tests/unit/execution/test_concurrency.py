import asyncio
from contextlib import AsyncExitStack
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from simulated_server import make_limiter, now, run


def test_other_failures_change_nothing() -> None:
    async def fail() -> int:
        limiter = make_limiter(64)
        for _ in range(100):
            with pytest.raises(ValueError, match="broken"):
                async with limiter.slot():
                    raise ValueError("broken")
        assert limiter.in_flight == 0
        return limiter.limit

    assert run(fail()) == 16


def test_a_higher_limit_lets_in_who_waits_before_who_comes_later() -> None:
    async def grow() -> list[str]:
        limiter = make_limiter(9)
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


def test_nobody_is_let_in_during_a_hold() -> None:
    async def hold() -> list[float]:
        limiter = make_limiter(4)
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
        limiter = make_limiter(4)
        limiter.hold(1.0)
        limiter.hold(86_400.0)
        limiter.hold(float("nan"))
        limiter.hold(-1.0)
        async with limiter.slot():
            return now()

    assert run(hold()) == pytest.approx(60.0)


def test_a_server_that_turns_everybody_away_is_left_alone_as_long_as_it_wants() -> None:
    async def overload() -> tuple[int, float]:
        limiter = make_limiter(64)
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
        limiter = make_limiter(64)
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
        limiter = make_limiter(64)
        async with limiter.slot() as slot:
            slot.overloaded(20.0)
        async with limiter.slot():
            return now()

    assert run(overload()) == 0.0


def test_places_are_given_first_come_first_served() -> None:
    async def queue() -> list[int]:
        limiter = make_limiter(1)
        order = []

        async def enter(number: int) -> None:
            async with limiter.slot():
                order.append(number)
                await asyncio.sleep(1)

        await asyncio.gather(*(enter(number) for number in range(5)))
        return order

    assert run(queue()) == [0, 1, 2, 3, 4]


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
    limiter = make_limiter(most)
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
        limiter = make_limiter(1)
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


def test_a_free_place_is_taken_without_waiting() -> None:
    limiter = make_limiter(2)
    # a coroutine that ends at its first step has waited for nothing
    with pytest.raises(StopIteration):
        limiter.slot().__aenter__().send(None)
    assert limiter.in_flight == 1


def test_a_call_that_failed_before_goes_before_those_that_were_never_made() -> None:
    async def run() -> list[str]:
        limiter, order = make_limiter(1), []

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
