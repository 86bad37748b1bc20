import random
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from trust_parts import PROOF, SERVER, alter, answer_all, make_server, messages_of, see

from pytest_lleval.core.records import BackendIdentity, Record, Verdict
from pytest_lleval.disclosure.prompts import judge_prompts


def judge(records: Sequence[Record], identity: BackendIdentity = SERVER) -> Verdict:
    return judge_prompts(see(records, (identity,)))


def count(records: Sequence[Record], change: Callable[[int, int], int | None]) -> list[Record]:
    """The records with other numbers of input tokens, by place and number."""
    return [
        alter(record, usage={"input_tokens": change(at, record.completion.usage.input_tokens)})
        for at, record in enumerate(records)
    ]


def probe_with_system(counted: int | None) -> dict[str, Any]:
    prompt = {"system": "You are an assistant.", "turns": [["user", "Repeat this number: 4711"]]}
    return {**PROOF, "prompt": prompt, "input_tokens": counted}


def test_a_gateway_that_adds_a_system_prompt_to_all_requests_shows_in_the_probe() -> None:
    verdict = judge(answer_all(), make_server(probes=[PROOF, probe_with_system(112)]))
    message = messages_of(verdict, "warning")
    assert message.startswith("openai/m: the server counted 112 tokens in a prompt of about 12: something on the way")


@pytest.mark.parametrize("counted", [None, 11, 30])
def test_a_template_is_no_addition(counted: int | None) -> None:
    assert judge(answer_all(), make_server(probes=[PROOF, probe_with_system(counted)])).state == "clean"


def test_a_probe_that_leaves_the_system_prompt_to_the_template_proves_nothing() -> None:
    assert judge(answer_all(), make_server(probes=[{**PROOF, "input_tokens": 500}])).state == "clean"
    bare = {**PROOF, "kind": "completion", "prompt": {"prompt": "Number: 1"}, "input_tokens": 500}
    assert judge(answer_all(), make_server(probes=[bare])).state == "clean"


@pytest.mark.parametrize("share", [0.05, 0.2, 0.4])
def test_a_gateway_that_adds_a_system_prompt_to_some_requests_is_found(share: float) -> None:
    rng = random.Random(1)
    records = count(answer_all(200), lambda _, tokens: tokens + 60 * (rng.random() < share))
    message = messages_of(judge(records), "warning")
    assert "prompts the server counted about" in message
    assert "something on the way to the model adds to some of them" in message


@pytest.mark.parametrize("seed", range(5))
def test_prompts_of_all_sizes_without_additions_are_clean(seed: int) -> None:
    rng = random.Random(seed)
    records = count(answer_all(150, words=(3, 400)), lambda _, tokens: round(tokens * rng.gauss(1.1, 0.04)))
    assert judge(records).state == "clean"


def test_prompts_that_all_have_one_size_are_clean() -> None:
    assert judge(answer_all(40, words=(50, 50))).state == "clean"
    assert judge(count(answer_all(40, words=(50, 50)), lambda *_: 80)).state == "clean"


def test_prompts_that_are_cut_off_on_the_way_are_found() -> None:
    records = count(answer_all(100, words=(20, 1500)), lambda _, tokens: min(tokens, 256))
    message = messages_of(judge(records), "warning")
    assert "prompts were counted as about 256 tokens though the longest has about" in message


def test_prompts_that_end_at_a_limit_of_their_own_are_not_cut() -> None:
    """Counts may stop growing where the prompts do."""
    assert judge(answer_all(100, words=(149, 150))).state == "clean"


@pytest.mark.parametrize("tokens", [None, 0])
def test_counts_that_are_missing_show_nothing(tokens: int | None) -> None:
    assert judge(count(answer_all(60), lambda *_: tokens)).state == "clean"


def test_a_few_prompts_show_nothing() -> None:
    records = count(answer_all(10), lambda at, tokens: tokens + 500 * (at < 3))
    assert judge(records).state == "clean"


@given(st.randoms(use_true_random=False))
@settings(max_examples=10, deadline=None)
def test_the_order_of_records_changes_nothing(rng: random.Random) -> None:
    records = count(answer_all(80), lambda at, tokens: tokens + 300 * (at % 9 == 0))
    expected = judge(records)
    assert expected.state == "flagged"
    rng.shuffle(records)
    assert judge(records) == expected
