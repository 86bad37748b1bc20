import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from run_parts import MOCK, MOCK_NOTE, make_identity, make_record
from trust_parts import PROOF, SERVER, alter, answer_all, make_server, messages_of, see

from pytest_lleval.core.records import BackendIdentity, Disclosure, Record, Verdict
from pytest_lleval.disclosure.backends import judge_backends

ECHO = {**PROOF, "text": "Repeat this number: 4711", "echoed": True}
DEAF = {**PROOF, "text": "Hello!", "repeated": False}
EMPTY = {**PROOF, "text": "", "repeated": False, "empty": True}


def judge(records: Sequence[Record], identity: BackendIdentity = SERVER, **changes: Any) -> Verdict:
    return judge_backends(see(records, (identity,), **changes))


def count_session(before: float, after: float, spec: str = "openai/m") -> dict[str, Any]:
    return {"counters": {spec: {"before": before, "after": after}}}


def count_answered(records: Sequence[Record]) -> int:
    return sum(record.completion.usage.output_tokens for record in records)


def test_answers_over_connections_from_something_that_reads_its_prompts_are_clean() -> None:
    verdict = judge(answer_all())
    assert (verdict.state, verdict.disclosures) == ("clean", ())
    assert verdict.message == "openai/m: 60 answers over 1 connections, from something that reads its prompts"
    assert verdict.evidence == {"openai/m": {"fresh": 60, "probes": [PROOF]}}


