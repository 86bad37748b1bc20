"""Counts without a server name how they were made."""

import asyncio
import math
import sys
import types

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from provider_cases import bare, chat, make_spec

from pytest_lleval.providers import counting
from pytest_lleval.providers.openai import OpenAIProvider


@pytest.fixture(autouse=True)
def _forget_encodings():
    counting._find_encoding.cache_clear()
    yield
    counting._find_encoding.cache_clear()


@settings(max_examples=30, deadline=None)
@given(st.text(), st.text())
def test_estimate_is_a_quarter_of_the_characters_rounded_up(text, system):
    expected = math.ceil((len(text) + len(system)) / 4)
    assert counting.estimate_tokens(chat(text, system=system)) == (expected, counting.APPROXIMATION)


def test_an_unknown_model_is_estimated_without_client_key_or_server():
    provider = OpenAIProvider(make_spec("openai/no-such-model-xyz"))
    assert asyncio.run(provider.count_tokens(bare("12345"))) == (2, "approximation: characters / 4")
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
