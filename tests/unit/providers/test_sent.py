import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from provider_cases import bare, chat, make_spec

from pytest_lleval.core.canonical import canonical_prompt, digest_prompt
from pytest_lleval.core.records import Generation, Message, Request, Timing, Trace
from pytest_lleval.providers.anthropic import AnthropicProvider
from pytest_lleval.providers.openai import OpenAIProvider
from pytest_lleval.providers.sent import trace_reply
from pytest_lleval.providers.wire import Reply, encode_body

#: what UTF-8 carries; a lone surrogate is refused before anything is sent
carried = st.text(max_size=20)
MESSAGES = st.lists(
    st.builds(Message, role=st.sampled_from(["system", "user", "assistant"]), content=carried), min_size=1, max_size=5
).map(tuple)
GENERATIONS = st.builds(
    Generation,
    temperature=st.one_of(st.none(), st.floats(0, 2)),
    top_p=st.one_of(st.none(), st.floats(0.1, 1)),
    max_tokens=st.one_of(st.none(), st.integers(1, 99)),
    stop=st.lists(carried, max_size=2).map(tuple),
    seed=st.one_of(st.none(), st.integers(0, 2**31 - 1)),
    top_logprobs=st.integers(0, 5),
)
REQUESTS = st.one_of(
    st.builds(Request, messages=MESSAGES, generation=GENERATIONS),
    st.builds(Request, prompt=carried, generation=GENERATIONS),
)
OPENAI = OpenAIProvider(make_spec("openai/m@http://127.0.0.1:1/v1"), api_key="k")
ANTHROPIC = AnthropicProvider(make_spec("anthropic/m", client="official"), api_key="k")


def build_openai(request: Request, limit: str = "max_tokens") -> dict[str, Any]:
    return OPENAI._build_completion(request) if request.kind == "completion" else OPENAI._build_chat(request, limit)


def build_anthropic(request: Request) -> dict[str, Any]:
    body = ANTHROPIC._build_message(request)
    further = body.pop("extra_body")
    return {**body, **further}


def trace(request: Request, body: Mapping[str, Any] | bytes | None, answer: Mapping[str, Any] | None = None) -> Trace:
    sent = encode_body(body) if isinstance(body, dict) else body
    reply = Reply(status=200, content=b"{}", headers={}, timing=Timing(), sent=sent, opened=1)
    return trace_reply(request, reply, answer or {})


@given(request=REQUESTS, limit=st.sampled_from(["max_tokens", "max_completion_tokens"]))
@settings(max_examples=150, deadline=None)
def test_what_openai_is_sent_is_what_was_asked_for(request: Request, limit: str) -> None:
    seen = trace(request, build_openai(request, limit))
    assert seen.prompt == digest_prompt(canonical_prompt(request))
    assert seen.altered == {}
    assert (seen.opened, seen.received) == (1, 2)


@given(messages=MESSAGES, generation=GENERATIONS)
@settings(max_examples=150, deadline=None)
def test_what_anthropic_is_sent_is_what_was_asked_for(messages: tuple[Message, ...], generation: Generation) -> None:
    request = Request(messages=messages, generation=Generation(**{**_fields(generation), "top_logprobs": 0}))
    seen = trace(request, build_anthropic(request))
    assert seen.prompt == digest_prompt(canonical_prompt(request))
    assert seen.altered == {}


def _fields(generation: Generation) -> dict[str, Any]:
    return {name: getattr(generation, name) for name in Generation.__slots__}


@given(messages=MESSAGES)
@settings(max_examples=100, deadline=None)
def test_both_protocols_carry_the_same_prompt(messages: tuple[Message, ...]) -> None:
    request = Request(messages=messages)
    assert trace(request, build_openai(request)).prompt == trace(request, build_anthropic(request)).prompt


@given(wanted=MESSAGES, sent=MESSAGES)
@settings(max_examples=100, deadline=None)
def test_a_prompt_is_altered_when_it_is_another_one_and_else_never(
    wanted: tuple[Message, ...], sent: tuple[Message, ...]
) -> None:
    one, two = Request(messages=wanted), Request(messages=sent)
    altered = trace(one, build_openai(two)).altered
    same = canonical_prompt(one) == canonical_prompt(two)
    assert altered == ({} if same else {"prompt": canonical_prompt(two)})


