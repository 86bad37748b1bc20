import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_lleval.core.records import Case, Record
from pytest_lleval.execution.pipeline import Pipeline

from .conftest import make_case, make_record

CASES = [make_case(str(number)) for number in range(12)]
Ask = Callable[[Case, Callable[[], bool]], Awaitable[tuple[Record, ...]]]


async def answer(case: Case, wanted: Callable[[], bool]) -> tuple[Record, ...]:
    return (make_record(case),)


@contextmanager
def open_pipeline(ask: Ask = answer, window: int = 8, **kwargs: object) -> Iterator[Pipeline]:
    pipeline = Pipeline(ask, window=window, **kwargs)
    try:
        yield pipeline
    finally:
        pipeline.close()


def wait_until(fact: Callable[[], bool], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not fact():
        assert time.monotonic() < deadline, "it did not become true in time"
        time.sleep(0.002)


class Gate:
    """Holds every answer back until it is opened; notes what was begun and what was cancelled."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.cancelled: list[str] = []
        self._open = threading.Event()

    def open(self) -> None:
        self._open.set()

    async def ask(self, case: Case, wanted: Callable[[], bool]) -> tuple[Record, ...]:
        self.begun.append(case.id)
        try:
            while not self._open.is_set():  # noqa: ASYNC110  # it is opened by another thread
                await asyncio.sleep(0.002)
        except asyncio.CancelledError:
            self.cancelled.append(case.id)
            raise
        return (make_record(case),)


@given(order=st.permutations(CASES), ahead=st.lists(st.sampled_from(CASES), max_size=12), window=st.integers(1, 16))
@settings(max_examples=30, deadline=None)
def test_every_case_comes_back_once_whatever_the_order_and_the_window(
    order: list[Case], ahead: list[Case], window: int
) -> None:
    asked: list[str] = []

    async def note(case: Case, wanted: Callable[[], bool]) -> tuple[Record, ...]:
        asked.append(case.id)
        await asyncio.sleep(0)
        return (make_record(case),)

    with open_pipeline(note, window) as pipeline:
        pipeline.begin(ahead)
        for position, case in enumerate(order):
            if pipeline.has_room():
                pipeline.begin(order[position:])
            assert pipeline.take(case) == (make_record(case),)
    assert sorted(asked) == sorted(case.id for case in CASES)


def test_the_window_bounds_how_many_cases_are_begun() -> None:
    gate = Gate()
    with open_pipeline(gate.ask, window=3) as pipeline:
        pipeline.begin(CASES)
        wait_until(lambda: len(gate.begun) == 3)
        pipeline.begin(CASES)
        time.sleep(0.05)
        assert gate.begun == [case.id for case in CASES[:3]]
        assert not pipeline.has_room()
        gate.open()
        pipeline.take(CASES[0])
        assert pipeline.has_room()
        pipeline.begin(CASES[1:])
        wait_until(lambda: 4 <= len(gate.begun) <= 6)


def test_calls_behind_the_one_waited_for_are_in_flight() -> None:
    gate = Gate()
    with open_pipeline(gate.ask) as pipeline:
        pipeline.begin(CASES[:5])
        wait_until(lambda: len(gate.begun) == 5)
        gate.open()
        pipeline.take(CASES[0])
        assert len(gate.begun) == 5


def test_a_result_that_comes_late_does_not_hold_up_another() -> None:
    gate = Gate()

    async def ask(case: Case, wanted: Callable[[], bool]) -> tuple[Record, ...]:
        return await (gate.ask if case is CASES[0] else answer)(case, wanted)

    with open_pipeline(ask) as pipeline:
        pipeline.begin(CASES[:3])
        assert pipeline.take(CASES[2])[0].case == CASES[2].id
        gate.open()
        assert pipeline.take(CASES[0])[0].case == CASES[0].id


def test_closing_cancels_what_is_in_flight_and_then_finishes() -> None:
    gate = Gate()
    events: list[str] = []

    async def finish() -> None:
        events.append(f"finish after {len(gate.cancelled)} cancelled")

    pipeline = Pipeline(gate.ask, window=8, finish=finish)
    pipeline.begin(CASES[:4])
    wait_until(lambda: len(gate.begun) == 4)
    pipeline.close()
    assert sorted(gate.cancelled) == sorted(case.id for case in CASES[:4])
    assert events == ["finish after 4 cancelled"]


def test_no_thread_is_left_after_closing_twice() -> None:
    before = set(threading.enumerate())
    finished: list[int] = []

    async def finish() -> None:
        finished.append(1)

    pipeline = Pipeline(answer, window=2, finish=finish)
    assert pipeline.take(CASES[0])
    pipeline.close()
    pipeline.close()
    assert set(threading.enumerate()) <= before
    assert finished == [1]


def test_the_thread_ends_even_when_finishing_fails() -> None:
    before = set(threading.enumerate())

    async def finish() -> None:
        raise ConnectionError("gone")

    pipeline = Pipeline(answer, window=2, finish=finish)
    with pytest.raises(ConnectionError, match="gone"):
        pipeline.close()
    assert set(threading.enumerate()) <= before


def test_closing_does_not_wait_for_a_function_that_blocks_its_thread() -> None:
    release = threading.Event()
    began = threading.Event()

    def block() -> None:
        began.set()
        release.wait(30)

    async def ask(case: Case, wanted: Callable[[], bool]) -> tuple[Record, ...]:
        await asyncio.to_thread(block)
        return ()

    pipeline = Pipeline(ask, window=1)
    try:
        pipeline.begin(CASES[:1])
        assert began.wait(10)
        clock = time.perf_counter()
        pipeline.close()
        assert time.perf_counter() - clock < 5
    finally:
        release.set()


def test_a_case_given_up_as_anothers_is_asked_when_it_comes_after_all() -> None:
    asked: list[str] = []

    async def ask(case: Case, wanted: Callable[[], bool]) -> tuple[Record, ...]:
        if not wanted():
            raise asyncio.CancelledError
        asked.append(case.id)
        return (make_record(case),)

    with open_pipeline(ask) as pipeline:
        pipeline.begin(CASES[:2], lambda case: case is CASES[1])
        assert pipeline.take(CASES[1]) == (make_record(CASES[1]),)
        assert asked == [CASES[1].id]
        assert pipeline.take(CASES[0]) == (make_record(CASES[0]),)
        assert asked == [CASES[1].id, CASES[0].id]


def test_cases_given_up_leave_room_in_the_window() -> None:
    begun: list[str] = []

    async def ask(case: Case, wanted: Callable[[], bool]) -> tuple[Record, ...]:
        begun.append(case.id)
        if not wanted():
            raise asyncio.CancelledError
        return (make_record(case),)

    with open_pipeline(ask, window=3) as pipeline:
        pipeline.begin(CASES[:3], lambda _: False)
        wait_until(pipeline.has_room)
        pipeline.begin(CASES[3:])
        wait_until(lambda: len(begun) == 6)


def test_cases_nobody_takes_are_asked_at_once_and_hand_on_their_own_records() -> None:
    done: list[str] = []

    async def ask(case: Case, wanted: Callable[[], bool]) -> tuple[Record, ...]:
        assert wanted()
        await asyncio.sleep(0)
        done.append(case.id)
        return (make_record(case),)

    with open_pipeline(ask, window=1) as pipeline:
        pipeline.ask_all(CASES)
        wait_until(lambda: len(done) == len(CASES))
        assert pipeline.has_room()
    assert sorted(done) == sorted(case.id for case in CASES)


def test_an_error_of_a_call_reaches_the_one_who_takes_it_and_nobody_else() -> None:
    async def ask(case: Case, wanted: Callable[[], bool]) -> tuple[Record, ...]:
        if case is CASES[0]:
            raise ZeroDivisionError("broken provider")
        return (make_record(case),)

    with open_pipeline(ask) as pipeline:
        pipeline.begin(CASES[:2])
        with pytest.raises(ZeroDivisionError, match="broken provider"):
            pipeline.take(CASES[0])
        assert pipeline.take(CASES[1])


def test_a_timeout_of_the_call_itself_is_no_wait_that_goes_on() -> None:
    async def ask(case: Case, wanted: Callable[[], bool]) -> tuple[Record, ...]:
        raise TimeoutError("the call's own")

    with open_pipeline(ask) as pipeline, pytest.raises(TimeoutError, match="the call's own"):
        pipeline.take(CASES[0])


def test_a_slow_case_does_not_stop_those_behind_it() -> None:
    """The window counts what is not answered yet, and is filled up while the slow one is waited for."""
    gate = Gate()
    begun: list[str] = []

    async def ask(case: Case, wanted: Callable[[], bool]) -> tuple[Record, ...]:
        begun.append(case.id)
        if case is CASES[0]:
            return await gate.ask(case, wanted)
        if len(begun) == len(CASES):
            gate.open()
        return await answer(case, wanted)

    with open_pipeline(ask, window=3) as pipeline:
        taken = pipeline.take(CASES[0], lambda: pipeline.begin(CASES))
        assert taken == (make_record(CASES[0]),)
        assert [pipeline.take(case) for case in CASES[1:]] == [(make_record(case),) for case in CASES[1:]]
    assert sorted(begun) == sorted(case.id for case in CASES)


def test_an_interrupted_wait_leaves_the_call_in_flight() -> None:
    """Ctrl-C comes while pytest's thread waits; the answer arrives before the pipeline is closed."""
    gate = Gate()

    def interrupt() -> None:
        raise KeyboardInterrupt

    with open_pipeline(gate.ask) as pipeline:
        pipeline.begin(CASES[:1])
        with pytest.raises(KeyboardInterrupt):
            pipeline.take(CASES[0], interrupt)
        gate.open()
        assert pipeline.take(CASES[0]) == (make_record(CASES[0]),)
    assert not gate.cancelled
