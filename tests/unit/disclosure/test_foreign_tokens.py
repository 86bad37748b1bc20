from dataclasses import replace

import pytest
from observation_parts import chat, gather, letters, sweep

from pytest_lleval.core.observations import ColumnUse, Observation
from pytest_lleval.disclosure.foreign_tokens import judge_tokens


def use(key: str, column: str) -> tuple[ColumnUse, ...]:
    return (ColumnUse(key=key, column=column),)


def test_tokens_that_fit_their_texts_are_clean() -> None:
    verdict = judge_tokens(gather(chat()))
    assert verdict.state == "clean"
    assert (
        verdict.message == "m: the prompts have 4 characters to a token; m: the answers have 4.4 characters to a token"
    )


def test_single_letters_prove_nothing_of_tokens() -> None:
    rows = [replace(row, prompt=None, prompt_chars=None) for row in letters()]
    assert judge_tokens(gather(rows)).state == "unverified"


@pytest.mark.parametrize(
    ("what", "count"),
    [
        ("characters", len),
        ("words", lambda text: len(text.split())),
        ("a quarter of the characters, an estimate", lambda text: round(len(text) / 4)),
    ],
)
def test_counts_of_something_else_are_not_tokens(what: str, count) -> None:
    rows = [replace(row, output_tokens=count(row.output)) for row in chat()]
    verdict = judge_tokens(gather(rows, columns=use("output_tokens", "tokens")))
    assert verdict.state == "flagged"
    assert f"'tokens' does not count tokens: in 60 of 60 rows it is {what} of the answer" in verdict.message


def test_bytes_are_not_tokens() -> None:
    rows = [replace(row, output="é" * (10 + n), output_tokens=2 * (10 + n)) for n, row in enumerate(chat())]
    assert "it is bytes of the answer" in judge_tokens(gather(rows)).message


def test_counts_are_compared_with_columns_of_characters_too() -> None:
    rows = [replace(row, output=None, output_tokens=row.output_chars) for row in chat()]
    assert "it is characters of the answer" in judge_tokens(gather(rows)).message


def test_prompts_counted_in_characters_are_found() -> None:
    rows = [replace(row, prompt_tokens=len(row.prompt or "")) for row in chat()]
    assert "it is characters of the prompt" in judge_tokens(gather(rows)).message


def test_one_count_for_very_different_texts_was_not_counted() -> None:
    rows = [replace(row, prompt_tokens=100) for row in chat()]
    assert "the tokens of the prompts were not counted" in judge_tokens(gather(rows)).message


def test_too_few_tokens_for_a_text_are_flagged_and_hidden_ones_are_not() -> None:
    few = [replace(row, output_tokens=1 + len(row.output or "") // 30) for row in chat()]
    assert "as no tokenizer counts" in judge_tokens(gather(few)).message
    thinking = [replace(row, output_tokens=20_000 + n, prompt_tokens=50_000 + n) for n, row in enumerate(chat())]
    assert judge_tokens(gather(thinking)).state == "unverified"


def with_rates(unit: str) -> list[Observation]:
    return [replace(row, rate=getattr(row, f"output_{unit}") / row.latency) for row in chat()]


def test_a_rate_in_characters_is_flagged_and_shown_in_tokens() -> None:
    columns = use("rate", "chars_per_second")
    verdict = judge_tokens(gather(with_rates("chars"), rate_unit="chars", columns=columns))
    assert "the rate 'chars_per_second' counts characters, not tokens: it depends on the language; in tokens it is" in (
        verdict.message
    )
    assert judge_tokens(gather(with_rates("tokens"), rate_unit="tokens")).state == "clean"


@pytest.mark.parametrize("unit", ["tokens", ""])
def test_a_rate_that_is_called_tokens_but_counts_characters_is_critical(unit: str) -> None:
    verdict = judge_tokens(gather(with_rates("chars"), rate_unit=unit))
    assert verdict.disclosures[0].severity == "critical"
    assert "the rate 'rate' is one of characters" in verdict.message


def test_sizes_in_characters_alone_are_flagged() -> None:
    columns = use("prompt_chars", "prompt_chars")
    rows = [replace(row, prompt_chars=int(row.size or 0)) for row in sweep()]
    assert (
        "the prompts are measured in characters ('prompt_chars')" in judge_tokens(gather(rows, columns=columns)).message
    )
    both = [replace(row, prompt_tokens=int((row.size or 0) / 4.2)) for row in rows]
    assert judge_tokens(gather(both, columns=columns)).state == "clean"


def test_a_file_without_counts_is_unverified() -> None:
    verdict = judge_tokens(gather([replace(row, prompt_tokens=None, output_tokens=None) for row in chat()]))
    assert verdict.message == "the file does not say how many tokens there were"