@pytest.mark.parametrize(
    ("changes", "altered"),
    [
        ({}, {}),
        ({"stream": True, "model": "other", "seed": 9}, {}),
        ({"max_tokens": 64}, {}),
        ({"temperature": 1.0}, {"temperature": 1.0}),
        ({"temperature": 0}, {}),
        ({"top_p": 0.5, "stop": ["x"]}, {"top_p": 0.5, "stop": ["x"]}),
        ({"stop_sequences": ["x"]}, {"stop": ["x"]}),
        ({"presence_penalty": 1}, {"presence_penalty": 1}),
        ({"logprobs": True, "top_logprobs": 3}, {"top_logprobs": 3}),
        ({"logprobs": True}, {}),
    ],
)
def test_sampling_parameters_that_were_added_are_seen(changes: dict[str, Any], altered: dict[str, Any]) -> None:
    request = chat("Which?")
    seen = trace(request, {**build_openai(request), **changes}).altered
    assert seen == ({"sampling": altered} if altered else {})


def test_parameters_that_were_left_out_or_changed_are_seen() -> None:
    request = chat("Which?", max_tokens=9, top_logprobs=2, stop=("x",))
    body = build_openai(request)
    assert trace(request, {**body, "max_tokens": 5}).altered == {"sampling": {"max_tokens": 5}}
    for name, sampling in (("temperature", "temperature"), ("max_tokens", "max_tokens"), ("stop", "stop")):
        less = {key: value for key, value in body.items() if key != name}
        assert trace(request, less).altered == {"sampling": {sampling: None}}
    less = {key: value for key, value in body.items() if "logprobs" not in key}
    assert trace(request, less).altered == {"sampling": {"top_logprobs": None}}


def test_a_bare_prompt_that_was_made_a_chat_is_seen() -> None:
    assert trace(bare("Which?"), build_openai(chat("Which?"))).altered["prompt"] == canonical_prompt(chat("Which?"))


def test_tools_are_part_of_the_prompt() -> None:
    request = chat("Which?")
    seen = trace(request, {**build_openai(request), "tools": [{"name": "search"}]})
    assert seen.altered == {"prompt": {**canonical_prompt(request), "tools": [{"name": "search"}]}}
    assert trace(request, {**build_openai(request), "tools": []}).altered == {}


def test_messages_in_blocks_are_read_as_their_text() -> None:
    request = chat("Which one?", system="Be kind.")
    body = {
        **build_anthropic(request),
        "system": [{"type": "text", "text": "Be kind.", "cache_control": {"type": "ephemeral"}}],
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "Which "}, {"type": "text", "text": "one?"}]}
        ],
    }
    assert trace(request, body).altered == {}


@pytest.mark.parametrize("content", [None, "", []])
def test_a_message_without_a_text_is_an_empty_one(content: object) -> None:
    body = {**build_openai(chat("")), "messages": [{"role": "user", "content": content}]}
    assert trace(chat(""), body).altered == {}


def test_a_client_that_does_not_show_its_body_shows_no_prompt() -> None:
    seen = trace(chat("Which?"), None)
    assert (seen.prompt, seen.sent, seen.altered) == (None, None, {})


@pytest.mark.parametrize(
    ("answer", "created", "tokens", "seconds"),
    [
        ({}, None, None, None),
        ({"created": 1750000000}, 1750000000.0, None, None),
        ({"created": 1750000000123}, 1750000000.123, None, None),
        ({"created": "now", "timings": [], "usage": []}, None, None, None),
        (
            {"timings": {"prompt_n": 7, "prompt_ms": 100.0, "predicted_n": 3, "predicted_ms": 50.5}},
            None,
            10,
            0.1505,
        ),
        ({"timings": {"prompt_n": 7, "predicted_ms": 50}}, None, None, None),
        ({"usage": {"total_time": 0.25}}, None, None, 0.25),
        ({"usage": {"total_time": True}, "created": False}, None, None, None),
    ],
)
def test_counters_and_dates_are_those_the_server_gives(
    answer: dict[str, Any], created: float | None, tokens: int | None, seconds: float | None
) -> None:
    seen = trace(chat("Which?"), None, answer)
    assert (seen.created, seen.computed_tokens, seen.computed_seconds) == (created, tokens, seconds)


@pytest.mark.parametrize("number", ["1e999", "-1e999", "NaN", "1" * 400])
def test_numbers_that_no_float_holds_are_none_at_all(number: str) -> None:
    timings = f'{{"prompt_n": {number}, "predicted_n": 1, "prompt_ms": {number}, "predicted_ms": 1}}'
    seen = trace(chat("Which?"), None, json.loads(f'{{"created": {number}, "timings": {timings}}}'))
    assert (seen.created, seen.computed_tokens, seen.computed_seconds) == (None, None, None)
