import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_lleval.core.errors import UsageError
from pytest_lleval.core.settings import Settings
from pytest_lleval.core.shards import Shard, parse_shard


@given(st.integers(1, 500_000), st.integers(0, 500_000))
def test_a_shard_is_read_as_it_is_shown(index: int, more: int) -> None:
    shard = parse_shard("--lleval-shard", f"{index}/{index + more}")
    assert shard == (Shard(index=index, count=index + more) if index + more > 1 else None)
    assert shard is None or parse_shard("x", f" {shard} ") == shard


def test_one_of_one_is_the_whole() -> None:
    assert parse_shard("--lleval-shard", "1/1") is None


@pytest.mark.parametrize(
    "text", ["0/3", "4/3", "a/b", "", "3", "1/0", "-1/3", "1/3/5", "1.5/3", "1/-3", "²/3", "٣/٣", "1/1000001"]
)
def test_what_is_no_shard_is_refused_in_one_sentence(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_shard("--lleval-shard", text)
    assert str(caught.value).startswith(f"--lleval-shard: {text!r} is no shard; write I/N with I from 1 to N")


def test_a_number_without_end_is_no_shard() -> None:
    with pytest.raises(UsageError, match=r"and N of at most 1,000,000$"):
        parse_shard("--lleval-shard", "1/" + "9" * 5000)


@pytest.mark.parametrize("shard", [None, Shard(index=2, count=8)])
def test_a_shard_survives_the_way_to_a_worker(shard: Shard | None) -> None:
    settings = Settings(suites=("s",), shard=shard)
    assert Settings.decode(json.loads(json.dumps(settings.encode()))) == settings


def test_settings_of_runs_from_before_there_were_shards_are_those_of_whole_runs() -> None:
    raw = Settings(suites=("s",)).encode()
    del raw["shard"]
    assert Settings.decode(raw).shard is None
