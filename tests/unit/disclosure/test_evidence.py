import json
import math
import random
import uuid
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from run_parts import make_completion, make_identity, make_record, make_request
from trust_parts import alter, answer_all, answer_one, see

from pytest_lleval.core.canonical import canonical_prompt, digest_prompt
from pytest_lleval.core.records import Disclosure, Exchange, Message, Timing, Trace, Usage
from pytest_lleval.disclosure.evidence import Evidence, build_evidence, list_omitted
from pytest_lleval.disclosure.factors import judge_run

anything = st.text(st.characters(codec=None), max_size=20)


def build(*records: Any) -> Evidence:
    return build_evidence(records, len(records))


def shape(response: str | None) -> str:
    return build(make_record("a", completion=make_completion(response_id=response))).name("kind", 0)


def test_no_records_make_empty_columns() -> None:
    rows = build()
    assert len(rows) == 0
    assert rows["total"].shape == rows["asked"].shape == (0,)
    assert rows.count("served") == {}
    assert len(rows.of_model("openai/m")) == 0


def test_what_brought_no_answer_is_counted_and_left_out() -> None:
    rows = build(make_record("a"), make_record("b", None), make_record("c", request=None))
    assert (len(rows), rows.unanswered) == (1, 2)


def test_columns_hold_what_the_records_say() -> None:
    request = make_request("What is it?")
    completion = make_completion(
        text="It is.",
        response_id="chatcmpl-1",
        stop_reason="length",
        usage=Usage(input_tokens=10, output_tokens=2),
        timing=Timing(queued=0.1, connect=0.2, first_byte=0.3, total=0.5),
        trace=Trace(prompt=digest_prompt(canonical_prompt(request)), opened=1, sent=30, claimed=0.25, counted_input=9),
    )
    rows = build(make_record("a", request=request, completion=completion, started=7.0, worker="gw1"))
    seen = {name: rows[name][0] for name in ("queued", "connect", "first_byte", "total", "claimed", "counted_input")}
    assert seen == {
        "queued": 0.1,
        "connect": 0.2,
        "first_byte": 0.3,
        "total": 0.5,
        "claimed": 0.25,
        "counted_input": 9,
    }
    assert [rows[name][0] for name in ("characters", "words", "said_words", "cut", "cached")] == [11, 3, 2, 1, 0]
    assert rows["left"][0] == rows["asked"][0] != 0
    assert math.isnan(rows["cached_tokens"][0])
    names = [rows.name(column, 0) for column in ("suite", "model", "worker", "served", "fingerprint", "kind")]
    assert rows.name_sample(0) == "s::a"
    assert names == ["s", "openai/m", "gw1", "m-2026", "fp1", "chatcmpl-"]


def test_the_last_answer_of_an_epoch_counts() -> None:
    rows = build(
        make_record("a", completion=make_completion(model="old")),
        make_record("b"),
        make_record("a", epoch=2),
        make_record("a", completion=make_completion(model="new")),
    )
    assert len(rows) == 3
    assert rows.count("served") == {"m-2026": 2, "new": 1}


@given(order=st.permutations(range(6)))
@settings(max_examples=20, deadline=None)
def test_counts_do_not_depend_on_the_order(order: list[int]) -> None:
    records = [make_record(str(number), completion=make_completion(model="ab"[number % 2])) for number in range(6)]
    assert list(build(*(records[at] for at in order)).count("served").items()) == [("a", 3), ("b", 3)]


def test_rows_of_a_model_are_its_own_and_fresh_ones_were_asked_in_this_run() -> None:
    cached = make_record("b", completion=make_completion(cached=True))
    rows = build(make_record("a"), cached, make_record("a", model="openai/n"))
    assert len(rows.of_model("openai/m")) == 1
    assert len(rows.of_model("openai/m", fresh=False)) == 2
    assert len(rows.of_model("openai/unknown")) == 0


def test_models_any_of_whose_prompts_is_a_conversation_are_known() -> None:
    plain = make_request("Why?")
    kind = replace(plain, messages=(Message(role="system", content="Be kind."), *plain.messages))
    rows = build(
        *(make_record("a", model="plain", request=request) for request in (plain, plain)),
        *(make_record("a", model="kind", request=request) for request in (plain, kind)),
    )
    assert rows.conversing == rows.of_model("plain").conversing == {"kind"}


@given(texts=st.lists(anything, min_size=2, max_size=8, unique=True))
@settings(max_examples=60, deadline=None)
def test_different_texts_have_different_codes_whatever_they_hold(texts: list[str]) -> None:
    records = [make_record(str(at), completion=make_completion(text=text)) for at, text in enumerate(texts)]
    assert len(np.unique(build(*records)["text"])) == len(texts)


@given(text=anything, other=anything)
@settings(max_examples=60, deadline=None)
def test_prompts_have_the_same_code_when_they_are_the_same(text: str, other: str) -> None:
    rows = build(*(make_record(str(at), request=make_request(said)) for at, said in enumerate([text, other, text])))
    assert rows["asked"][0] == rows["asked"][2]
    assert (rows["asked"][0] == rows["asked"][1]) == (text == other)


@pytest.mark.parametrize("value", ["12", "", [], math.nan, None])
def test_what_is_no_number_is_unknown(value: object) -> None:
    rows = build(make_record("a", completion=make_completion(usage=Usage(input_tokens=value))))
    assert math.isnan(rows["input_tokens"][0])


