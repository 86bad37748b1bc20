import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from run_parts import MOCK, make_record, make_request
from trust_parts import SERVER, alter, answer_all, answer_one, make_function, make_server, messages_of, see

from pytest_lleval.core.canonical import canonical_prompt, digest_prompt
from pytest_lleval.core.records import BackendIdentity, Disclosure, Message, Record, Request, Verdict
from pytest_lleval.disclosure.evidence import RunEvidence
from pytest_lleval.disclosure.prompts import judge_prompts

OTHER = make_server("openai/n")


def judge(records: Sequence[Record], *identities: BackendIdentity, baseline: RunEvidence | None = None) -> Verdict:
    return judge_prompts(see(records, identities or (SERVER,), look_up=make_look_up(records)), baseline)


def make_look_up(records: Sequence[Record]) -> Any:
    known = {
        (record.model, f"{record.suite}::{record.sample}", record.epoch): canonical_prompt(record.request)
        for record in records
    }
    return lambda *key: known.get(key)


def ask_otherwise(record: Record, text: str) -> Record:
    """The same sample, asked by another prompt that left as it was."""
    request = make_request(text)
    return alter(replace(record, request=request), trace={"prompt": digest_prompt(canonical_prompt(request))})


def add_system(record: Record) -> Record:
    """The same request, with a system prompt that was added in this process."""
    sent = {**canonical_prompt(record.request), "system": "Answer as a pirate."}
    return alter(record, trace={"prompt": digest_prompt(sent), "altered": {"prompt": sent}})


def test_requests_that_carried_the_suites_prompts_are_clean() -> None:
    verdict = judge(answer_all())
    assert (verdict.state, verdict.message) == (
        "clean",
        "all 60 requests carried the prompts the suite made (60 different)",
    )
    assert verdict.disclosures == ()
    assert verdict.evidence == {"requests_seen": 60, "prompts": 60, "unseen": []}


def test_a_prompt_that_was_changed_in_this_process_is_critical_with_its_differences() -> None:
    records = answer_all(8)
    verdict = judge([*records[:6], add_system(records[6]), add_system(records[7])])
    assert messages_of(verdict, "critical") == (
        "openai/m: 2 of 8 prompts left the process otherwise than the suite made them: system prompt (one was added) "
        "(first: s::q6[m])"
    )
    first = verdict.disclosures[0].evidence["first"]
    assert (first["case"], first["cause"]) == ("s::q6[m]", "system prompt (one was added)")
    assert "+system: Answer as a pirate." in first["diff"]


def test_all_causes_are_named() -> None:
    records = answer_all(8)
    cut = {"system": "", "turns": [["user", records[7].request.messages[0].content[:20]]]}
    records[7] = alter(records[7], trace={"altered": {"prompt": cut}})
    message = messages_of(judge([add_system(records[0]), *records[1:]]))
    assert "system prompt (one was added); truncation (20 of " in message


def test_sampling_parameters_that_were_sent_otherwise_are_a_warning() -> None:
    warmer = {"altered": {"sampling": {"temperature": 1.0, "stop": None}}}
    verdict = judge([alter(record, trace=warmer) for record in answer_all(3)])
    assert messages_of(verdict, "warning") == (
        "openai/m: sampling parameters were sent otherwise than the run asked for: stop None, temperature 1.0"
    )


def test_parameters_the_user_leaves_out_are_no_finding() -> None:
    note = Disclosure(factor="E", severity="note", message="left out", evidence={"omit": ["temperature"]})
    colder = {"altered": {"sampling": {"temperature": None}}}
    records = [alter(record, trace=colder) for record in answer_all(3)]
    assert judge(records, replace(SERVER, disclosures=(note,))).state == "clean"


@pytest.mark.parametrize(
    ("records", "identity", "reason"),
    [
        ([], SERVER, "openai/m (no request of this run was answered by it)"),
        (
            [alter(answer_one(0), cached=True)],
            SERVER,
            "openai/m (no request of this run was answered by it)",
        ),
        ([alter(answer_one(0), trace={"prompt": None})], SERVER, "openai/m (its client does not show them)"),
        (
            [answer_one(1), alter(answer_one(0), trace={"prompt": None})],
            SERVER,
            "openai/m (its client does not show them)",
        ),
        (
            [make_record("a", model="callable/bot:answer")],
            make_function(),
            "callable/bot:answer (they leave inside a function)",
        ),
        ([make_record("a", model=MOCK.spec)], MOCK, "mock/fixed:A (they leave inside a function)"),
    ],
)
def test_prompts_nobody_saw_are_unverified(records: list[Record], identity: BackendIdentity, reason: str) -> None:
    verdict = judge(records, identity)
    assert (verdict.state, verdict.message) == ("unverified", f"nobody saw the prompts of {reason}")


