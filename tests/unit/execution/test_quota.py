import asyncio
import heapq
import json
import random
import threading
import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import accumulate

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_lleval.core.errors import BudgetError
from pytest_lleval.core.records import Generation, Request, Usage
from pytest_lleval.core.settings import ModelSpec, Settings
from pytest_lleval.execution.pacing import Alarm
from pytest_lleval.execution.prices import Price
from pytest_lleval.execution.quota import Message, Need, Quota, QuotaClient, make_quota

MODEL = "openai/gpt-4o"
#: one dollar for a million input tokens, two for a million output tokens
PRICES = {MODEL: Price(input=1.0, cached_input=0.5, output=2.0)}


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class HeldAlarm(Alarm):
    """Says when it would ring, and rings when it is told to."""

    at: float | None = None
    sets = 0

    def __init__(self, ring: Callable[[], None], clock: Clock) -> None:
        super().__init__(ring)
        self.ring = ring
        self.clock = clock

    def set(self, seconds: float) -> None:
        self.at = self.clock() + seconds
        self.sets += 1


class Answers:
    """What was replied, in order."""

    def __init__(self) -> None:
        self.all: list[tuple[int, str | None]] = []

    def __call__(self, ticket: int, refusal: str | None) -> None:
        self.all.append((ticket, refusal))

    @property
    def granted(self) -> list[int]:
        return [ticket for ticket, refusal in self.all if refusal is None]

    @property
    def refused(self) -> list[int]:
        return [ticket for ticket, refusal in self.all if refusal is not None]


def make_paced(clock: Clock, **limits: object) -> tuple[Quota, HeldAlarm]:
    alarms: list[HeldAlarm] = []

    def make_alarm(ring: Callable[[], None]) -> Alarm:
        alarms.append(HeldAlarm(ring, clock))
        return alarms[0]

    quota = Quota(Settings(**limits), PRICES, clock=clock, make_alarm=make_alarm)
    return quota, alarms[0]


def make_budgeted(**limits: object) -> Quota:
    return make_paced(Clock(), **limits)[0]


def need(input_tokens: int = 10, output_tokens: int | None = 10) -> Need:
    return Need(model=MODEL, input_tokens=input_tokens, output_tokens=output_tokens)


def used(input_tokens: int | None, output_tokens: int | None) -> Usage:
    return Usage(input_tokens=input_tokens, output_tokens=output_tokens)


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


def test_what_one_owner_does_not_use_the_others_get() -> None:
    clock = Clock()
    quota, alarm = make_paced(clock, rpm=6000)
    answers = {owner: Answers() for owner in ("busy", "idle")}
    quota.request("idle", 1, need(), answers["idle"])
    for ticket in range(1000):
        quota.request("busy", ticket, need(), answers["busy"])
    while clock.now < 1005.0:
        assert alarm.at is not None
        clock.now = alarm.at
        alarm.at = None
        alarm.ring()
    assert len(answers["idle"].granted) == 1
    assert len(answers["busy"].granted) == pytest.approx(500, rel=0.02)


def test_owners_are_answered_in_turn_and_each_in_order() -> None:
    quota = make_budgeted(max_tokens_total=1000)
    order: list[tuple[str, int]] = []

    def ask(owner: str, ticket: int, tokens: int = 20) -> None:
        quota.request(owner, ticket, need(tokens - 10), lambda number, _: order.append((owner, number)))

    ask("first", 0, 1000)
    for ticket in range(1, 4):
        ask("greedy", ticket)
    for ticket in range(1, 3):
        ask("modest", ticket)
    quota.settle("first", 0, used(0, 0))
    assert order[1:] == [("greedy", 1), ("modest", 1), ("greedy", 2), ("modest", 2), ("greedy", 3)]


