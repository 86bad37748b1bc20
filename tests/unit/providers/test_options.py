"""Options of a model table are checked, and those of every provider in the same way."""

import pytest
from provider_cases import make_spec

from pytest_lleval.core.errors import UsageError
from pytest_lleval.providers.options import read_client, read_seconds
from pytest_lleval.providers.registry import read_max_retries


@pytest.mark.parametrize("name", ["openai/m", "local/smollm2-135m", "mock/echo", "callable/m:f", "house/m"])
def test_retries_are_ten_unless_the_table_of_whatever_model_says_otherwise(name):
    assert read_max_retries(make_spec(name)) == 20
    assert read_max_retries(make_spec(name, max_retries=0)) == 0
    assert read_max_retries(make_spec(name, max_retries=3.0)) == 3


@pytest.mark.parametrize("value", [-1, 1.5, "many", True, float("inf"), float("nan")])
def test_retries_are_whole_numbers_from_0_up(value):
    with pytest.raises(UsageError, match=r"tool\.pytest_lleval\.models\.m\]: max_retries = "):
        read_max_retries(make_spec("openai/m", max_retries=value))


def test_client_is_light_unless_the_table_says_otherwise():
    assert read_client(make_spec("openai/m")) == "light"
    assert read_client(make_spec("openai/m", client="light")) == "light"
    assert read_client(make_spec("openai/m", client="official")) == "official"


@pytest.mark.parametrize("value", ["offical", "", 1, True])
def test_another_client_is_a_usage_error(value):
    with pytest.raises(UsageError, match=r'client = .* is neither "light" nor "official"'):
        read_client(make_spec("openai/m", client=value))


def test_a_time_limit_of_nothing_is_a_usage_error():
    assert read_seconds(make_spec("openai/m", timeout=0.5), "timeout", 1.0) == 0.5
    with pytest.raises(UsageError, match="timeout = 0 leaves no time"):
        read_seconds(make_spec("openai/m", timeout=0), "timeout", 1.0)