def test_a_sample_that_was_asked_otherwise_in_another_epoch_is_found() -> None:
    records = answer_all(5)
    again = [replace(record, epoch=2) for record in records]
    assert judge([*records, *again]).state == "clean"
    verdict = judge([*records, *again[:-1], ask_otherwise(again[-1], "Something else?")])
    assert messages_of(verdict) == (
        "openai/m: 1 samples were asked with another prompt in another epoch (first: s::q4)"
    )


def test_models_that_were_asked_different_prompts_are_found_with_the_difference() -> None:
    one, two = answer_all(5), answer_all(5, "openai/n")
    assert judge([*one, *two], SERVER, OTHER).state == "clean"
    shorter = ask_otherwise(two[3], two[3].request.messages[0].content[:30])
    verdict = judge([*one, *two[:3], shorter, two[4]], SERVER, OTHER)
    message = messages_of(verdict)
    assert message.startswith(
        "openai/m and openai/n were asked different prompts for 1 of the same samples: truncation (30 of "
    )
    assert message.endswith("(first: s::q3)")


def test_a_difference_of_prompts_that_cannot_be_looked_up_is_still_found() -> None:
    one, two = answer_all(2), [ask_otherwise(record, "x") for record in answer_all(2, "openai/n")]
    verdict = judge_prompts(see([*one, *two], (SERVER, OTHER)))
    assert messages_of(verdict).endswith("different prompts for 2 of the same samples (first: s::q0)")


@pytest.mark.parametrize("protocol", ["system first", "system last"])
def test_protocols_that_place_the_system_prompt_differently_carry_the_same_prompt(protocol: str) -> None:
    turns = [Message(role="system", content="Be kind."), Message(role="user", content="Why?")]
    request = Request(messages=tuple(turns if protocol == "system first" else turns[::-1]))
    reference = Request(messages=tuple(turns))
    records = [
        alter(replace(answer_one(0, spec), request=asked), trace={"prompt": digest_prompt(canonical_prompt(asked))})
        for spec, asked in (("openai/m", reference), ("openai/n", request))
    ]
    assert judge(records, SERVER, OTHER).state == "clean"


def test_prompts_that_are_others_than_in_the_baseline_are_found() -> None:
    records = answer_all(6)
    before = see(records, look_up=make_look_up(records))
    assert judge(records, baseline=before).state == "clean"
    changed = [*records[:5], ask_otherwise(records[5], records[5].request.messages[0].content + " Think first.")]
    message = messages_of(judge(changed, baseline=before))
    assert message == (
        "openai/m: 1 of 6 prompts are others than in the baseline: addition (13 characters) (first: s::q5)"
    )


def test_a_baseline_of_another_model_is_compared_by_prompts_alone() -> None:
    other = [alter(record, usage={"input_tokens": 999}) for record in answer_all(6, "openai/n")]
    before = see(other, (OTHER,), look_up=make_look_up(other))
    assert judge(answer_all(6), baseline=before).state == "clean"
    changed = [ask_otherwise(record, "x") for record in answer_all(6)]
    assert "6 of 6 prompts are others than in the baseline" in messages_of(judge(changed, baseline=before))


def test_a_baseline_of_other_samples_compares_nothing() -> None:
    before = see([answer_one(number) for number in range(100, 110)])
    assert judge(answer_all(6), baseline=before).state == "clean"


def test_a_server_that_counts_the_same_prompts_otherwise_than_in_the_baseline_has_changed() -> None:
    records = answer_all(30)
    before = see(
        [alter(record, usage={"input_tokens": record.completion.usage.input_tokens - 7}) for record in records]
    )
    verdict = judge(records, baseline=before)
    assert "other numbers of tokens in 30 of the same prompts than in the baseline (+7 in the middle)" in messages_of(
        verdict
    )


def test_counts_that_were_not_reported_are_compared_with_none() -> None:
    records = answer_all(30)
    before = see([alter(record, usage={"input_tokens": None}) for record in records])
    assert judge(records, baseline=before).state == "clean"


def test_models_are_judged_together() -> None:
    records = [*answer_all(5), *(add_system(record) for record in answer_all(5, "openai/n"))]
    verdict = judge(records, SERVER, OTHER)
    assert verdict.state == "flagged"
    assert verdict.message.startswith("openai/n: 5 of 5 prompts left the process otherwise")


@given(st.randoms(use_true_random=False))
@settings(max_examples=15, deadline=None)
def test_the_order_of_records_changes_nothing(rng: random.Random) -> None:
    one, two = answer_all(9), answer_all(9, "openai/n")
    warmer = {"altered": {"sampling": {"temperature": 0.5}}}
    records = [*map(add_system, one[:7]), *one[7:], ask_otherwise(two[0], "?"), alter(two[1], trace=warmer), *two[2:]]
    expected = judge(records, SERVER, OTHER)
    rng.shuffle(records)
    assert judge(records, SERVER, OTHER) == expected