def test_a_call_waits_while_what_is_open_may_be_given_back() -> None:
    quota, answers = make_budgeted(max_tokens_total=100), Answers()
    quota.request("gw0", 1, need(40, 40), answers)
    quota.request("gw0", 2, need(40, 40), answers)
    assert answers.all == [(1, None)]
    quota.settle("gw0", 1, used(15, 5))
    assert answers.all == [(1, None), (2, None)]


def test_a_call_is_refused_when_nothing_open_could_make_room() -> None:
    quota, answers = make_budgeted(max_tokens_total=100), Answers()
    quota.request("gw0", 1, need(40, 40), answers)
    quota.request("gw1", 1, need(40, 40), answers)
    quota.settle("gw0", 1, used(40, 35))
    (_, refusal) = answers.all[1]
    assert refusal == (
        "not asked: --lleval-max-tokens-total is 100 tokens, of which 75 tokens are spent, and this call may take "
        "80 tokens; raise it and go on with --lleval-resume"
    )
    quota.request("gw1", 2, need(10, 10), answers)
    assert answers.all[2] == (2, None)


def test_a_call_that_never_fits_is_refused_at_once() -> None:
    quota, answers = make_budgeted(max_cost=0.001), Answers()
    quota.request("gw0", 1, need(500, 100), answers)
    quota.request("gw0", 2, need(500, 300), answers)
    ((_, granted), (_, refusal)) = answers.all
    assert granted is None
    assert refusal is not None
    assert "--lleval-max-cost is 0.001 USD, of which 0 USD are spent, and this call may take 0.0011 USD" in refusal


def test_money_is_counted_by_the_prices() -> None:
    quota, answers = make_budgeted(max_cost=10.0), Answers()
    quota.request("gw0", 1, need(), answers)
    quota.settle("gw0", 1, Usage(input_tokens=1_000_000, cached_tokens=500_000, output_tokens=1_000_000))
    assert quota.snapshot()["cost"] == pytest.approx(0.5 + 0.25 + 2.0)


def test_a_model_without_a_price_is_bound_by_tokens_only() -> None:
    quota, answers = make_budgeted(max_cost=0.001, max_tokens_total=5000), Answers()
    unpriced = Need(model="openai/unheard-of", input_tokens=4000, output_tokens=0)
    quota.request("gw0", 1, unpriced, answers)
    quota.settle("gw0", 1, used(4000, 0))
    quota.request("gw0", 2, unpriced, answers)
    assert (answers.granted, answers.refused) == ([1], [2])


@given(
    limit=st.integers(100, 2000),
    actions=st.lists(
        st.tuples(
            st.sampled_from(["request", "request", "request", "settle", "settle", "unknown", "drop"]),
            st.sampled_from(["gw0", "gw1", "gw2"]),
            st.integers(1, 120),
            st.integers(0, 120),
            st.floats(0, 1),
        ),
        max_size=80,
    ),
)
@settings(deadline=None)
def test_no_order_of_events_breaks_a_budget_or_leaves_anybody_waiting(
    limit: int, actions: list[tuple[str, str, int, int, float]]
) -> None:
    quota = make_budgeted(max_tokens_total=limit, max_cost=limit * 1.5e-6)
    replies: Counter[tuple[str, int]] = Counter()
    asked: dict[tuple[str, int], tuple[int, int]] = {}
    opened: list[tuple[str, int]] = []
    dropped: set[str] = set()

    def reply_to(owner: str) -> Callable[[int, str | None], None]:
        def reply(ticket: int, refusal: str | None) -> None:
            assert owner not in dropped
            replies[owner, ticket] += 1
            if refusal is None:
                opened.append((owner, ticket))

        return reply

    def settle(key: tuple[str, int], part: float) -> None:
        input_tokens, output_tokens = asked[key]
        quota.settle(*key, used(int(input_tokens * part), int(output_tokens * part)))

    for action, owner, input_tokens, output_tokens, part in actions:
        if action == "request" and owner not in dropped:
            key = (owner, len(asked))
            asked[key] = (input_tokens, output_tokens)
            quota.request(*key, need(input_tokens, output_tokens), reply_to(owner))
        elif action == "drop":
            dropped.add(owner)
            opened[:] = [key for key in opened if key[0] != owner]
            quota.drop(owner)
        elif opened and action != "request":
            key = opened.pop(int(part * (len(opened) - 1)))
            if action == "unknown":
                quota.settle(*key, Usage())
            else:
                settle(key, part)
        state = quota.snapshot()
        assert state["open"] == len(opened)
        assert not state["waiting"] or state["open"], "somebody waits for nothing"
        assert state["input_tokens"] + state["output_tokens"] <= limit
        assert state["cost"] <= limit * 1.5e-6 + 1e-6
    while opened:
        settle(opened.pop(), 1.0)
    assert quota.snapshot()["waiting"] == 0
    assert set(replies.values()) <= {1}
    assert {key for key in asked if key[0] not in dropped} <= set(replies)
    assert quota.snapshot()["input_tokens"] + quota.snapshot()["output_tokens"] <= limit


