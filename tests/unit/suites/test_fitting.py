import asyncio
import math
import random
import re
from collections import Counter
from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_lleval.suites.fitting import fit_to_tokens
from pytest_lleval.suites.haystack import judge_answer, make_haystack

TOKENIZERS: dict[str, Callable[[str], int]] = {
    "words": lambda text: len(text.split()),
    "words and marks, in a template": lambda text: 30 + len(re.findall(r"\w+|[^\w\s]", text)),
    "bytes": lambda text: len(text.encode()),
    "pairs of bytes": lambda text: math.ceil(len(text) / 2),
    "four bytes": lambda text: math.ceil(len(text) / 4),
    "a word is two": lambda text: 2 * len(text.split()),
}


def learn_bpe(seed: int, merges: int = 120) -> Callable[[str], int]:
    """Return a tokenizer of random merges, also across words, learned from another haystack."""
    chooser, rules = random.Random(seed), list[tuple[str, str]]()
    tokens = list(make_haystack(seed, 1, 0).write(150))
    for _ in range(merges):
        pair = chooser.choice(Counter(pairwise(tokens)).most_common(40))[0]
        rules.append(pair)
        tokens = merge(tokens, pair)

    def count(text: str) -> int:
        tokens = list(text)
        for pair in rules:
            tokens = merge(tokens, pair)
        return len(tokens) + 5

    return count


def merge(tokens: list[str], pair: tuple[str, str]) -> list[str]:
    merged: list[str] = []
    for token in tokens:
        if merged and (merged[-1], token) == pair:
            merged[-1] += token
        else:
            merged.append(token)
    return merged


@pytest.mark.parametrize("name", TOKENIZERS)
@pytest.mark.parametrize("tokens", [256, 512, 2048, 8192, 32_768])
def test_any_tokenizer_is_met_to_the_token_with_few_counts(name: str, tokens: int) -> None:
    for repeat in range(3):
        fitted = fit_to_tokens(make_haystack(1, tokens, repeat).write, TOKENIZERS[name], tokens)
        assert (fitted.exact, fitted.tokens, TOKENIZERS[name](fitted.text)) == (True, tokens, tokens)
        assert fitted.calls <= 16


@given(st.sampled_from([*TOKENIZERS]), st.integers(250, 3000), st.integers(0, 2**31 - 1))
@settings(deadline=None)
def test_what_is_said_of_the_prompt_is_true_at_any_size(name: str, tokens: int, seed: int) -> None:
    count = TOKENIZERS[name]
    fitted = fit_to_tokens(make_haystack(seed, tokens, 0).write, count, tokens)
    assert count(fitted.text) == fitted.tokens
    assert fitted.exact == (fitted.tokens == tokens)
    # a tokenizer of pairs has no odd numbers
    assert abs(fitted.tokens - tokens) <= (1 if name == "a word is two" and tokens % 2 else 0)


@pytest.mark.parametrize("seed", range(4))
def test_a_tokenizer_that_merges_across_words_is_met(seed: int) -> None:
    count = learn_bpe(seed)
    for tokens in (300, 601):
        fitted = fit_to_tokens(make_haystack(5, tokens, 0).write, count, tokens)
        assert fitted.exact
        assert count(fitted.text) == tokens


def test_what_does_not_fit_is_the_shortest_prompt_and_says_so() -> None:
    fitted = fit_to_tokens(make_haystack(0, 8, 0).write, TOKENIZERS["words"], 8)
    assert not fitted.exact
    assert (fitted.words, fitted.calls) == (0, 1)
    assert fitted.tokens == TOKENIZERS["words"](fitted.text) > 8


def test_a_counter_that_does_not_look_at_the_prompt_ends_the_search() -> None:
    fitted = fit_to_tokens(make_haystack(0, 2048, 0).write, lambda text: 7, 2048)
    assert (fitted.exact, fitted.tokens) == (False, 7)
    assert fitted.words <= 8 * 2048


def test_a_number_that_cannot_be_met_gives_the_nearest_one_after_a_bounded_search() -> None:
    calls: list[str] = []

    def count(text: str) -> int:
        calls.append(text)
        return 10 * (len(text) // 10)

    fitted = fit_to_tokens(make_haystack(0, 1024, 0).write, count, 1024, calls=60)
    assert not fitted.exact
    assert abs(fitted.tokens - 1024) <= 6
    assert len(calls) == fitted.calls <= 60


@given(st.randoms(use_true_random=False), st.integers(1, 400), st.integers(2, 40))
@settings(deadline=None)
def test_a_tokenizer_without_rhyme_or_reason_ends_the_search_too(
    chance: random.Random, tokens: int, calls: int
) -> None:
    seen: list[int] = []

    def count(text: str) -> int:
        seen.append(max(0, len(text) // 5 + chance.randint(-9, 9)))
        return seen[-1]

    fitted = fit_to_tokens(make_haystack(0, tokens, 0).write, count, tokens, calls=calls)
    assert fitted.calls == len(seen) <= calls
    assert abs(fitted.tokens - tokens) == min(abs(number - tokens) for number in seen)


def test_prompts_fitted_with_the_same_words_share_their_beginning() -> None:
    count = TOKENIZERS["bytes"]
    first = fit_to_tokens(make_haystack(2, 1024, 0, shared=True).write, count, 1024)
    for repeat in range(1, 8):
        other = fit_to_tokens(make_haystack(2, 1024, repeat, shared=True).write, count, 1024, words=first.words)
        assert other.exact
        assert other.words == first.words
        assert other.text[:850] == first.text[:850]


@pytest.mark.parametrize(("tokens", "calls"), [(0, 10), (-1, 10), (10, 1)])
def test_numbers_too_small_are_named(tokens: int, calls: int) -> None:
    with pytest.raises(ValueError, match=f"{tokens} tokens or {calls} calls are too few"):
        fit_to_tokens(make_haystack(0, 1, 0).write, TOKENIZERS["words"], tokens, calls=calls)


def test_the_embedded_model_gets_prompts_of_exact_length(local_model_server) -> None:  # type: ignore[no-untyped-def]
    """The number is what the server itself says it has read, chat template included."""
    from pytest_lleval.core.records import Generation, Message, Request
    from pytest_lleval.core.settings import ModelSpec
    from pytest_lleval.providers.local import LocalProvider

    async def run(tokens: int, repeat: int) -> tuple[bool, int, int | None, str]:
        provider = LocalProvider(ModelSpec(provider="local", model="smollm2-135m"), local_model_server.connection)
        loop = asyncio.get_running_loop()

        def ask(text: str) -> Request:
            return Request(messages=(Message(role="user", content=text),), generation=Generation(max_tokens=12))

        def count(text: str) -> int:
            return asyncio.run_coroutine_threadsafe(provider.count_tokens(ask(text)), loop).result()[0]

        haystack = make_haystack(5, tokens, repeat)
        try:
            fitted = await asyncio.to_thread(fit_to_tokens, haystack.write, count, tokens)
            completion = await provider.complete(ask(fitted.text))
        finally:
            await provider.aclose()
        return fitted.exact, fitted.calls, completion.usage.input_tokens, judge_answer(haystack, completion.text)

    answers = []
    for tokens, repeat in ((128, 0), (128, 1), (128, 2), (512, 0), (513, 1)):
        exact, calls, read, answer = asyncio.run(run(tokens, repeat))
        assert (exact, read) == (True, tokens)
        assert calls <= 10
        answers.append(answer)
    assert "ignored" not in answers
    assert "right" in answers