@pytest.mark.parametrize("value", [10**400, math.inf, 1e308])
def test_sums_of_absurd_numbers_stay_finite(value: float) -> None:
    rows = build(*(make_record(str(at), completion=make_completion(usage=Usage(input_tokens=value))) for at in "abc"))
    assert 1e14 < rows["input_tokens"].sum() < math.inf


@given(
    values=st.lists(
        st.one_of(st.integers(), st.floats(), st.text(max_size=3), st.booleans(), st.none()), min_size=8, max_size=8
    ),
    text=anything,
)
@settings(max_examples=100, deadline=None)
def test_nothing_a_provider_says_breaks_the_judgement(values: list[Any], text: str) -> None:
    one, two, three, connect, first, created, tokens, seconds = values
    records = [
        alter(
            record,
            usage={"input_tokens": one, "output_tokens": two, "cached_tokens": three},
            timing={"connect": connect, "first_byte": first},
            trace={"created": created, "computed_tokens": tokens, "computed_seconds": seconds},
            response_id=text,
            fingerprint=text,
            text=text,
        )
        for record in answer_all(12)
    ]
    judge_run(see(records))


@pytest.mark.parametrize(
    ("response", "kind"),
    [
        ("chatcmpl-9aZ", "chatcmpl-"),
        ("msg_01Xy", "msg-"),
        ("gen-1750-x", "gen-"),
        ("930c60df-bf64-41c9-a88e-3ec75f81e00e", "another form"),
        ("abcdefab-bf64-41c9-a88e-3ec75f81e00e", "another form"),
        ("abcdefab-tail", "abcdefab-"),
        ("mAi-taLmkHPPlz7I", "another form"),
        ("a-1", "another form"),
        ("7", "another form"),
        ("", "none"),
        (None, "none"),
    ],
)
def test_response_ids_have_a_form(response: str | None, kind: str) -> None:
    assert shape(response) == kind


@given(start=st.from_regex(r"[a-f]{8}", fullmatch=True), rest=st.uuids())
def test_a_uuid_that_begins_with_letters_is_no_word(start: str, rest: uuid.UUID) -> None:
    assert shape(start + str(rest)[8:]) == "another form"


@given(st.randoms(use_true_random=False))
@settings(max_examples=10, deadline=None)
def test_examples_of_altered_prompts_are_the_first_by_name_whatever_the_order(rng: random.Random) -> None:
    records = [
        alter(answer_one(at), trace={"altered": {"prompt": {"prompt": str(at)}, "sampling": {"top_p": at}}})
        for at in range(9)
    ]
    rng.shuffle(records)
    rows = build(*records)
    assert [found.case for found in rows.altered] == [f"s::q{at}[m]" for at in range(5)]
    assert [found.sent for found in rows.altered] == [{"prompt": str(at)} for at in range(5)]
    assert rows.parameters == {"openai/m": {"top_p": 0}}


def test_examples_are_kept_of_each_model() -> None:
    altered = {"altered": {"prompt": {"prompt": ""}}}
    rows = build(*(alter(answer_one(at, model), trace=altered) for at in range(9) for model in ("a", "b")))
    assert sorted(found.model for found in rows.altered) == ["a"] * 5 + ["b"] * 5


def test_of_a_large_run_a_part_is_estimated_and_the_same_one_each_time() -> None:
    records = [make_record(str(at)) for at in range(4000)]
    rows, again = build_evidence(records, 4000), build_evidence(records[::-1], 4000)
    estimated = np.isfinite(rows["estimate"])
    assert 100 < estimated.sum() < 1000
    assert estimated.sum() == np.isfinite(again["estimate"]).sum() == np.isfinite(rows["bytes"]).sum()
    assert np.isfinite(rows["characters"]).all()


def test_a_small_run_is_estimated_in_full() -> None:
    assert np.isfinite(build(*(make_record(str(at)) for at in range(200)))["estimate"]).all()


def test_parameters_that_are_left_out_on_purpose_are_those_a_table_names() -> None:
    note = Disclosure(factor="E", severity="note", message="left out", evidence={"omit": ["seed", "top_p"]})
    identity = make_identity(disclosures=(note, replace(note, evidence={"omit": 3}), replace(note, evidence={})))
    assert list_omitted(identity) == {"seed", "top_p"}
    assert list_omitted(make_identity()) == frozenset()


def test_the_columns_of_a_record_are_small() -> None:
    rows = build(*(make_record(str(at)) for at in range(100)))
    size = sum(column.nbytes for column in (*rows.floats.values(), *rows.codes.values())) / 100
    assert size < 500
    assert json.dumps(rows.count("model")) == '{"openai/m": 100}'


def test_each_call_of_a_case_is_a_row_of_its_own() -> None:
    calls = [Exchange(request=make_request(text), completion=make_completion(), started=1.0) for text in ("one", "two")]
    rows = build(make_record("a", request=make_request("three"), earlier=tuple(calls)), make_record("b"))
    assert [rows.name_sample(row).partition("::")[2] for row in range(len(rows))] == [
        "a (call 1)",
        "a (call 2)",
        "a",
        "b",
    ]
    assert len(set(rows["asked"][:3])) == 3
    assert list(rows["started"][:2]) == [1.0, 1.0]
