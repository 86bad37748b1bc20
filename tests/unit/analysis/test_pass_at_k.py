from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_lleval.analysis.pass_at_k import pass_at_k, pass_hat_k

COUNTS = st.integers(1, 8).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n), st.integers(1, n)))


@given(COUNTS)
def test_both_agree_with_all_ways_to_choose_k_attempts(counts):
    n, c, k = counts
    chosen = list(combinations([True] * c + [False] * (n - c), k))
    assert pass_at_k(n, c, k) == pytest.approx(sum(map(any, chosen)) / len(chosen))
    assert pass_hat_k(n, c, k) == pytest.approx(sum(map(all, chosen)) / len(chosen))


def test_one_attempt_has_the_rate_either_way():
    assert pass_at_k(10, 3, 1) == pytest.approx(0.3)
    assert pass_hat_k(10, 3, 1) == pytest.approx(0.3)


def test_many_attempts_do_not_overflow():
    assert pass_at_k(100_000, 1, 50_000) == pytest.approx(0.5)
    assert pass_hat_k(100_000, 99_999, 50_000) == pytest.approx(0.5)


@pytest.mark.parametrize("function", [pass_at_k, pass_hat_k])
def test_more_attempts_than_were_made_are_an_error(function):
    with pytest.raises(ValueError, match="k=6 attempts from n=5"):
        function(5, 2, 6)
    with pytest.raises(ValueError, match="k=0"):
        function(5, 2, 0)
    with pytest.raises(ValueError, match="7 of 5"):
        function(5, 7, 1)
