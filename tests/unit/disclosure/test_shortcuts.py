"""Answers and times that took a way around the model, and prompts that lost something on theirs."""

from dataclasses import replace

import pytest
from run_parts import make_request
from trust_parts import PROOF, alter, answer_all, make_function, make_server, messages_of, see

from pytest_lleval.core.records import Completion, Generation, Message, Record, Verdict
from pytest_lleval.disclosure.answers import find_fallback, find_frame
from pytest_lleval.disclosure.backends import judge_backends
from pytest_lleval.disclosure.prompts import judge_prompts
from pytest_lleval.disclosure.times import judge_times
from pytest_lleval.providers.canary import add_system, describe_answer, is_proof, make_probe

APOLOGY = "I'm sorry, I am not available at the moment."


def fall_back(records: list[Record], *, seconds: float) -> list[Record]:
    """The records with one and the same answer to every third question."""
    return [
        alter(record, text=APOLOGY, timing={"total": seconds}) if at % 3 == 0 else record
        for at, record in enumerate(records)
    ]


def test_an_apology_that_comes_much_sooner_than_answers_is_no_models() -> None:
    server = make_server()
    (found,) = find_fallback(server, see(fall_back(answer_all(), seconds=0.02)).rows)
    assert "20 of 60 prompts got the same answer of 44 characters, in 20 ms where others take" in found.message


def test_an_apology_that_takes_as_long_as_answers_may_be_the_models() -> None:
    assert not list(find_fallback(make_server(), see(fall_back(answer_all(), seconds=0.9)).rows))
    assert not list(find_fallback(make_server(), see(answer_all()).rows))
    assert not list(find_fallback(make_server(), see([]).rows))


def test_a_question_in_a_frame_is_an_echo() -> None:
    framed = [alter(record, text=f"You said: {record.request.messages[0].content}!") for record in answer_all()]
    (found,) = find_frame(make_server(), see(framed).rows)
    assert found.message.endswith("as long as their question, and 11 characters: an echo, not a model")
    assert not list(find_frame(make_server(), see(answer_all()).rows))
    assert not list(find_frame(make_server(), see(framed[:5]).rows))


def judge_provider(opened: int | None, sent: int | None = None) -> Verdict:
    records = [alter(record, trace={"opened": opened, "sent": sent}) for record in answer_all()]
    return judge_backends(see(records, (make_server(probes=[{**PROOF, "opened": None}]),)))


def test_a_provider_that_was_seen_to_open_no_connection_has_proven_nothing() -> None:
    verdict = judge_provider(opened=0)
    assert (verdict.state, verdict.message) == (
        "unverified",
        "openai/m: its provider was seen to open no connection and to start no process",
    )
    assert judge_provider(opened=1).state == "clean"
    assert judge_provider(opened=0, sent=300).state == "clean"


def test_a_function_that_claims_a_model_and_cannot_repeat_a_number_has_none() -> None:
    blind = [{**PROOF, "repeated": False, "text": text} for text in ("B", "D")]
    function = replace(make_function(probes=blind), served_model="gpt-9")
    records = answer_all(model=function.spec)
    said = messages_of(judge_backends(see(records, (function,))), "critical")
    assert "it claims that 'gpt-9' answered" in said
    assert "asked 2 times before the run to repeat a number, it answered 'B' and 'D'" in said


def judge_first(seconds: float, processes: int = 0) -> Verdict:
    function = make_function(probes=[{**PROOF, "seconds": seconds, "processes": processes}])
    records = [alter(record, timing={"connect": None}) for record in answer_all(model=function.spec)]
    return judge_times(see(records, (function,)))


@pytest.mark.parametrize(("seconds", "processes"), [(30.0, 0), (0.4, 2)])
def test_what_a_function_begins_with_in_its_first_call_is_left_out(seconds: float, processes: int) -> None:
    assert "what it began with is in no call's time" in messages_of(judge_first(seconds, processes), "warning")


def test_a_first_call_like_the_others_is_clean() -> None:
    assert judge_first(0.9).state == "clean"