def test_counters_of_the_server_prove_that_it_has_computed_the_answers() -> None:
    records = answer_all()
    answered = count_answered(records)
    sessions = [count_session(100, 100 + answered // 2), {}, count_session(0, answered)]
    verdict = judge(records, make_server(probes=[]), sessions=sessions)
    assert verdict.state == "clean"
    assert "its own counters say it computed" in verdict.message


def test_answers_the_server_never_computed_are_found() -> None:
    records = answer_all()
    answered = count_answered(records)
    verdict = judge(records, sessions=[count_session(50, 60)])
    assert messages_of(verdict, "warning") == (
        f"openai/m: answers report {answered:,} tokens, the server's own counters say it computed 10"
    )


def test_answers_of_a_session_that_was_killed_before_its_counters_were_read_are_not_held_against_the_others() -> None:
    records = answer_all()
    killed = {"counters": {"openai/m": {"before": 7}}}
    verdict = judge(records, sessions=[killed, count_session(0, count_answered(records) // 2)])
    assert verdict.state == "clean"
    assert "own counters" not in verdict.message


def test_counters_of_another_model_prove_nothing() -> None:
    verdict = judge(answer_all(), make_server(probes=[]), sessions=[count_session(0, 10**6, "local/other")])
    assert verdict.state == "unverified"


def test_a_mock_is_critical_by_its_own_word_or_by_ours() -> None:
    records = [make_record("a", model=MOCK.spec)]
    assert judge(records, MOCK).disclosures == (MOCK_NOTE,)
    silent = judge(records, replace(MOCK, disclosures=()))
    assert messages_of(silent, "critical") == "mock/fixed:A: a mock answers, no model was asked"


def test_what_was_found_when_a_backend_was_attached_is_kept() -> None:
    found = Disclosure(factor="F3", severity="warning", message="a recorder")
    assert judge(answer_all(), replace(SERVER, disclosures=(found,))).disclosures == (found,)


@pytest.mark.parametrize(
    ("records", "identity", "message"),
    [
        ([], SERVER, "openai/m: no answer was made in this run"),
        ([make_record("a", None)], SERVER, "openai/m: no answer was made in this run"),
        (
            answer_all(),
            make_server(probes=[]),
            "openai/m: nothing shows that its answers depend on what it is asked",
        ),
        (
            answer_all(),
            make_server(probes=[EMPTY, EMPTY]),
            "openai/m: nothing shows that its answers depend on what it is asked",
        ),
    ],
)
def test_a_backend_that_has_shown_nothing_is_unverified(
    records: list[Record], identity: BackendIdentity, message: str
) -> None:
    verdict = judge(records, identity)
    assert (verdict.state, verdict.message) == ("unverified", message)


def test_tokens_that_were_computed_for_answers_show_that_prompts_are_read() -> None:
    records = [alter(record, trace={"computed_tokens": 200}) for record in answer_all()]
    assert judge(records, make_server(probes=[EMPTY])).state == "clean"


def test_cached_answers_are_counted_and_make_no_evidence() -> None:
    records = [alter(record, cached=True) for record in answer_all(10)]
    verdict = judge(records)
    assert verdict.state == "unverified"
    assert messages_of(verdict, "note").startswith("10 of 10 answers came from the response cache")
    half = [*records[:5], *answer_all(10)[5:]]
    assert judge(half).state == "clean"
    assert messages_of(judge(half), "note").startswith("5 of 10 answers came from the response cache")


def test_answers_without_any_connection_are_replayed_in_this_process() -> None:
    records = [alter(record, trace={"opened": None}) for record in answer_all()]
    assert messages_of(judge(records), "critical") == (
        "openai/m: 60 answers came without any connection: they are replayed in this process"
    )


def test_a_client_that_shows_neither_connections_nor_bodies_is_not_accused() -> None:
    records = [alter(record, trace={"opened": None, "sent": None}) for record in answer_all()]
    assert judge(records).state == "clean"


def test_a_backend_that_gives_questions_back_is_an_echo() -> None:
    assert "it gives questions back as answers: an echo" in messages_of(
        judge(answer_all(), make_server(probes=[ECHO, ECHO])), "critical"
    )
    # a model may echo once
    assert judge(answer_all(), make_server(probes=[ECHO, PROOF])).state == "clean"


def test_a_weak_model_that_gives_probes_back_is_no_echo_when_its_host_has_computed() -> None:
    records = answer_all()
    sessions = [count_session(0, count_answered(records))]
    verdict = judge(records, make_server(probes=[ECHO, ECHO]), sessions=sessions)
    assert verdict.state == "clean"
    assert "a weak model, whose host did compute its answers" in messages_of(verdict, "note")
    idle = judge(records, make_server(probes=[ECHO, ECHO]), sessions=[count_session(5, 5)])
    assert "an echo, not a model" in messages_of(idle, "critical")


def test_a_backend_that_does_not_do_what_it_is_asked_is_found() -> None:
    message = messages_of(judge(answer_all(), make_server(probes=[DEAF, DEAF])), "warning")
    assert "asked 2 times before the run to repeat a number, it answered 'Hello!' and 'Hello!'" in message
    for probes in ([DEAF, PROOF], [PROOF, DEAF]):
        assert judge(answer_all(), make_server(probes=probes)).state == "clean"


@pytest.mark.parametrize("probes", [[DEAF], [DEAF, EMPTY], [EMPTY, EMPTY]])
def test_one_wrong_answer_or_an_empty_one_accuses_nobody(probes: list[dict[str, Any]]) -> None:
    assert messages_of(judge(answer_all(), make_server(probes=probes))) == ""


def test_a_probe_that_was_answered_at_once_was_answered_by_no_model() -> None:
    soon = {**PROOF, "seconds": 0.0206, "connect": 0.02}
    assert "within 0.60 ms: no model does" in messages_of(judge(answer_all(), make_server(probes=[soon])))


@pytest.mark.parametrize("seconds", [0.0, 0.03])
def test_a_probe_of_unknown_or_plain_duration_is_clean(seconds: float) -> None:
    probe = {**PROOF, "seconds": seconds, "connect": None, "output_tokens": None}
    assert judge(answer_all(), make_server(probes=[probe])).state == "clean"


def test_answers_faster_than_any_model_are_found() -> None:
    records = answer_all()
    fast = [alter(record, timing={"total": 0.0005}, usage={"output_tokens": 500}) for record in records[1:4]]
    message = messages_of(judge([records[0], *fast, *records[4:]], make_server(round_trip=None)))
    assert "3 of 60 answers are faster than any model: 500 tokens of answer in 0.5 ms" in message


def test_prompts_that_nobody_could_have_read_so_soon_are_found() -> None:
    records = [alter(record, timing={"total": 0.02}, usage={"input_tokens": 10**6}) for record in answer_all(3)]
    assert "3 of 3 answers are faster than any model" in messages_of(judge(records, make_server(round_trip=None)))


def test_answers_before_a_packet_could_return_come_from_somewhere_nearer() -> None:
    message = messages_of(judge(answer_all(), make_server(round_trip=10.0)))
    assert "60 of 60 answers were there before a packet could go to its host and back (10000.0 ms)" in message


@pytest.mark.parametrize("trip", [None, 0.0005, 0.02])
def test_a_round_trip_that_is_short_or_unknown_is_clean(trip: float | None) -> None:
    assert judge(answer_all(), make_server(round_trip=trip)).state == "clean"


def test_usage_that_is_missing_is_not_held_against_the_times() -> None:
    records = [alter(record, usage={"input_tokens": None, "output_tokens": None}) for record in answer_all()]
    assert judge(records).state == "clean"


def test_backends_are_judged_one_by_one() -> None:
    records = [*answer_all(), *answer_all(10, "openai/n")]
    verdict = judge_backends(see(records, (SERVER, make_server("openai/n", probes=[]))))
    assert verdict.state == "unverified"
    assert verdict.message.startswith("openai/n: nothing shows")
    both = judge_backends(see(records, (SERVER, make_server("openai/n"))))
    assert both.message.count("from something that reads its prompts") == 2


def test_a_provider_of_another_package_without_an_address_is_judged_as_a_function() -> None:
    verdict = judge(answer_all(), make_identity())
    assert verdict.state == "unverified"
    assert "whether a model stands behind it cannot be seen" in verdict.message


@given(st.randoms(use_true_random=False))
@settings(max_examples=10, deadline=None)
def test_the_order_of_records_changes_nothing(rng: random.Random) -> None:
    records = answer_all()
    records[3:6] = [alter(record, timing={"total": 0.001}) for record in records[3:6]]
    records[8] = alter(records[8], cached=True)
    records[20:30] = [alter(record, response_id="x-1", text="A", trace={"created": 7.0}) for record in records[20:30]]
    expected = judge(records)
    rng.shuffle(records)
    assert judge(records) == expected