@pytest.mark.parametrize("limits", [{"max_tokens_total": 200_000}, {"max_cost": 0.3}])
@pytest.mark.parametrize("output_limit", [None, 256])
def test_a_budget_is_used_up_to_the_last_call(limits: dict[str, object], output_limit: int | None) -> None:
    quota = make_budgeted(**limits)
    chance = random.Random(4)
    under_way: list[tuple[str, int]] = []
    refusals: list[str] = []

    def reply_to(owner: str) -> Callable[[int, str | None], None]:
        def reply(ticket: int, refusal: str | None) -> None:
            if refusal is None:
                under_way.append((owner, ticket))
            else:
                refusals.append(refusal)

        return reply

    for ticket in range(3000):
        owner = f"gw{ticket % 4}"
        quota.request(owner, ticket, need(100, output_limit), reply_to(owner))
        while len(under_way) > 32 or quota.snapshot()["waiting"]:
            key = under_way.pop(chance.randrange(len(under_way)))
            quota.settle(*key, used(chance.randint(70, 140), chance.randint(1, 200)))
    state = quota.snapshot()
    spent = state["cost"] / 0.3 if "max_cost" in limits else (state["input_tokens"] + state["output_tokens"]) / 200_000
    assert refusals
    assert 0.98 <= spent <= 1.02


def test_reservations_learn_from_what_was_reported() -> None:
    quota, answers = make_budgeted(max_tokens_total=10_000), Answers()
    quota.request("gw0", 1, need(1000, None), answers)
    quota.settle("gw0", 1, used(2000, 500))
    # twice the estimate and the largest output so far: 2,500 for each
    for ticket in range(2, 6):
        quota.request("gw0", ticket, need(1000, None), answers)
    assert answers.granted == [1, 2, 3, 4]


def test_a_call_without_reported_usage_counts_as_reserved() -> None:
    quota, answers = make_budgeted(max_tokens_total=10_000), Answers()
    quota.request("gw0", 1, need(100, None), answers)
    quota.settle("gw0", 1, Usage())
    state = quota.snapshot()
    assert (state["input_tokens"], state["output_tokens"], state["unreported"]) == (100, 1024, 1)


def test_a_call_that_was_not_made_teaches_and_costs_nothing() -> None:
    quota, answers = make_budgeted(max_tokens_total=2000), Answers()
    quota.request("gw0", 1, need(100, None), answers)
    quota.settle("gw0", 1, used(0, 0))
    quota.request("gw0", 2, need(100, None), answers)
    quota.settle("gw0", 2, Usage())
    state = quota.snapshot()
    assert (state["input_tokens"], state["output_tokens"]) == (100, 1024)


