"""Counts without a server name how they were made."""

import asyncio
import sys
import threading
import time
import types

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from provider_cases import bare, chat, make_spec

from pytest_lleval.providers import counting
from pytest_lleval.providers.openai import OpenAIProvider


@pytest.fixture(autouse=True)
def _forget_encodings():
    counting._ENCODINGS.clear()
    yield
    counting._ENCODINGS.clear()


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("What is the capital of France?", 7),
        ("Repeat this number: 4270", 6),
        ("人工智能是计算机科学的一个分支", 10),
        ("def f(x): return x ** 2", 9),
        ("", 0),
    ],
)
def test_an_estimate_counts_words_marks_digits_and_signs(text, tokens):
    assert counting.estimate_text(text) == tokens


@settings(max_examples=50, deadline=None)
@given(st.text(), st.text())
def test_an_estimate_grows_with_the_text_and_never_exceeds_its_characters(text, system):
    count, name = counting.estimate_tokens(chat(text, system=system))
    assert name == counting.APPROXIMATION
    assert count == counting.estimate_text(text) + counting.estimate_text(system)
    assert count <= len(text) + len(system)
    assert counting.estimate_text(f"{text} {system}") >= max(map(counting.estimate_text, (text, system)))


def test_a_table_that_cannot_be_fetched_is_not_waited_for(monkeypatch):
    def hang(_):
        threading.Event().wait(30)

    monkeypatch.setitem(sys.modules, "tiktoken", types.SimpleNamespace(encoding_for_model=hang))
    monkeypatch.setattr(counting, "_LOAD_SECONDS", 0.05)
    started = time.perf_counter()
    _, name = asyncio.run(counting.count_request(chat("a b c"), "gpt-slow"))
    assert name == counting.APPROXIMATION
    assert time.perf_counter() - started < 5


def test_an_unknown_model_is_estimated_without_client_key_or_server():
    provider = OpenAIProvider(make_spec("openai/no-such-model-xyz"))
    assert asyncio.run(provider.count_tokens(bare("12345"))) == (3, counting.APPROXIMATION)
    assert provider._wire is None


def test_tiktoken_counts_where_it_knows_the_model(monkeypatch):
    # a stand-in with tiktoken's interface: the real one fetches its tables from the network
    class Encoding:
        name = "words"

        def encode(self, text, *, disallowed_special):
            assert disallowed_special == ()
            return text.split()

    def find(model):
        return {"gpt-known": Encoding()}[model]

    monkeypatch.setitem(sys.modules, "tiktoken", types.SimpleNamespace(encoding_for_model=find))
    count, name = asyncio.run(counting.count_request(chat("a b c", system="d e"), "gpt-known"))
    assert count == 5
    assert name == "tiktoken words, without the chat template"
    assert asyncio.run(counting.count_request(chat("abcd"), "other")) == (1, counting.APPROXIMATION)


@settings(max_examples=50, deadline=None)
@given(st.text())
def test_an_answer_is_estimated_like_a_request(text):
    assert asyncio.run(counting.count_text(text, "no-such-model-xyz")) == (
        counting.estimate_text(text),
        counting.APPROXIMATION,
    )
    assert counting.estimate_text(text) == counting.estimate_tokens(bare(text))[0]


@settings(max_examples=100, deadline=None)
@given(st.text())
def test_an_estimate_does_not_depend_on_the_direction_of_a_text(text):
    assert counting.estimate_text(text) == counting.estimate_text(text[::-1])


def test_tiktoken_counts_answers_where_it_knows_the_model(monkeypatch):
    class Encoding:
        name = "words"

        def encode(self, text, *, disallowed_special):
            assert disallowed_special == ()
            return text.split()

    monkeypatch.setitem(sys.modules, "tiktoken", types.SimpleNamespace(encoding_for_model=lambda _: Encoding()))
    assert asyncio.run(counting.count_text("a <|endoftext|> c", "gpt-known")) == (3, "tiktoken words")
