"""Requests and tokens a minute, over every stretch of time."""

import heapq
import random
from bisect import bisect_left
from collections.abc import Callable, Sequence
from itertools import accumulate

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from quota_parts import Answers, Clock, make_paced, need, used


class Run:
    """Calls that are asked for all at once and take their time, on a clock of their own.

    :param actual: the tokens a call takes, by its estimate
    :param lateness: the most seconds an alarm rings too late
    :param idle: seconds before the first call is asked for
    """

    def __init__(
        self,
        *,
        actual: Callable[[int], int] = lambda estimate: estimate,
        latency: float = 0.5,
        lateness: float = 0.0,
        idle: float = 0.0,
        **limits: object,
    ) -> None:
        self.clock = Clock()
        self.quota, self.alarm = make_paced(self.clock, **limits)
        self.clock.now += idle
        self._start = self.clock.now
        #: (seconds since the start, tokens it took) of each call that was granted
        self.sent: list[tuple[float, int]] = []
        self._actual = actual
        self._latency = latency
        self._lateness = lateness
        self._random = random.Random(11)
        self._ends: list[tuple[float, int]] = []

    def ask(self, estimates: Sequence[int], seconds: float) -> None:
        """Ask for calls, by two owners in turn, and let the time pass."""
        self._estimates = estimates
        for ticket, estimate in enumerate(estimates):
            self.quota.request(f"gw{ticket % 2}", ticket, need(estimate, 0), self._send)
        stop = self.clock.now + seconds
        while True:
            events = [event for event in (self.alarm.at, self._ends[0][0] if self._ends else None) if event is not None]
            if not events or min(events) > stop:
                return
            self.clock.now = max(self.clock.now, min(events))
            if self._ends and self._ends[0][0] <= self.clock.now:
                _, ticket = heapq.heappop(self._ends)
                self.quota.settle(f"gw{ticket % 2}", ticket, used(self._actual(estimates[ticket]), 0))
            else:
                self.alarm.at = None
                self.clock.now += self._random.uniform(0.0, self._lateness)
                self.alarm.ring()

    def _send(self, ticket: int, refusal: str | None) -> None:
        assert refusal is None
        self.sent.append((self.clock.now - self._start, self._actual(self._estimates[ticket])))
        heapq.heappush(self._ends, (self.clock.now + self._latency, ticket))

    def most_in(self, seconds: float, weigh: Callable[[int], float]) -> float:
        """Return the most that was sent in any stretch of time."""
        moments = [moment for moment, _ in self.sent]
        sums = [0.0, *accumulate(weigh(tokens) for _, tokens in self.sent)]
        return max(sums[bisect_left(moments, start + seconds)] - sums[i] for i, start in enumerate(moments))


@given(rpm=st.floats(20, 20_000), lateness=st.sampled_from([0.0, 0.01, 0.03]), idle=st.sampled_from([0.0, 9.0]))
@settings(max_examples=12, deadline=None)
def test_requests_a_minute_hold_in_any_two_seconds_and_are_used_up(rpm: float, lateness: float, idle: float) -> None:
    rate = rpm / 60
    duration = max(6.0, 60 / rate)
    run = Run(rpm=rpm, lateness=lateness, idle=idle)
    run.ask([1] * int(rate * duration * 1.5 + 5), duration)
    for seconds in (2.0, 3.3, 5.0):
        assert run.most_in(seconds, lambda _: 1.0) <= 1.02 * rate * seconds + 1
    assert len(run.sent) >= 0.98 * rate * duration - 1


@given(tpm=st.floats(6_000, 6_000_000), lateness=st.sampled_from([0.0, 0.03]), largest=st.integers(1, 400))
@settings(max_examples=12, deadline=None)
def test_tokens_a_minute_hold_in_any_two_seconds_and_are_used_up(tpm: float, lateness: float, largest: int) -> None:
    rate = tpm / 60
    sizes = random.Random(5)
    run = Run(tpm=tpm, lateness=lateness)
    # so large that a few thousand calls use the rate up
    unit = max(1, int(rate * 10 / 1000 / largest))
    estimates = [unit * sizes.randint(1, largest) for _ in range(4000)]
    duration = min(10.0, sum(estimates) / rate * 0.8)
    run.ask(estimates, duration)
    largest_call = unit * largest
    for seconds in (2.0, 3.3, 5.0):
        assert run.most_in(seconds, float) <= 1.02 * rate * seconds + largest_call
    assert sum(tokens for _, tokens in run.sent) >= 0.98 * rate * duration - largest_call


@pytest.mark.parametrize("factor", [0.25, 0.8, 1.3, 4.0])
def test_estimates_that_are_wrong_throughout_do_not_bend_the_rate(factor: float) -> None:
    run = Run(tpm=600_000, actual=lambda estimate: int(estimate * factor))
    run.ask([400] * 20_000, 60.0)
    assert sum(tokens for _, tokens in run.sent) == pytest.approx(600_000, rel=0.02)


def test_estimates_that_are_wrong_at_random_do_not_bend_the_rate() -> None:
    factors = random.Random(2)
    run = Run(tpm=600_000, actual=lambda estimate: int(estimate * factors.choice([0.1, 1.0, 3.0])), latency=2.0)
    run.ask([400] * 20_000, 60.0)
    spent = run.quota.snapshot()["input_tokens"]
    assert spent == pytest.approx(600_000 * 58 / 60, rel=0.03)


def test_both_rates_hold_together() -> None:
    run = Run(rpm=6000, tpm=60_000)
    run.ask([5] * 2000 + [50] * 2000, 60.0)
    # two owners in turn: the small ones are bound by the requests, the large ones by the tokens
    assert [moment for moment, _ in run.sent][1999] == pytest.approx(20.0, rel=0.02)
    assert len(run.sent) - 2000 == pytest.approx(40 * 1000 / 50, rel=0.02)


def test_who_comes_while_others_wait_does_not_set_the_alarm_again() -> None:
    quota, alarm = make_paced(Clock(), rpm=60)
    for ticket in range(100):
        quota.request("gw0", ticket, need(), Answers())
    assert alarm.sets == 1
