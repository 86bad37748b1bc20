import math
import random

import numpy as np
import pytest

from pytest_lleval.disclosure.token_patterns import find_prompt_inside, find_rate, find_running_sum, find_step

RNG = random.Random(3)
#: of texts: characters, words, and tokens as a tokenizer counts them
SIZES = [RNG.randint(40, 900) for _ in range(40)]
CHARACTERS = np.array(SIZES, dtype=float)
WORDS = np.array([round(size / 6 + RNG.gauss(0, 3)) for size in SIZES], dtype=float)
OWN = np.array([round(size / 4.4 + RNG.gauss(0, 1 + size / 150)) for size in SIZES], dtype=float)
TOKENS = np.array([round(size / 4.2 + RNG.gauss(0, 1 + size / 150)) + 9 for size in SIZES], dtype=float)


@pytest.mark.parametrize("step", [2, 3, 7, 100])
def test_numbers_that_were_multiplied_have_a_step(step: int) -> None:
    assert find_step(step * TOKENS, OWN) == step


@pytest.mark.parametrize("unit", [10, 50, 100])
def test_numbers_that_were_rounded_up_have_a_step(unit: int) -> None:
    assert find_step(np.ceil(TOKENS / unit) * unit, OWN) == unit


def test_two_prices_for_all_sizes_are_a_step() -> None:
    assert find_step(np.where(TOKENS > 150, 200.0, 100.0), OWN) == 100


@pytest.mark.parametrize("tokens", [TOKENS, TOKENS[:11] * 2, np.full(40, 90.0), np.where(OWN % 2 == 0, 31.0, 33.0)])
def test_counts_have_no_step(tokens: np.ndarray) -> None:
    sizes = OWN[: len(tokens)] if len(np.unique(tokens)) > 2 else np.full(len(tokens), 25.0)
    assert find_step(tokens, sizes) is None


@pytest.mark.parametrize("each", [2, 3, 4, 4.5])
@pytest.mark.parametrize("whole", [math.floor, math.ceil, round])
def test_characters_at_a_fixed_rate_are_found_however_they_are_rounded(each: float, whole: object) -> None:
    reported = np.array([whole(size / each) + 5 for size in SIZES], dtype=float)
    assert find_rate(reported, CHARACTERS, OWN, words=False) == pytest.approx(each, rel=0.02)


@pytest.mark.parametrize("times", [0.75, 1.3, 1.5])
def test_words_times_a_factor_are_found(times: float) -> None:
    assert find_rate(np.floor(times * WORDS), WORDS, OWN, words=True) == pytest.approx(1 / times, rel=0.02)


def test_a_token_a_word_is_what_simple_texts_have() -> None:
    assert find_rate(WORDS + 4, WORDS, OWN, words=True) is None


def test_counts_follow_no_rate() -> None:
    assert find_rate(TOKENS, CHARACTERS, OWN, words=False) is None
    assert find_rate(TOKENS, WORDS, OWN, words=True) is None


def test_texts_that_repeat_one_piece_follow_a_rate_by_themselves() -> None:
    pieces = np.arange(5.0, 45.0)
    assert find_rate(3 * pieces, 12 * pieces, 3 * pieces, words=False) is None


def test_numbers_that_grow_with_time_whatever_the_text_are_a_running_sum() -> None:
    came = np.arange(40.0)
    assert find_running_sum(np.cumsum(TOKENS), came, OWN)
    assert not find_running_sum(TOKENS, came, OWN)
    order = np.argsort(OWN)
    # questions sorted by size grow with time too
    assert not find_running_sum(TOKENS[order] * 4, came, OWN[order])


def test_answers_with_their_prompts_tokens_in_them_are_found() -> None:
    answers = np.array([RNG.randint(3, 30) for _ in SIZES], dtype=float)
    assert find_prompt_inside(answers + TOKENS, TOKENS, answers)
    assert not find_prompt_inside(answers, TOKENS, answers)
    thoughts = np.array([RNG.randint(400, 900) for _ in SIZES], dtype=float)
    assert not find_prompt_inside(answers + thoughts, TOKENS, answers)
