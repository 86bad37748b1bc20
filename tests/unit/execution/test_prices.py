import json
import re
from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_lleval.core.errors import UsageError
from pytest_lleval.core.records import Usage
from pytest_lleval.core.settings import ModelSpec, Settings, parse_model
from pytest_lleval.execution.prices import Price, check_budget, find_price

TABLE = json.loads(files("pytest_lleval.execution").joinpath("prices.json").read_text(encoding="utf-8"))
KNOWN = [(provider, name) for provider, models in TABLE["models"].items() for name in models]
TOKENS = st.none() | st.integers(0, 10**9)


def price_of(name: str, **table: object) -> Price | None:
    if table:
        return find_price(parse_model("test", "mine", {"mine": {"model": name, **table}}))
    return find_price(parse_model("test", name))


def test_the_table_says_how_old_it_is_and_where_it_comes_from() -> None:
    assert re.fullmatch(r"\d{4}-\d{2}-\d{2}", TABLE["date"])
    assert "https://" in TABLE["source"]


@pytest.mark.parametrize(("provider", "name"), KNOWN)
def test_every_entry_is_a_price_with_output_dearer_than_input_and_cached_input_cheaper(
    provider: str, name: str
) -> None:
    price = find_price(ModelSpec(provider=provider, model=name))
    assert price is not None
    assert 0 < price.cached_input <= price.input < price.output


@pytest.mark.parametrize(
    ("name", "same"),
    [
        ("openai/gpt-4o-mini-2024-07-18", "openai/gpt-4o-mini"),
        ("openai/gpt-4o-2024-11-20", "openai/gpt-4o"),
        ("openai/gpt-4o-mini@https://gateway.example.com/v1", "openai/gpt-4o-mini"),
        ("anthropic/claude-sonnet-4-5-20250929", "anthropic/claude-sonnet-4-5"),
        ("anthropic/claude-opus-4-20250514", "anthropic/claude-opus-4"),
        ("anthropic/claude-3-5-haiku-latest", "anthropic/claude-3-5-haiku"),
    ],
)
def test_a_dated_name_costs_what_its_alias_costs(name: str, same: str) -> None:
    assert price_of(name) == price_of(same) is not None


def test_a_dated_name_with_a_price_of_its_own_keeps_it() -> None:
    assert price_of("openai/gpt-4o-2024-05-13") == Price(input=5.0, cached_input=5.0, output=15.0)


@pytest.mark.parametrize(
    "name",
    [
        "openai/gpt-5-pro",
        "openai/gpt-4o-mini-audio-preview",
        "openai/gpt-4",
        "openai/gpt-4omega",
        "anthropic/claude-opus-4-9",
        "anthropic/gpt-4o",
        "openai/llama-3@http://127.0.0.1:8000/v1",
        "elsewhere/gpt-4o",
    ],
)
def test_another_model_that_begins_with_a_known_name_has_no_price(name: str) -> None:
    assert price_of(name) is None


@pytest.mark.parametrize(
    "name", ["local/smollm2-135m", "local-batched/x.gguf", "mock/echo", "callable/module:function"]
)
def test_what_runs_here_costs_nothing(name: str) -> None:
    assert price_of(name) == Price(input=0.0, cached_input=0.0, output=0.0)


@pytest.mark.parametrize("name", ["openai/gpt-4o", "openai/unheard-of", "callable/module:function"])
def test_a_model_table_comes_first(name: str) -> None:
    price = price_of(name, input_price=3, output_price="0.5")
    assert price == Price(input=3.0, cached_input=3.0, output=0.5)


@pytest.mark.parametrize("value", ["cheap", -1, True, "nan", float("inf")])
def test_a_price_that_is_no_number_from_0_up_is_refused_with_the_name_of_its_table(value: object) -> None:
    with pytest.raises(UsageError, match=r"\[tool\.pytest_lleval\.models\.mine\]: input_price = .* is not a number"):
        price_of("openai/gpt-4o", input_price=value, output_price=1)


@pytest.mark.parametrize("name", ["input_price", "output_price"])
def test_half_a_price_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match=f"models.mine.*{name} alone; a price needs input_price and output_price"):
        price_of("openai/gpt-4o", **{name: 1})


def test_cached_input_costs_its_own_price() -> None:
    price = Price(input=10.0, cached_input=1.0, output=100.0)
    usage = Usage(input_tokens=300_000, cached_tokens=200_000, output_tokens=10_000)
    assert price.weigh(usage) == pytest.approx(1.0 + 0.2 + 1.0)


@given(input_tokens=TOKENS, output_tokens=TOKENS, cached_tokens=TOKENS)
def test_a_call_never_costs_less_than_nothing_or_more_than_without_a_cache(
    input_tokens: int | None, output_tokens: int | None, cached_tokens: int | None
) -> None:
    price = Price(input=10.0, cached_input=1.0, output=100.0)
    reported = Usage(input_tokens=input_tokens, output_tokens=output_tokens, cached_tokens=cached_tokens)
    fresh = Usage(input_tokens=input_tokens, output_tokens=output_tokens)
    assert 0 <= price.weigh(reported) <= price.weigh(fresh) * (1 + 1e-9)


def make_settings(*models: str, max_cost: float | None = None, max_tokens_total: int | None = None) -> Settings:
    specs = tuple(parse_model("test", model) for model in models)
    return Settings(models=specs, max_cost=max_cost, max_tokens_total=max_tokens_total)


def test_a_budget_in_money_needs_the_price_of_every_model() -> None:
    with pytest.raises(UsageError, match=r"'openai/unheard-of'.*input_price.*--lleval-max-tokens-total"):
        check_budget(make_settings("openai/gpt-4o", "openai/unheard-of", max_cost=5.0))


def test_a_budget_in_tokens_stands_in_for_a_price_and_says_so() -> None:
    models = ("openai/gpt-4o", "openai/unheard-of", "openai/nor-of-this")
    found = check_budget(make_settings(*models, max_cost=5.0, max_tokens_total=1000))
    assert [disclosure.severity for disclosure in found] == ["warning", "warning"]
    assert [disclosure.evidence["model"] for disclosure in found] == ["openai/unheard-of", "openai/nor-of-this"]
    assert "--lleval-max-cost=5" in found[0].message
    assert "--lleval-max-tokens-total=1000" in found[0].message


@pytest.mark.parametrize(
    "settings",
    [
        make_settings("openai/unheard-of"),
        make_settings("openai/unheard-of", max_tokens_total=1000),
        make_settings("openai/gpt-4o", "mock/echo", max_cost=5.0),
    ],
)
def test_a_budget_that_can_be_kept_needs_no_disclosure(settings: Settings) -> None:
    assert check_budget(settings) == ()
