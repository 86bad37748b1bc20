from dataclasses import replace

import pytest
from observation_parts import SIZES, chat, gather, messages_of, sweep

from pytest_lleval.core.observations import Observation
from pytest_lleval.disclosure.foreign_prompt import judge_prompt


def two(**changes: object) -> list[Observation]:
    """The same questions to two models; what is changed is changed for the second."""
    return [*chat(model="one"), *(replace(row, **changes) for row in chat(model="two"))]  # type: ignore[arg-type]


def test_models_that_got_the_same_prompts_are_clean() -> None:
    verdict = judge_prompt(gather(two()))
    assert verdict.state == "clean"
    assert verdict.message == "the prompts of all 60 samples that several models share are the same"


def test_models_that_got_different_prompts_for_one_sample_are_flagged_with_the_place() -> None:
    rows = two()
    rows[70] = replace(rows[70], prompt="Answer briefly. " + (rows[70].prompt or ""))
    verdict = judge_prompt(gather(rows))
    assert verdict.state == "flagged"
    assert "1 of 60 samples were not asked of all models with the same prompt: '10' differs from character 1" in (
        verdict.message
    )
    assert "'Question 10: " in verdict.message


def test_a_prompt_cut_short_for_one_model_is_flagged() -> None:
    rows = two()
    rows[61:] = [replace(row, prompt=(row.prompt or "")[:50]) for row in rows[61:]]
    (found,) = judge_prompt(gather(rows)).disclosures
    assert found.severity == "critical"
    assert found.message.endswith("against its end ('one', 'two')")


def test_digests_of_prompts_are_compared_where_their_texts_are_missing() -> None:
    rows = [replace(row, prompt=None, prompt_digest=f"d{row.sample}") for row in two()]
    assert judge_prompt(gather(rows)).state == "clean"
    rows[-1] = replace(rows[-1], prompt_digest="another")
    assert judge_prompt(gather(rows)).state == "flagged"


def test_two_tokenizers_may_count_one_prompt_differently_but_not_by_much() -> None:
    rows = [replace(row, prompt=None, prompt_chars=None) for row in two()]
    longer = [
        replace(row, prompt_tokens=int((row.prompt_tokens or 0) * (1.3 if row.model == "two" else 1))) for row in rows
    ]
    assert judge_prompt(gather(longer)).state == "unverified"
    shorter = [replace(row, prompt_tokens=(row.prompt_tokens or 0) // (3 if row.model == "two" else 1)) for row in rows]
    assert "samples were not asked of all models with the same prompt" in judge_prompt(gather(shorter)).message


def test_one_model_alone_has_nothing_to_compare_with() -> None:
    verdict = judge_prompt(gather(chat()))
    assert verdict.state == "unverified"
    assert "what another model was asked" in verdict.message


def test_ids_that_stand_for_several_questions_are_not_compared() -> None:
    rows = [replace(row, sample=str(int(row.sample) % 5)) for row in two()]
    assert judge_prompt(gather(rows)).state == "clean"


def test_without_sample_ids_the_sets_of_prompts_are_compared() -> None:
    rows = [replace(row, sample="") for row in two()]
    assert judge_prompt(gather(rows)).message == "all 2 models got 60 of 60 prompts"
    other = [replace(row, prompt=f"{row.prompt}!") if row.model == "two" else row for row in rows]
    assert "no prompt was put to all of the models" in judge_prompt(gather(other)).message


def test_models_measured_at_different_sizes_do_not_compare() -> None:
    one, other = sweep(model="one"), sweep(model="two")
    assert judge_prompt(gather([*one, *other])).state == "unverified"
    verdict = judge_prompt(gather([*one, *(row for row in other if (row.size or 0) < 8000)]))
    assert "two: was not asked at 3 of the 9 sizes of the others, e.g. 32,768" in verdict.message


def test_prompts_that_end_at_one_count_of_tokens_were_cut() -> None:
    rows = sweep()
    cut = [replace(row, prompt_tokens=min(4096, int(row.size or 0))) for row in rows]
    verdict = judge_prompt(gather(cut))
    assert "prompts were cut: 12 of them have exactly 4,096 tokens, although they should be 4,096 to 32,768" in (
        verdict.message
    )
    whole = [replace(row, prompt_tokens=int(row.size or 0) + 7) for row in rows]
    assert judge_prompt(gather(whole)).state == "unverified"


def test_one_prompt_for_all_sizes_or_samples_was_not_made_of_them() -> None:
    rows = [replace(row, prompt_tokens=128) for row in sweep()]
    assert f"the prompt is the same for all {len(SIZES)} sizes (128 tokens)" in judge_prompt(gather(rows)).message
    rows = [replace(row, prompt="Say hello") for row in chat()]
    assert "the prompt is the same for all 60 samples" in judge_prompt(gather(rows)).message


def test_placeholders_and_empty_prompts_are_flagged() -> None:
    rows = [replace(row, prompt=f"Answer {{{{question}}}} {row.sample}") for row in chat()]
    assert "60 prompts hold {{question}} where a value should be" in judge_prompt(gather(rows)).message
    about = chat()
    about[0] = replace(about[0], prompt="What does {{name}} mean in a template?")
    assert judge_prompt(gather(about)).state == "unverified"
    about[1] = replace(about[1], prompt=" ")
    assert "1 prompts are empty" in judge_prompt(gather(about)).message


@pytest.mark.parametrize("count", [1, 4])
def test_few_shared_samples_are_unverified(count: int) -> None:
    rows = [row for row in two() if int(row.sample) < count]
    verdict = judge_prompt(gather(rows))
    assert (verdict.state, messages_of(verdict)) == ("unverified", "")
