import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from run_parts import MOCK, make_completion, make_record
from trust_parts import SERVER, alter, answer_all, make_function, make_server, messages_of, see

from pytest_lleval.core.records import BackendIdentity, FailedAttempt, Record, Timing, Verdict
from pytest_lleval.disclosure.times import judge_times

AGAIN = (FailedAttempt(error="busy", status=429, seconds=0.1, waited=1.0),)


def judge(records: Sequence[Record], identity: BackendIdentity = SERVER, **changes: Any) -> Verdict:
    return judge_times(see(records, (identity,), **changes))


def change(records: Sequence[Record], every: int, **parts: Any) -> list[Record]:
    return [alter(record, **parts) if at % every == 0 else record for at, record in enumerate(records)]


def by_function(count: int = 10) -> list[Record]:
    completion = make_completion(model="bot:answer", fingerprint=None, timing=Timing(total=0.1))
    return [make_record(str(at), model="callable/bot:answer", completion=completion) for at in range(count)]


def test_calls_that_were_timed_in_full_are_clean() -> None:
    verdict = judge(answer_all())
    assert (verdict.state, verdict.disclosures) == ("clean", ())
    assert verdict.message == (
        "every call was timed from before its request was sent to its last byte, waiting and retries included"
    )
    parts = verdict.evidence["openai/m"]
    assert (parts["round_trip"], parts["connect"], parts["claimed"]) == (0.02, 0.02, None)
    assert parts["total"] <= parts["p95"]


def test_the_cpu_time_of_all_sessions_is_told() -> None:
    assert judge(answer_all(), sessions=[{"cpu": 1.5}, {}, {"cpu": 2}]).evidence["cpu_seconds"] == 3.5


def test_a_provider_whose_clock_leaves_something_out_is_found() -> None:
    message = messages_of(judge(change(answer_all(), 2, trace={"claimed": 0.01})), "warning")
    assert "its provider says that calls took 0.010 s, they took" in message
    assert "(in 30 of 60)" in message


def test_a_few_claims_that_are_off_are_clean() -> None:
    assert judge(change(answer_all(), 59, trace={"claimed": 0.01})).state == "clean"


def test_a_provider_that_claims_no_time_at_all_is_clean() -> None:
    assert judge(change(answer_all(), 1, trace={"claimed": 0.0})).state == "clean"


def test_of_a_call_that_was_made_again_only_the_last_attempt_is_claimed() -> None:
    records = [
        type(record)(**{**{name: getattr(record, name) for name in type(record).__slots__}, "failures": AGAIN})
        for record in change(answer_all(), 1, trace={"claimed": 0.01}, timing={"first_byte": 99.0})
    ]
    assert judge(records).state == "clean"


def test_a_server_that_computed_longer_than_the_call_took_has_a_wrong_clock() -> None:
    message = messages_of(judge(change(answer_all(), 1, trace={"computed_seconds": 60.0})))
    assert "the server says it computed for 60.000 s in calls that took" in message
    assert judge(change(answer_all(), 1, trace={"computed_seconds": 0.2})).state == "clean"


def test_answers_sooner_than_the_round_trip_are_found() -> None:
    message = messages_of(judge(answer_all(), make_server(round_trip=60.0)))
    assert "60 of 60 answers took less than the round trip to its host" in message


@pytest.mark.parametrize("trip", [None, 1e-4, 0.02])
def test_a_round_trip_that_is_short_or_unknown_is_clean(trip: float | None) -> None:
    assert judge(answer_all(), make_server(round_trip=trip)).state == "clean"


@pytest.mark.parametrize("timing", [{"total": -1.0}, {"queued": -0.1}, {"first_byte": -0.1}, {"first_byte": 50.0}])
def test_times_that_cannot_be_are_found(timing: dict[str, float]) -> None:
    message = messages_of(judge(change(answer_all(), 6, timing=timing), make_server(round_trip=None)))
    assert message.startswith("openai/m: 10 of 60 times are ")
    assert message.endswith("shorter than their parts")


def test_times_whose_parts_are_unknown_are_clean() -> None:
    assert judge(change(answer_all(), 1, timing={"connect": None, "first_byte": None})).state == "clean"


@pytest.mark.parametrize("imported", [{"seconds": 3.0, "processes": 0}, {"seconds": 0.1, "processes": 2}])
def test_a_start_that_is_in_no_calls_time_is_found(imported: dict[str, Any]) -> None:
    message = messages_of(judge(by_function(), make_function(imported=imported)))
    assert f"loading the function took {imported['seconds']:.2f} s" in message
    assert "which is in no call's time (all calls together took 1.00 s)" in message


@pytest.mark.parametrize("seconds", [0.0, 0.4])
def test_a_short_start_is_clean(seconds: float) -> None:
    assert judge(by_function(), make_function(imported={"seconds": seconds, "processes": 0})).state == "clean"


def test_a_long_start_of_a_long_run_is_clean() -> None:
    assert judge(by_function(1000), make_function(imported={"seconds": 3.0, "processes": 0})).state == "clean"


@pytest.mark.parametrize(("wall", "steady"), [(3700.0, 100.0), (100.0, 3700.0)])
def test_a_clock_that_was_set_or_a_machine_that_slept_is_found(wall: float, steady: float) -> None:
    sessions = [{"started": 0.0, "ended": wall, "steady": steady}]
    assert "it was set, or the machine slept" in messages_of(judge(answer_all(), sessions=sessions))


def test_a_steady_clock_is_clean_and_an_unknown_one_too() -> None:
    sessions = [{"started": 0.0, "ended": 100.0, "steady": 99.0}, {"started": 0.0, "ended": 9.0}]
    assert judge(answer_all(), sessions=sessions).state == "clean"


def test_failed_attempts_are_a_note_with_their_time() -> None:
    busy, gone = (
        FailedAttempt(error="busy", status=429, seconds=1.0),
        FailedAttempt(error="gone", seconds=1, waited=1.2),
    )
    records = [
        replace(record, failures=(busy, gone, busy)) if not number else record
        for number, record in enumerate(answer_all())
    ]
    verdict = judge_times(see(records, (SERVER,)))
    assert verdict.state == "clean"
    assert messages_of(verdict, "note") == (
        "3 requests failed (HTTP 429 2, no answer 1); they and the waiting after them took 4.2 s of calls, "
        "which are in the times"
    )


@pytest.mark.parametrize(
    ("records", "identity"),
    [
        ([], SERVER),
        ([make_record("a", None)], SERVER),
        ([alter(record, cached=True) for record in answer_all(5)], SERVER),
        ([make_record("a", model=MOCK.spec)], MOCK),
    ],
)
def test_without_a_time_of_a_model_nothing_is_verified(records: list[Record], identity: BackendIdentity) -> None:
    verdict = judge(records, identity)
    assert (verdict.state, verdict.disclosures) == ("unverified", ())
    assert verdict.message == f"{identity.spec}: no time of a model was measured in this run"


@given(st.randoms(use_true_random=False))
@settings(max_examples=10, deadline=None)
def test_the_order_of_records_changes_nothing(rng: random.Random) -> None:
    records = change(change(answer_all(), 3, trace={"claimed": 0.01}), 7, timing={"total": 0.001})
    expected = judge(records)
    rng.shuffle(records)
    again = judge(records)
    assert [found.message for found in again.disclosures] == [found.message for found in expected.disclosures]
