import itertools
import os
import re
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_lleval.suites.haystack import Haystack, judge_answer, make_haystack

SEEDS = st.integers(0, 2**31 - 1)
REPEATS = st.integers(-3, 50)


def split(text: str) -> list[str]:
    return re.findall(r"\w+|[^\w\s]", text)


def count_common(one: str, other: str) -> int:
    pairs = zip(split(one), split(other), strict=False)
    return sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], pairs))


@given(SEEDS, REPEATS, st.booleans(), st.integers(0, 600))
@settings(deadline=None)
def test_each_code_is_said_once_and_the_question_comes_last(seed: int, repeat: int, shared: bool, words: int) -> None:
    haystack = make_haystack(seed, 2048, repeat, shared=shared)
    text = haystack.write(words, ("so", "and"))
    notes = (haystack.asked, *haystack.others)
    assert len({note.code[:4] for note in notes}) == len({note.thing for note in notes}) == len(notes) == 4
    for note in notes:
        assert text.count(note.code) == 1
        assert f"The code of the {note.thing} is {note.code}." in text
    assert text.endswith(f"so and\n\nWhat is the code of the {haystack.asked.thing}? Answer with the code only.")


@given(SEEDS, st.integers(0, 300))
@settings(deadline=None)
def test_prompts_have_as_many_words_of_filler_as_are_asked_for(seed: int, words: int) -> None:
    haystack = make_haystack(seed, 128, 0)
    assert len(haystack.write(words).split()) == len(haystack.write(0).split()) + words


def test_repeats_and_sizes_begin_differently() -> None:
    """No two of 5 sizes and 20 repeats have 16 tokens in common at their beginning."""
    texts = [
        make_haystack(0, size, repeat).write(100) for size in (128, 512, 2048, 8192, 32_768) for repeat in range(20)
    ]
    assert max(count_common(one, other) for one, other in itertools.combinations(texts, 2)) < 4


def test_shared_prompts_are_the_same_up_to_the_question_and_ask_for_other_things() -> None:
    haystacks = [make_haystack(0, 512, repeat, shared=True) for repeat in range(4)]
    texts = [haystack.write(300, ("so",) * repeat) for repeat, haystack in enumerate(haystacks)]
    assert (
        len(
            {
                text.split("\n\n")[0].removesuffix(" so so so").removesuffix(" so so").removesuffix(" so")
                for text in texts
            }
        )
        == 1
    )
    assert len({haystack.asked.thing for haystack in haystacks}) == 4
    other = make_haystack(0, 2048, 0, shared=True).write(300)
    assert count_common(texts[0], other) < 4


@given(SEEDS)
@settings(deadline=None, max_examples=30)
def test_any_five_repeats_are_spread_over_all_depths(seed: int) -> None:
    depths = sorted(make_haystack(seed, 8192, repeat).asked.depth for repeat in range(5))
    gaps = [after - before for before, after in itertools.pairwise([*depths, depths[0] + 1])]
    assert max(gaps) < 0.4


def test_the_note_stands_at_its_depth() -> None:
    for repeat in range(10):
        haystack = make_haystack(3, 8192, repeat)
        text = haystack.write(5000)
        assert text.index(haystack.asked.code) / len(text) == pytest.approx(haystack.asked.depth, abs=0.02)


def test_notes_interrupt_no_sentence() -> None:
    text = make_haystack(1, 2048, 0).write(1000)
    assert all(match[1] == "." for match in re.finditer(r"(\S) The code of", text))


def test_the_same_seed_gives_the_same_prompt_in_any_process() -> None:
    """Strings hash differently in each process; prompts must not."""
    code = "from pytest_lleval.suites.haystack import make_haystack; print(make_haystack(7, 512, 2).write(200))"
    environment = {**os.environ, "PYTHONHASHSEED": "12"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout == make_haystack(7, 512, 2).write(200) + "\n"
    assert make_haystack(7, 512, 2).asked.code != make_haystack(8, 512, 2).asked.code


@pytest.fixture
def haystack() -> Haystack:
    return make_haystack(0, 128, 0)


def test_answers_are_judged_by_the_first_code_they_mention(haystack: Haystack) -> None:
    right, other = haystack.asked.code, haystack.others[0].code
    assert judge_answer(haystack, right) == judge_answer(haystack, f"It is {right.lower()}, not {other}.") == "right"
    assert judge_answer(haystack, f"{other} or {right}") == "wrong"
    assert judge_answer(haystack, haystack.write(100).replace(right, other, 1)) == "wrong"


def test_part_of_a_code_shows_that_the_prompt_was_read(haystack: Haystack) -> None:
    assert judge_answer(haystack, haystack.asked.code[:4]) == "wrong"
    assert judge_answer(haystack, haystack.asked.code + "X") == "wrong"


@pytest.mark.parametrize("text", ["", "A", "The code is 123456.", "I cannot help with that.", "CODE", "BANANA", "\x00"])
def test_an_answer_without_anything_of_the_prompt_ignored_it(haystack: Haystack, text: str) -> None:
    assert judge_answer(haystack, text) == "ignored"


def test_filler_answers_nothing(haystack: Haystack) -> None:
    """A model that goes on in the style of the text is not taken for one that read it."""
    filler = make_haystack(99, 128, 0).write(5000).split("The code")[0]
    assert judge_answer(haystack, filler) == "ignored"


@pytest.mark.parametrize("notes", [0, 15])
def test_numbers_of_notes_that_cannot_be_are_named(notes: int) -> None:
    with pytest.raises(ValueError, match=f"{notes} notes"):
        make_haystack(0, 128, 0, notes=notes)
