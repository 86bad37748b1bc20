import json
import random
import threading
import time
from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from quota_parts import MODEL, PRICES, Answers, Clock, make_budgeted, make_paced, need, used

from pytest_lleval.core.records import Generation, Request, Usage
from pytest_lleval.core.settings import Settings
from pytest_lleval.execution.quota import Need, Quota


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


def test_the_need_of_a_request_is_estimated_from_its_text() -> None:
    request = Request(prompt="what is it? " * 100, generation=Generation(max_tokens=7))
    assert Need.estimate(MODEL, request) == need(400, 7)
    assert Need.estimate(MODEL, Request(prompt="x")) == need(1, None)