def test_a_server_that_loads_its_model_when_it_is_first_asked_is_noted() -> None:
    verdict = judge_times(see(answer_all(), (make_server(probes=[{**PROOF, "seconds": 60.0}]),)))
    assert verdict.state == "clean"
    assert "its first call, before the run, took 60.00 s" in messages_of(verdict, "note")


def test_calls_that_took_no_time_stopped_the_clock() -> None:
    records = [alter(record, timing={"total": 0.0, "first_byte": 0.0, "connect": None}) for record in answer_all()]
    assert "60 of 60 answers took no time" in messages_of(judge_times(see(records)), "warning")


def probe_conversation(counted: int, plain: int = 20) -> list[dict[str, object]]:
    probe = make_probe("chat", Generation())
    answer = Completion(text="4711", model="m")
    full, alone = (describe_answer(asked, answer) for asked in (add_system(probe), probe))
    return [{**alone, "input_tokens": plain}, {**full, "input_tokens": counted}]


def judge_conversation(counted: int, plain: int = 20, *, system: str = "Be kind.") -> Verdict:
    records = [say_first(record, system) if system else record for record in answer_all()]
    return judge_prompts(see(records, (make_server(probes=probe_conversation(counted, plain)),)))


def say_first(record: Record, system: str) -> Record:
    assert record.request is not None
    turns = (Message(role="system", content=system), *record.request.messages)
    return replace(record, request=replace(record.request, messages=turns))


@pytest.mark.parametrize(("counted", "plain"), [(132, 15), (150, 20), (145, 45), (175, 60)])
def test_a_conversation_that_arrives_whole_is_clean_with_any_template(counted: int, plain: int) -> None:
    assert judge_conversation(counted, plain).state == "clean"


@pytest.mark.parametrize("counted", [25, 70, 85])
def test_a_system_prompt_or_a_turn_that_is_left_out_is_found(counted: int) -> None:
    assert "they are left out on the way to the model" in messages_of(judge_conversation(counted), "warning")


def test_what_is_left_out_of_a_conversation_is_noted_when_prompts_have_one_turn_alone() -> None:
    verdict = judge_conversation(25, system="")
    assert verdict.state == "clean"
    assert "they are left out" in messages_of(verdict, "note")


def test_something_that_is_added_to_a_conversation_is_found() -> None:
    assert "something on the way to the model adds to prompts" in messages_of(judge_conversation(230), "warning")


def test_the_same_prompt_must_be_counted_the_same() -> None:
    records = answer_all(10)
    again = [
        alter(replace(record, epoch=2), usage={"input_tokens": record.completion.usage.input_tokens + 1})
        for record in records
    ]
    assert "counted 10 prompts differently when they were asked again, by up to 1 tokens" in messages_of(
        judge_prompts(see([*records, *again]))
    )


def test_prompts_that_are_cut_by_characters_do_not_grow() -> None:
    records = [
        alter(record, usage={"input_tokens": min(record.completion.usage.input_tokens, 40 + at % 7)})
        for at, record in enumerate(answer_all())
    ]
    assert "they are cut off on the way to the model" in messages_of(judge_prompts(see(records)), "warning")


@pytest.mark.parametrize("text", ["Repeat this number: {0}", "You said: Repeat this number: {0}"])
def test_the_question_in_any_frame_is_no_proof_of_reading(text: str) -> None:
    probe = make_probe("chat", Generation())
    number = probe.messages[-1].content.split()[-1]
    assert not is_proof(describe_answer(probe, Completion(text=text.format(number), model="m")))
    assert is_proof(describe_answer(probe, Completion(text=f"It is {number}.", model="m")))


def test_a_conversation_does_not_give_the_number_away() -> None:
    probe = make_probe("chat", Generation())
    number = probe.messages[-1].content.split()[-1]
    before = " ".join(message.content for message in add_system(probe).messages[:-1])
    assert number not in before
    assert make_request("x").kind == probe.kind
