import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_lleval.core.errors import UsageError
from pytest_lleval.core.sizes import SIZES, parse_sizes


def read(text: str) -> list[tuple[str, int]]:
    return [(size.name, size.tokens) for size in parse_sizes("--lleval-matrix", text)]


def test_named_sizes_are_powers_of_two() -> None:
    assert read("xs,s,m,l,xl") == [("xs", 128), ("s", 512), ("m", 2048), ("l", 8192), ("xl", 32_768)]


def test_sizes_of_ones_own_are_numbers_with_or_without_a_k() -> None:
    assert read("256,1k,4K") == [("256", 256), ("1k", 1024), ("4k", 4096)]


def test_a_size_named_twice_is_measured_once_under_its_first_name() -> None:
    assert read("m,2k,2048, xs ,128") == [("xs", 128), ("m", 2048)]


@given(st.lists(st.sampled_from([*SIZES, "1", "77", "3k", "900000"]), min_size=1))
def test_sizes_ascend_and_none_comes_twice(words: list[str]) -> None:
    tokens = [size.tokens for size in parse_sizes("here", ",".join(words))]
    assert tokens == sorted(set(tokens))
    # what is written again is read as the same
    assert [size.tokens for size in parse_sizes("here", ",".join(map(str, tokens)))] == tokens


@pytest.mark.parametrize("word", ["", "xxl", "0", "-5", "1.5k", "k", "2m", "1e3", "٣", "12345678901"])
def test_what_is_no_size_is_named_with_what_would_be_one(word: str) -> None:
    with pytest.raises(UsageError, match=r"--lleval-matrix: .* is no prompt size; write xs \(128\), .*4k") as caught:
        parse_sizes("--lleval-matrix", f"s,{word}")
    assert repr(word) in str(caught.value)
