import random
from collections.abc import Callable

import numpy as np
import pytest
from trust_parts import alter, answer_all, see

from pytest_lleval.core.records import Record
from pytest_lleval.disclosure.groups import Group, _cut, find_group


def find(records: list[Record]) -> Group | None:
    return find_group(see(records).rows)


def count(change: Callable[[int, int], float], number: int = 80) -> list[Record]:
    """The records of a run with other numbers of input tokens, by place and number."""
    return [
        alter(record, usage={"input_tokens": round(change(at, record.completion.usage.input_tokens))})
        for at, record in enumerate(answer_all(number))
    ]


@pytest.mark.parametrize(("every", "more"), [(2, 40), (5, 40), (8, 75), (20, 300)])
def test_prompts_that_some_tokens_were_added_to_are_a_group(every: int, more: int) -> None:
    group = find(count(lambda at, tokens: tokens + more * (at % every == 0)))
    assert group is not None
    assert (group.prompts, group.of, group.multiplies) == (len(range(0, 80, every)), 80, False)
    assert group.more == pytest.approx(more, abs=4)


def test_prompts_that_another_tokenizer_counted_are_a_group_that_multiplies() -> None:
    group = find(count(lambda at, tokens: tokens * (1.5 if at % 5 == 0 else 1)))
    assert group is not None
    assert group.multiplies
    assert group.prompts == 16


@pytest.mark.parametrize("seed", range(10))
def test_counts_that_follow_their_texts_roughly_are_no_groups(seed: int) -> None:
    rng = random.Random(seed)
    assert find(count(lambda _, tokens: tokens * rng.gauss(1.15, 0.06))) is None


@pytest.mark.parametrize("seed", range(5))
def test_a_few_odd_prompts_are_no_group(seed: int) -> None:
    rng = random.Random(seed)
    assert find(count(lambda at, tokens: tokens + (rng.uniform(20, 200) if at % 25 == 0 else rng.gauss(0, 3)))) is None


def test_one_odd_prompt_in_many_epochs_is_no_group() -> None:
    records = answer_all(40)
    odd = alter(records[0], usage={"input_tokens": records[0].completion.usage.input_tokens + 90})
    epochs = [type(odd)(**{**{name: getattr(odd, name) for name in odd.__slots__}, "epoch": at}) for at in range(1, 9)]
    assert find([*records[1:], *epochs]) is None


def test_few_prompts_and_few_tokens_are_no_group() -> None:
    assert find(count(lambda at, tokens: tokens + 300 * (at % 2), number=19)) is None
    assert find(count(lambda at, tokens: tokens + 12 * (at % 2))) is None
    assert find([]) is None


def test_values_that_are_all_the_same_have_no_upper_part() -> None:
    """A server that always counts alike leaves nothing below the place that would divide them."""
    assert _cut(np.zeros(40)) is None
    assert _cut(np.repeat([0.0, 1.0], 20)).sum() == 20