def test_a_dead_owner_is_charged_what_it_had_reserved_and_hears_nothing() -> None:
    quota = make_budgeted(max_tokens_total=100)
    dead, living = Answers(), Answers()
    quota.request("dead", 1, need(30, 30), dead)
    quota.request("dead", 2, need(30, 30), dead)
    quota.request("living", 1, need(20, 20), living)
    quota.drop("dead")
    quota.settle("dead", 1, used(1, 1))
    quota.settle("living", 1, used(10, 10))
    quota.request("dead", 3, need(1, 1), dead)
    assert dead.all == [(1, None)]
    assert living.all == [(1, None)]
    assert quota.snapshot()["input_tokens"] + quota.snapshot()["output_tokens"] == 80


def test_an_owner_that_cannot_be_answered_is_dropped_and_the_others_go_on() -> None:
    quota, living = make_budgeted(max_tokens_total=100), Answers()

    def fail(ticket: int, refusal: str | None) -> None:
        raise OSError("the worker is gone")

    quota.request("dead", 1, need(30, 30), fail)
    quota.request("living", 1, need(20, 20), living)
    assert living.all == [(1, None)]
    assert quota.snapshot()["open"] == 1


def test_what_earlier_sessions_spent_counts() -> None:
    quota, answers = make_budgeted(max_tokens_total=100), Answers()
    quota.charge(need(50, 50), used(50, 40))
    quota.request("gw0", 1, need(10, 10), answers)
    assert answers.refused == [1]


def test_what_an_earlier_call_has_cost_whose_server_reported_nothing_is_what_would_be_set_aside() -> None:
    quota = make_budgeted(max_tokens_total=100)
    quota.charge(need(30, 20), Usage())
    snapshot = quota.snapshot()
    assert (snapshot["input_tokens"], snapshot["output_tokens"]) == (30, 20)


def test_a_closed_quota_answers_nobody_and_counts_what_was_open() -> None:
    quota, answers = make_budgeted(max_tokens_total=100), Answers()
    for ticket in (1, 2):
        quota.request("gw0", ticket, need(30, 30), answers)
    quota.close()
    quota.close()
    quota.settle("gw0", 1, used(1, 1))
    quota.request("gw0", 3, need(1, 1), answers)
    assert answers.all == [(1, None)]
    assert quota.snapshot() == {
        "granted": 1,
        "refused": 0,
        "unreported": 1,
        "input_tokens": 30,
        "output_tokens": 30,
        "cost": pytest.approx(90e-6),
        "open": 0,
        "waiting": 0,
    }
    json.dumps(quota.snapshot())


def test_a_run_without_limits_has_no_quota() -> None:
    models = (ModelSpec(provider="openai", model="gpt-4o"),)
    assert make_quota(Settings(models=models)) is None
    quota = make_quota(Settings(models=models, max_cost=1e-6))
    assert quota is not None
    answers = Answers()
    quota.request("main", 1, need(1, 1), answers)
    assert answers.refused == [1]
    quota.close()


def test_no_thread_is_started_before_somebody_has_to_wait_for_time() -> None:
    def count() -> int:
        return sum(thread.name == "lleval-quota" for thread in threading.enumerate())

    quota, answers = Quota(Settings(rpm=60, max_tokens_total=50), PRICES), Answers()
    quota.request("gw0", 1, need(), answers)
    # for what is open, not for time
    quota.request("gw0", 2, need(20, 20), answers)
    assert count() == 0
    quota.settle("gw0", 1, used(1, 1))
    assert count() == 1
    quota.close()
    assert count() == 0


