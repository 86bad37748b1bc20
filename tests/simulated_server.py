"""A server that takes so many requests at once, and a loop whose time passes at once."""

import asyncio
import random
import selectors
from collections.abc import Callable, Coroutine
from contextlib import closing
from typing import TypeVar

from pytest_lleval.execution.concurrency import AdaptiveLimiter
from pytest_lleval.execution.limit_search import LimitSearch

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
        try:
            await asyncio.sleep(self.latency * self._random.uniform(0.7, 1.3))
        finally:
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


def make_limiter(most: int, processes: int = 1, note: Callable[[int, str], None] | None = None) -> AdaptiveLimiter:
    """Return the gate of a process that searches for itself."""
    return AdaptiveLimiter(LimitSearch(most, note, processes))
