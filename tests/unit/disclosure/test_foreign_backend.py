import random
from dataclasses import replace

import pytest
from observation_parts import WORDS, chat, gather, letters, messages_of, sweep

from pytest_lleval.core.observations import Observation
from pytest_lleval.disclosure.foreign_backend import judge_backend

LONG = "The quick brown fox jumps over the lazy dog, and then it goes home to sleep for a while."


def with_ids(rows: list[Observation]) -> list[Observation]:
    return [replace(row, response_id=f"r{number}", cached=False) for number, row in enumerate(rows)]


def test_answers_with_ids_of_their_own_and_out_of_no_cache_are_clean() -> None:
    verdict = judge_backend(gather(with_ids(chat())))
    assert verdict.state == "clean"
    assert verdict.message == "no answer came from a cache; 60 responses have ids of their own"


@pytest.mark.parametrize("rows", [chat(), letters(), sweep(output_tokens=None)])
def test_answers_without_ids_are_unverified(rows: list[Observation]) -> None:
    verdict = judge_backend(gather(rows))
    assert (verdict.state, messages_of(verdict)) == ("unverified", "")


@pytest.mark.parametrize(
    "name",
    ["mock/fixed:A", "echo", "echo:v1", "openai-mock", "dummy", "my_fake_llm", "fixed:B", "MockProvider", "replay"],
)
def test_names_of_mocks_are_critical(name: str) -> None:
    rows = with_ids(chat(model=name))
    if name == "MockProvider":
        name = "mock-provider"
        rows = with_ids(chat(provider=name))
    assert f"the file itself names {name!r}" in judge_backend(gather(rows)).message


@pytest.mark.parametrize("name", ["mockingbird-7b", "org/echo-large", "llama-3-fixed-tokenizer", "gpt-4o", "stubble"])
def test_names_that_only_sound_like_mocks_are_not_flagged(name: str) -> None:
    assert judge_backend(gather(with_ids(chat(model=name)))).state == "clean"


def test_a_mock_that_the_file_knows_of_is_critical() -> None:
    assert judge_backend(gather(chat(), mocks=("mock/fixed:A",))).disclosures[0].severity == "critical"


def test_cached_answers_came_from_no_backend() -> None:
    rows = with_ids(chat())
    rows[3] = replace(rows[3], cached=True)
    assert "1 of 60 answers came from a cache" in judge_backend(gather(rows)).message
    untimed = [replace(rows[3], latency=None) if row.cached else row for row in rows]
    verdict = judge_backend(gather(untimed))
    assert (verdict.state, verdict.disclosures[0].severity) == ("unverified", "note")


def test_a_cache_in_use_leaves_it_open_where_answers_came_from() -> None:
    rows = [replace(row, cached=None) for row in with_ids(chat())]
    verdict = judge_backend(gather(rows, replays=("cache.db",)))
    assert verdict.state == "unverified"
    assert "which answers came from the cache" in verdict.message


@pytest.mark.parametrize(("output", "severity"), [(LONG, "critical"), ("A", "warning")])
def test_one_answer_to_all_prompts_does_not_depend_on_them(output: str, severity: str) -> None:
    rows = [replace(row, output=output, output_chars=len(output)) for row in with_ids(chat())]
    (found,) = judge_backend(gather(rows)).disclosures
    assert "all 60 prompts got one answer" in found.message
    assert found.severity == severity


def test_a_few_prompts_with_one_short_answer_prove_nothing() -> None:
    rows = [replace(row, output="A", output_chars=1, output_tokens=1) for row in with_ids(chat(rows=10))]
    assert judge_backend(gather(rows)).state == "clean"


def test_one_prompt_asked_many_times_at_temperature_0_has_one_answer() -> None:
    row = replace(chat(rows=1)[0], output=LONG)
    assert judge_backend(gather(with_ids([row] * 30))).state == "clean"


def test_one_long_answer_to_most_prompts_is_flagged_and_refusals_to_some_are_not() -> None:
    rows = with_ids(chat())
    some = [replace(row, output=LONG, output_chars=len(LONG)) if n < 15 else row for n, row in enumerate(rows)]
    assert judge_backend(gather(some)).state == "clean"
    most = [replace(row, output=LONG, output_chars=len(LONG)) if n < 40 else row for n, row in enumerate(rows)]
    assert (
        "40 of 60 different prompts got one and the same answer of 88 characters" in judge_backend(gather(most)).message
    )


def test_a_small_pool_of_long_answers_is_flagged_and_one_of_labels_is_not() -> None:
    pool = [replace(row, output=f"{n % 8} {LONG}", output_chars=90) for n, row in enumerate(with_ids(chat()))]
    assert "60 different prompts got only 8 different answers, long ones" in judge_backend(gather(pool)).message
    labels = ["The correct answer is A.", "The correct answer is B.", "I do not know the answer."]
    rng = random.Random(1)
    named = [replace(row, output=rng.choice(labels)) for row in with_ids(chat())]
    named = [replace(row, output_chars=len(row.output or "")) for row in named]
    assert judge_backend(gather(named)).state == "clean"


def test_different_answers_of_one_length_are_flagged() -> None:
    rng = random.Random(1)
    rows = []
    for row in with_ids(chat()):
        text = " ".join(rng.choices(WORDS, k=60))[:200]
        rows.append(replace(row, output=text, output_chars=200))
    assert "all 60 answers have exactly 200 characters, whatever was asked" in judge_backend(gather(rows)).message


@pytest.mark.parametrize(("tokens", "state"), [(37, "flagged"), (128, "unverified"), (1, "clean")])
def test_one_count_of_tokens_is_flagged_unless_a_limit_explains_it(tokens: int, state: str) -> None:
    rows = [replace(row, output_tokens=tokens) for row in with_ids(chat())]
    assert judge_backend(gather(rows)).state == state


def test_response_ids_given_twice_are_a_replay() -> None:
    rows = with_ids(chat())
    rows[8] = replace(rows[8], response_id="r7")
    (found,) = judge_backend(gather(rows)).disclosures
    assert "1 response ids were given to more than one prompt, e.g. 'r7'" in found.message
    assert found.evidence["rows"] == [8, 9]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"output_tokens": 500, "latency": 0.01}, "row 1 wrote 50,000 tokens/s"),
        ({"output_tokens": None, "output_chars": 90_000, "latency": 1.0}, "row 1 wrote 15,000 tokens/s"),
        (
            {"output_tokens": 1, "output_chars": 1, "prompt_tokens": 30_000, "latency": 0.001},
            "read 30,000,000 tokens/s",
        ),
    ],
)
def test_speeds_of_no_machine_are_critical(changes: dict[str, float], message: str) -> None:
    rows = with_ids(chat())
    rows[0] = replace(rows[0], **changes)  # type: ignore[arg-type]
    (found,) = judge_backend(gather(rows)).disclosures
    assert found.severity == "critical"
    assert message in found.message


def test_a_fast_service_is_possible() -> None:
    rows = [replace(row, latency=(row.output_tokens or 0) / 3000 + 0.02) for row in with_ids(chat())]
    assert judge_backend(gather(rows)).state == "clean"


def test_a_whole_file_can_be_too_fast() -> None:
    rows = [replace(row, latency=None) for row in with_ids(chat())]
    assert "all 60 prompts were answered in 0.001 s" in judge_backend(gather(rows, wall=0.001)).message
    assert judge_backend(gather(rows, wall=60.0)).state == "clean"
