import random
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from run_parts import MOCK, make_record, make_request
from trust_parts import SERVER, alter, answer_all, make_server, messages_of, see

from pytest_lleval.core.matrix import MATRIX
from pytest_lleval.core.records import BackendIdentity, Record, Usage, Verdict
from pytest_lleval.disclosure.tokens import judge_tokens
from pytest_lleval.providers.counting import APPROXIMATION, estimate_text

TIKTOKEN = make_server(tokenizer="tiktoken o200k_base")
CHINESE = "一些关于河流的问题模型阅读问题并回答其他事情"


def judge(records: Sequence[Record], identity: BackendIdentity = SERVER) -> Verdict:
    return judge_tokens(see(records, (identity,)))


def report(records: Sequence[Record], **counts: Callable[[str, int], float | None]) -> list[Record]:
    """The records with other numbers of tokens, by the text and the number that was reported."""
    found = []
    for record in records:
        asked, completion = record.request.messages[0].content, record.completion
        known = {"input_tokens": asked, "output_tokens": completion.text}
        usage = {name: change(known[name], getattr(completion.usage, name)) for name, change in counts.items()}
        found.append(alter(record, usage=usage))
    return found


def count_own(records: Sequence[Record], off: int = 0) -> list[Record]:
    return [
        alter(
            record,
            trace={
                "counted_input": record.completion.usage.input_tokens - off,
                "counted_output": record.completion.usage.output_tokens,
            },
        )
        for record in records
    ]


def speak(make: Callable[[random.Random], str]) -> list[Record]:
    """A run in another script, with honest numbers."""
    records = []
    for at, record in enumerate(answer_all()):
        asked, said = make(random.Random(at)), make(random.Random(-at - 1))
        usage = Usage(input_tokens=estimate_text(asked) + 12, output_tokens=estimate_text(said))
        request = make_request(asked)
        records.append(replace(record, request=request, completion=replace(record.completion, text=said, usage=usage)))
    return records


def write_chinese(rng: random.Random) -> str:
    return "".join(rng.choices(CHINESE, k=rng.randint(10, 300)))


def test_numbers_that_are_tokens_are_clean() -> None:
    verdict = judge(answer_all())
    assert (verdict.state, verdict.disclosures) == ("clean", ())
    assert verdict.message.startswith("openai/m: reported tokens are what text of this size has (prompts 1.")
    assert verdict.evidence["openai/m"]["tokenizer"] == APPROXIMATION
    assert verdict.evidence["openai/m"]["prompt"]["reported"] == 60


def test_own_counts_that_agree_are_the_better_proof() -> None:
    verdict = judge(count_own(answer_all()), TIKTOKEN)
    assert verdict.message == "openai/m: reported tokens agree with 60 own counts by the tiktoken o200k_base"


@pytest.mark.parametrize(
    ("unit", "measure"),
    [
        ("characters", len),
        ("bytes", lambda text: len(text.encode())),
        ("words", lambda text: len(text.split())),
    ],
)
@pytest.mark.parametrize("side", ["input_tokens", "output_tokens"])
@pytest.mark.parametrize("more", [0, 7])
def test_another_unit_in_place_of_tokens_is_critical(
    unit: str, measure: Callable[[str], int], side: str, more: int
) -> None:
    # words of English have about as many tokens; those of this text have more
    records = speak(
        lambda rng: " ".join(rng.choices(("Überschallflugzeug", "Straßenbahnhaltestelle"), k=rng.randint(5, 60)))
    )
    message = messages_of(judge(report(records, **{side: lambda text, _: measure(text) + more})), "critical")
    name = "prompts" if side == "input_tokens" else "answers"
    assert f"the tokens it reports of {name} are its {unit}:" in message


@pytest.mark.parametrize("make", [write_chinese, lambda rng: write_chinese(rng) + " and some English words"])
def test_honest_numbers_of_another_script_are_clean(make: Callable[[random.Random], str]) -> None:
    assert judge(speak(make)).state == "clean"


def test_characters_of_another_script_are_found() -> None:
    records = speak(write_chinese)
    assert "are its characters" in messages_of(judge(report(records, input_tokens=lambda text, _: len(text))))


@pytest.mark.parametrize("number", [0, -5])
def test_numbers_that_no_text_has_are_found(number: int) -> None:
    said = messages_of(judge(report(answer_all(), input_tokens=lambda *_: number)))
    assert ("are 0 for every text" if number == 0 else "are negative") in said


def test_empty_answers_have_no_tokens() -> None:
    records = [alter(record, text="", usage={"output_tokens": 0}) for record in answer_all()]
    assert judge(records).state == "clean"


