import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_lleval.core.errors import UnknownNameError, UsageError
from pytest_lleval.core.settings import (
    ACKNOWLEDGEABLE,
    Limit,
    ModelSpec,
    Settings,
    parse_acknowledgements,
    parse_arguments,
    parse_limit,
    parse_model,
    split_names,
)


def test_settings_survive_the_way_to_a_worker() -> None:
    settings = Settings(
        suites=("mmlu",),
        arguments={"num_fewshot": "5"},
        models=(ModelSpec(provider="local", model="m", options={"slots": 2}, alias="fast"),),
        limit=Limit(start=1, stop=3),
        sample_ids=("a/*",),
        temperature=0.5,
        acknowledged={"F3": "a mock on purpose"},
        baseline="yesterday",
    )
    assert Settings.decode(json.loads(json.dumps(settings.encode()))) == settings


@given(st.integers(1, 10**6))
def test_a_number_is_a_limit_from_the_start(number: int) -> None:
    assert parse_limit("--lleval-limit", str(number)) == Limit(start=0, stop=number)


@given(st.integers(1, 1000), st.integers(0, 1000))
def test_a_range_counts_from_one_and_includes_its_end(first: int, more: int) -> None:
    limit = parse_limit("--lleval-limit", f"{first}-{first + more}")
    assert (limit.start, limit.stop) == (first - 1, first + more)
    assert parse_limit("x", str(limit)) == limit


@pytest.mark.parametrize("text", ["0", "-3", "5-2", "x", "", "1.5", "0-4", "1-", "10%"])
def test_a_limit_that_means_nothing_is_refused_by_name(text: str) -> None:
    with pytest.raises(UsageError, match="--lleval-limit"):
        parse_limit("--lleval-limit", text)


@pytest.mark.parametrize(
    ("text", "provider", "model", "url", "label"),
    [
        ("local/smollm2-135m", "local", "smollm2-135m", None, "smollm2-135m"),
        ("openai/any@http://127.0.0.1:80/v1/", "openai", "any", "http://127.0.0.1:80/v1", "any"),
        ("openai/meta-llama/L-3@https://h/v1", "openai", "meta-llama/L-3", "https://h/v1", "meta-llama/L-3"),
        ("anthropic/claude@2026-01", "anthropic", "claude@2026-01", None, "claude@2026-01"),
        ("local//models/Small.Q4.gguf", "local", "/models/Small.Q4.gguf", None, "Small.Q4"),
        ("local/C:\\models\\Small.gguf", "local", "C:\\models\\Small.gguf", None, "Small"),
        ("callable/bot:answer", "callable", "bot:answer", None, "bot:answer"),
    ],
)
def test_a_model_is_provider_model_and_address(text: str, provider: str, model: str, url: str, label: str) -> None:
    spec = parse_model("--lleval-model", text)
    assert (spec.provider, spec.model, spec.base_url, spec.label) == (provider, model, url, label)


@pytest.mark.parametrize("text", ["gpt-4o", "", "/x", "openai/", "openai/@http://h"])
def test_a_model_without_its_parts_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"--lleval-model: .* is not PROVIDER/MODEL"):
        parse_model("--lleval-model", text)


def test_credentials_in_an_address_are_refused_and_not_repeated() -> None:
    with pytest.raises(UsageError) as caught:
        parse_model("--lleval-model", "openai/m@https://user:hunter2@host/v1")
    assert "hunter2" not in str(caught.value)


def test_a_query_in_an_address_is_refused_and_not_repeated() -> None:
    with pytest.raises(UsageError) as caught:
        parse_model("--lleval-model", "openai/m@https://host/v1?key=hunter2")
    assert "hunter2" not in str(caught.value)


def test_a_table_gives_a_model_a_name_and_options() -> None:
    tables = {"fast": {"model": "local/smollm2-135m", "slots": 4, "base_url": "http://h/v1/"}}
    spec = parse_model("--lleval-model", "fast", tables)
    assert (spec.name, spec.label, spec.base_url, dict(spec.options)) == ("fast", "fast", "http://h/v1", {"slots": 4})


@pytest.mark.parametrize("table", [{}, {"model": 3}, {"model": "a/b", "slots": [1]}, {"model": "a/b", "api_key": "x"}])
def test_a_broken_table_is_refused_by_name(table: dict[str, object]) -> None:
    with pytest.raises(UsageError, match=r"tool\.pytest_lleval\.models\.fast"):
        parse_model("--lleval-model", "fast", {"fast": table})


def test_arguments_are_pairs() -> None:
    assert parse_arguments("--lleval-arg", ["a=1", "b = x=y "]) == {"a": "1", "b": "x=y"}
    with pytest.raises(UsageError, match="'five' is not of the form NAME=VALUE"):
        parse_arguments("--lleval-arg", ["five"])


def test_names_are_split_at_commas_once_each() -> None:
    assert split_names(["a, b", "b,c", ""]) == ("a", "b", "c")


PLACE = "--lleval-acknowledge"


def test_a_finding_is_acknowledged_with_a_reason() -> None:
    values = ["F3: a mock, on purpose: see #12 ", "E:shared machine", "F3:again"]
    assert parse_acknowledgements(PLACE, values) == {
        "F3": "a mock, on purpose: see #12; again",
        "E": "shared machine",
    }
    assert parse_acknowledgements(PLACE, []) == {}


@given(st.sampled_from(ACKNOWLEDGEABLE), st.text(min_size=1).map(str.strip).filter(bool))
def test_any_reason_for_any_factor_is_kept_as_it_was_written(factor: str, reason: str) -> None:
    assert parse_acknowledgements(PLACE, [f"{factor}:{reason}"]) == {factor: reason}


@pytest.mark.parametrize("value", ["F3", "F3:", "F3:  ", "F3 :"])
def test_a_finding_is_not_acknowledged_without_a_reason(value: str) -> None:
    with pytest.raises(UsageError, match=r"--lleval-acknowledge: .* has no reason; write it as F3:REASON"):
        parse_acknowledgements(PLACE, [value])


@pytest.mark.parametrize("value", ["F6:x", "f3:x", ":x", "", "F3,F4:x", "critical:x"])
def test_a_factor_that_does_not_exist_cannot_be_acknowledged(value: str) -> None:
    with pytest.raises(UnknownNameError, match=r"--lleval-acknowledge: no factor is called .*F[1-5]"):
        parse_acknowledgements(PLACE, [value])
