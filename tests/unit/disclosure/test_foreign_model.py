from dataclasses import replace

import pytest
from observation_parts import chat, gather, letters

from pytest_lleval.core.observations import Observation
from pytest_lleval.disclosure.foreign_model import judge_model


def served(name: str, model: str = "gpt-4o") -> list[Observation]:
    return chat(model=model, served=name)


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("gpt-4o", "gpt-4o"),
        ("gpt-4o", "gpt-4o-2024-08-06"),
        ("openai:chat:gpt-4o", "gpt-4o-2024-08-06"),
        ("openai:gpt-4o", "gpt-4o"),
        ("openai/gpt-4o", "GPT-4o"),
        ("anthropic:messages:claude-3-5-sonnet-20241022", "claude-3-5-sonnet-20241022"),
        ("local/tiny@http://127.0.0.1:80/v1", "/models/tiny.gguf"),
        ("llama3:8b", "llama3:8b"),
    ],
)
def test_ids_of_one_model_are_the_same_whatever_stands_around_them(model: str, name: str) -> None:
    verdict = judge_model(gather(served(name, model)))
    assert verdict.state == "clean", verdict.message


@pytest.mark.parametrize(
    ("model", "name"), [("gpt-4o", "gpt-4o-mini"), ("gpt-4o", "gpt-3.5-turbo"), ("llama3:8b", "llama3:70b")]
)
def test_answers_of_another_model_are_critical(model: str, name: str) -> None:
    rows = [*served(model, model), *served(name, model)[:3]]
    (found,) = judge_model(gather(rows)).disclosures
    assert found.severity == "critical"
    assert f"3 of 63 answers came from another model: {name!r} 3 times" in found.message
    assert found.evidence["rows"] == [61, 62, 63]


def test_two_releases_under_one_name_are_flagged() -> None:
    rows = [*served("gpt-4o-2024-08-06"), *served("gpt-4o-2024-11-20")]
    assert "answers came from 2 different models" in judge_model(gather(rows)).message


def test_a_fingerprint_that_changes_is_flagged_for_each_model_by_itself() -> None:
    one = [replace(row, fingerprint="a") for row in served("m", "m")]
    other = [replace(row, fingerprint="b") for row in served("n", "n")]
    assert judge_model(gather([*one, *other])).state == "clean"
    one[5] = replace(one[5], fingerprint="c")
    assert "m: the fingerprint of the backend changed: 2 different" in judge_model(gather([*one, *other])).message


def test_a_file_without_served_models_is_unverified() -> None:
    verdict = judge_model(gather(chat()))
    assert (verdict.state, verdict.message) == ("unverified", "the file does not say which model answered")


def test_a_file_that_names_the_served_model_of_some_answers_is_unverified() -> None:
    assert "which model gave 60 of the answers" in judge_model(gather([*served("gpt-4o"), *served("")])).message


def test_two_models_with_the_same_long_answers_are_one() -> None:
    one = chat(model="one")
    two = [replace(row, model="two") for row in one]
    assert "'one' and 'two' gave one long answer, letter by letter, to" in judge_model(gather([*one, *two])).message


def test_two_models_may_give_the_same_letters() -> None:
    one = letters(model="one")
    two = [replace(row, model="two") for row in one]
    assert judge_model(gather([*one, *two])).state == "unverified"
