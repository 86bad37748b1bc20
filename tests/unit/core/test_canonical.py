from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_lleval.core.canonical import canonical_prompt, canonical_sampling, digest_prompt, join_system
from pytest_lleval.core.records import Generation, Message, Request

anything = st.text(st.characters(codec=None), max_size=20)
TURNS = st.lists(st.tuples(st.sampled_from(["user", "assistant"]), anything), max_size=5)


def make_request(turns: Sequence[tuple[str, str]]) -> Request:
    return Request(messages=tuple(Message(role=role, content=text) for role, text in turns))


@given(turns=TURNS, system=anything, place=st.integers(0, 5))
def test_where_the_system_message_stands_does_not_matter(turns: list[tuple[str, str]], system: str, place: int) -> None:
    first = join_system([("system", system), *turns])
    assert join_system([*turns[:place], ("system", system), *turns[place:]]) == first
    assert first == {"system": system, "turns": [list(turn) for turn in turns]}


@given(turns=TURNS, systems=st.lists(anything, max_size=3))
def test_several_system_messages_are_one_text_joined_by_blank_lines(
    turns: list[tuple[str, str]], systems: list[str]
) -> None:
    several = join_system([*(("system", text) for text in systems), *turns])
    assert several == join_system([("system", "\n\n".join(systems)), *turns])


@given(turns=TURNS.filter(bool), other=TURNS.filter(bool))
def test_prompts_have_one_digest_when_they_are_the_same(
    turns: list[tuple[str, str]], other: list[tuple[str, str]]
) -> None:
    one, two = (digest_prompt(canonical_prompt(make_request(found))) for found in (turns, other))
    assert (one == two) == (turns == other)
    assert len(one) == 64


@given(anything)
def test_a_bare_prompt_is_not_the_chat_of_the_same_text(text: str) -> None:
    bare, chat = canonical_prompt(Request(prompt=text)), canonical_prompt(make_request([("user", text)]))
    assert bare == {"prompt": text}
    assert digest_prompt(bare) != digest_prompt(chat)


def test_sampling_parameters_are_no_part_of_a_prompt() -> None:
    one, two = (Request(prompt="a", generation=Generation(temperature=value, seed=3)) for value in (0.0, 1.0))
    assert canonical_prompt(one) == canonical_prompt(two)


@pytest.mark.parametrize(
    ("generation", "sampling"),
    [
        (Generation(), {"temperature": 0.0}),
        (Generation(temperature=None, seed=3), {}),
        (
            Generation(top_p=0.5, max_tokens=9, stop=("\n", "x"), top_logprobs=4),
            {"temperature": 0.0, "top_p": 0.5, "max_tokens": 9, "stop": ["\n", "x"], "top_logprobs": 4},
        ),
    ],
)
def test_sampling_holds_what_is_to_be_sent_without_the_seed(
    generation: Generation, sampling: dict[str, object]
) -> None:
    assert canonical_sampling(generation) == sampling