def test_one_number_for_texts_of_every_size_is_found() -> None:
    assert "of prompts are 77 for texts of every size" in messages_of(
        judge(report(answer_all(), input_tokens=lambda *_: 77))
    )


def test_answers_that_were_all_cut_at_one_limit_have_one_number() -> None:
    texts = "a word and another word and so on"
    records = [
        alter(record, stop_reason="length", text=texts + " x" * (at % 2), usage={"output_tokens": 8})
        for at, record in enumerate(answer_all())
    ]
    assert judge(records).state == "clean"


def test_texts_of_one_size_have_one_number() -> None:
    records = [alter(record, text="B", usage={"output_tokens": 1}) for record in answer_all()]
    assert judge(records).state == "clean"


@pytest.mark.parametrize("factor", [0.1, 6.13])
def test_numbers_far_from_what_text_of_this_size_has_are_found(factor: float) -> None:
    message = messages_of(
        judge(report(answer_all(), input_tokens=lambda text, tokens: int(tokens * factor) + len(text) % 2)), "warning"
    )
    assert "times what text of this size has" in message


def test_answers_with_many_more_tokens_may_hold_thoughts_and_that_is_a_note() -> None:
    verdict = judge(report(answer_all(), output_tokens=lambda text, tokens: tokens * 9 + len(text) % 7))
    assert verdict.state == "clean"
    assert "thoughts that are not shown, or another unit" in messages_of(verdict, "note")


def test_round_numbers_are_found_unless_prompts_were_made_to_have_them() -> None:
    rounded = report(answer_all(), input_tokens=lambda _, tokens: 16 * round(tokens / 16))
    verdict = judge(rounded)
    assert verdict.state == "flagged"
    assert "come in steps of 16" in verdict.message
    fitted = [replace(record, suite=MATRIX) for record in rounded]
    assert judge(fitted).state == "clean"
    # suites beside it are judged as ever
    assert judge([*fitted, *rounded]).state == "flagged"


def test_numbers_that_disagree_with_a_tokenizer_are_found() -> None:
    message = messages_of(judge(count_own(answer_all(), off=30), TIKTOKEN), "warning")
    assert "of prompts disagree with the tiktoken o200k_base in 60 of 60" in message


@pytest.mark.parametrize("off", [1, 3])
def test_a_few_special_tokens_are_no_disagreement(off: int) -> None:
    assert judge(count_own(answer_all(), off=off), TIKTOKEN).state == "clean"


def test_more_tokens_from_the_prompt_cache_than_there_are_is_found() -> None:
    records = [alter(record, usage={"cached_tokens": 10**6}) for record in answer_all()]
    assert "more tokens from its prompt cache than prompts have" in messages_of(judge(records))
    some = [alter(record, usage={"cached_tokens": 4}) for record in answer_all()]
    assert judge(some).state == "clean"


@pytest.mark.parametrize(
    ("records", "identity", "message"),
    [
        ([], SERVER, "openai/m: no tokens of this run to count"),
        ([alter(record, cached=True) for record in answer_all(9)], SERVER, "openai/m: no tokens of this run to count"),
        ([make_record("a", model=MOCK.spec)], MOCK, "mock/fixed:A: no tokens of this run to count"),
        (
            report(answer_all(), output_tokens=lambda *_: None),
            SERVER,
            "openai/m reports no tokens of its answers",
        ),
        (
            report(answer_all(), input_tokens=lambda *_: None, output_tokens=lambda *_: None),
            SERVER,
            "openai/m reports no tokens of its prompts and answers",
        ),
    ],
)
def test_tokens_nobody_reported_are_unverified(records: list[Record], identity: BackendIdentity, message: str) -> None:
    verdict = judge(records, identity)
    assert (verdict.state, verdict.message) == ("unverified", message)
    assert messages_of(verdict) == ""


@pytest.mark.parametrize("count", [1, 2, 4])
def test_a_few_answers_can_be_judged(count: int) -> None:
    assert judge(answer_all(count)).state == "clean"


def test_each_model_is_judged_by_its_own_numbers() -> None:
    other = make_server("openai/n")
    wrong = report(answer_all(60, "openai/n"), input_tokens=lambda text, _: len(text))
    verdict = judge_tokens(see([*answer_all(), *wrong], (SERVER, other)))
    assert [found.message.split(":")[0] for found in verdict.disclosures] == ["openai/n"]


@given(st.randoms(use_true_random=False))
@settings(max_examples=10, deadline=None)
def test_the_order_of_records_changes_no_finding(rng: random.Random) -> None:
    records = report(count_own(answer_all(), off=30), output_tokens=lambda text, _: len(text))
    expected = judge(records, TIKTOKEN)
    rng.shuffle(records)
    assert judge(records, TIKTOKEN) == expected
