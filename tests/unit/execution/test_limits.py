"""What bounds the calls of a whole run."""

import pytest

from pytest_lleval.core.errors import UsageError, ViolationError
from pytest_lleval.core.settings import ModelSpec, Settings, parse_model
from pytest_lleval.execution.limits import RunLimits
from pytest_lleval.execution.quota import Message

MODELS = (ModelSpec(provider="openai", model="gpt-4o"),)
TABLES = {"mine": {"model": "openai/mine", "input_price": 2e6, "output_price": 0.0}}


def make(**limits: object) -> RunLimits:
    return RunLimits(Settings(models=MODELS, **limits), lambda name: parse_model("", name, TABLES))


def ask(limits: RunLimits, ticket: int, model: str) -> list[Message]:
    answers: list[Message] = []
    limits.receive("gw0", ("need", ticket, model, 1, 1), answers.append)
    return answers


def test_a_run_without_limits_has_no_quota() -> None:
    limits = make()
    assert limits.quota is None
    assert ask(limits, 1, "openai/gpt-4o") == []
    limits.close()


def test_models_of_the_run_and_models_that_tests_name_cost_what_they_cost() -> None:
    limits = make(max_cost=1e-6)
    ((_, ticket, refusal),) = ask(limits, 1, "openai/gpt-4o")
    assert ticket == 1
    assert "--lleval-max-cost" in refusal
    limits.close()
    limits = make(max_cost=3.0)
    assert limits.quota is not None
    assert ask(limits, 1, "mine") == [("go", 1, None)]
    limits.receive("gw0", ("spent", 1, 1, 1, None), lambda _: None)
    assert limits.quota.snapshot()["cost"] == 2.0
    assert "--lleval-max-cost" in ask(limits, 2, "mine")[0][2]
    limits.close()


def test_a_call_of_no_model_is_refused() -> None:
    with pytest.raises(ViolationError, match="a call of 'nothing', which is no model here"):
        ask(make(rpm=60.0), 1, "nothing")


def test_a_price_that_does_not_fit_is_named_at_once() -> None:
    spec = ModelSpec(provider="openai", model="x", options={"input_price": 1.0})
    with pytest.raises(UsageError, match="sets input_price alone"):
        RunLimits(Settings(models=(spec,)), lambda _: spec)