def test_the_rate_holds_in_real_time_from_many_threads() -> None:
    quota = Quota(Settings(rpm=60_000), PRICES)
    answers = Answers()
    start = time.monotonic()

    def ask(owner: str) -> None:
        for ticket in range(100):
            quota.request(owner, ticket, need(), answers)

    threads = [threading.Thread(target=ask, args=(f"gw{number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    while len(answers.all) < 400 and time.monotonic() < start + 10:
        time.sleep(0.005)
    seconds = time.monotonic() - start
    quota.close()
    assert len(answers.granted) == 400
    assert seconds >= 0.4 - 0.04 - 0.001


def connect(quota: Quota, owner: str, loop: asyncio.AbstractEventLoop) -> QuotaClient:
    """A client on a line that carries JSON, so that nothing but builtins gets through."""

    def carry(message: Message) -> Message:
        return tuple(json.loads(json.dumps(message)))

    def send(message: Message) -> None:
        quota.receive(owner, carry(message), hear)

    def hear(message: Message) -> None:
        client.receive(carry(message))

    client = QuotaClient(send, loop)
    return client


def test_a_client_gets_leases_and_settles_them() -> None:
    quota = make_budgeted(max_tokens_total=1000)

    async def ask() -> None:
        client = connect(quota, "main", asyncio.get_running_loop())
        first, second = await asyncio.gather(client.reserve(need()), client.reserve(need()))
        first.settle(Usage(input_tokens=8, output_tokens=2, cached_tokens=4))
        second.settle(None)

    asyncio.run(ask())
    state = quota.snapshot()
    assert (state["granted"], state["open"], state["unreported"]) == (2, 0, 1)
    assert state["cost"] == pytest.approx((4 + 2 + 4 + 10 + 20) / 1e6)


def test_a_client_that_need_not_wait_does_not_give_way() -> None:
    quota = make_budgeted(max_tokens_total=1000)

    async def ask() -> list[str]:
        order: list[str] = []
        asyncio.get_running_loop().call_soon(order.append, "somebody else")
        await connect(quota, "main", asyncio.get_running_loop()).reserve(need())
        return [*order, "granted"]

    assert asyncio.run(ask()) == ["granted"]


def test_a_client_is_answered_from_another_thread() -> None:
    quota = Quota(Settings(rpm=1200), PRICES)

    async def ask() -> float:
        client = connect(quota, "main", asyncio.get_running_loop())
        start = time.monotonic()
        for _ in range(4):
            (await client.reserve(need())).settle(used(10, 10))
        return time.monotonic() - start

    assert asyncio.run(ask()) >= 3 * 0.05 - 0.04 - 0.001
    quota.close()


def test_a_refusal_is_a_budget_error() -> None:
    quota = make_budgeted(max_tokens_total=10)

    async def ask() -> None:
        await connect(quota, "main", asyncio.get_running_loop()).reserve(need())

    with pytest.raises(BudgetError, match="--lleval-max-tokens-total is 10 tokens"):
        asyncio.run(ask())


@pytest.mark.parametrize("late", [False, True])
def test_a_cancelled_reservation_is_given_back(late: bool) -> None:
    quota = make_budgeted(max_tokens_total=30)

    async def ask() -> None:
        client = connect(quota, "main", asyncio.get_running_loop())
        first = await client.reserve(need())
        waiting = asyncio.ensure_future(client.reserve(need()))
        await asyncio.sleep(0)
        if late:
            # it is granted, but its task has not run when it is cancelled
            first.settle(used(0, 0))
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        if not late:
            first.settle(used(0, 0))
        (await client.reserve(need())).settle(used(1, 1))

    asyncio.run(ask())
    state = quota.snapshot()
    assert (state["open"], state["waiting"], state["input_tokens"]) == (0, 0, 1)


def test_an_answer_to_a_process_whose_loop_is_closed_harms_nobody() -> None:
    quota = make_budgeted(max_tokens_total=1000)
    loop = asyncio.new_event_loop()
    client = connect(quota, "main", loop)
    loop.close()
    client.receive(("go", 1, None))


def test_the_need_of_a_request_is_estimated_from_its_text() -> None:
    request = Request(prompt="what is it? " * 100, generation=Generation(max_tokens=7))
    assert Need.estimate(MODEL, request) == need(400, 7)
    assert Need.estimate(MODEL, Request(prompt="x")) == need(1, None)
