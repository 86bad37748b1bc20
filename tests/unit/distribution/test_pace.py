import heapq
from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_lleval.distribution.pace import DEPTH, Pace, choose_depth


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def simulate(cases: int, latencies: list[float], connections: int) -> tuple[float, float]:
    """Return how long `cases` take workers with these latencies, and how long the last worker was alone at the end."""
    clock = Clock()
    paces = [Pace(connections=connections, clock=clock) for _ in latencies]
    waiting = cases
    queues: list[deque[int]] = [deque() for _ in latencies]
    flying = [0] * len(latencies)
    events: list[tuple[float, int]] = []
    last = [0.0] * len(latencies)

    def feed(worker: int) -> None:
        nonlocal waiting
        held = [len(queue) + count for queue, count in zip(queues, flying, strict=True)]
        room = choose_depth(paces[worker], paces, waiting, sum(held)) - held[worker]
        taken = max(0, min(room, waiting))
        waiting -= taken
        queues[worker].extend(range(taken))
        paces[worker].note_given()
        while queues[worker] and flying[worker] < connections:
            queues[worker].popleft()
            flying[worker] += 1
            heapq.heappush(events, (clock.now + latencies[worker], worker))

    for worker in range(len(latencies)):
        feed(worker)
    while events:
        clock.now, worker = heapq.heappop(events)
        flying[worker] -= 1
        last[worker] = clock.now
        paces[worker].note_done()
        feed(worker)
    assert waiting == 0
    return clock.now, max(last) - min(last)


def test_four_hundred_calls_on_two_workers_take_as_long_as_their_waves() -> None:
    took, alone = simulate(400, [0.1, 0.1], 32)
    assert took == pytest.approx(0.7)
    assert alone <= 0.1 + 1e-9


def test_a_worker_five_times_slower_delays_the_end_by_no_more_than_its_own_calls() -> None:
    took, alone = simulate(2000, [0.1, 0.5], 16)
    rate = 16 / 0.1 + 16 / 0.5
    assert took <= 2000 / rate + 2 * 0.5
    assert alone <= 2 * 0.5


@given(
    connections=st.integers(1, 64),
    workers=st.integers(1, 16),
    waiting=st.integers(0, 10_000),
    given_out=st.integers(0, 10_000),
)
def test_a_worker_always_holds_what_it_can_have_in_flight_and_never_more_than_four_times_that(
    connections: int, workers: int, waiting: int, given_out: int
) -> None:
    paces = [Pace(connections=connections) for _ in range(workers)]
    depth = choose_depth(paces[0], paces, waiting, given_out)
    assert connections <= depth <= DEPTH * connections


def test_speed_follows_a_worker_that_slows_down() -> None:
    clock = Clock()
    pace = Pace(connections=1, clock=clock)
    pace.note_given()
    for _ in range(100):
        clock.now += 0.1
        pace.note_done()
    quick = pace.speed
    for _ in range(20):
        clock.now += 1.0
        pace.note_done()
    assert quick == pytest.approx(10, rel=0.1)
    assert pace.speed < 2.5
