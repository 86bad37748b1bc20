from hypothesis import assume, given, settings
from hypothesis import strategies as st

from pytest_lleval.support.seeds import derive_seed

WORDS = st.lists(st.text(max_size=6) | st.integers(0, 99), max_size=4)


@settings(max_examples=100, deadline=None)
@given(st.integers(), WORDS)
def test_seed_is_in_range(root, words):
    assert 0 <= derive_seed(root, *words) < 2**31


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 9), WORDS, WORDS)
def test_seed_depends_on_the_words_and_their_order(root, words, others):
    assume([*map(repr, words)] != [*map(repr, others)])
    assert derive_seed(root, *words) != derive_seed(root, *others)


def test_seed_does_not_depend_on_who_asked_before():
    names = [("mmlu", f"anatomy/{index}", 0) for index in range(50)]
    forward = {name: derive_seed(7, *name) for name in names}
    backward = {name: derive_seed(7, *name) for name in reversed(names)}
    assert forward == backward


def test_seed_is_the_same_in_every_release():
    assert derive_seed(0, "mmlu", "1", "anatomy/17", 0) == 2141337961


def test_seeds_of_a_full_run_do_not_meet():
    assert len({derive_seed(0, "mmlu", index) for index in range(14_042)}) == 14_042


def test_root_changes_every_seed():
    assert derive_seed(0, "a", 1) != derive_seed(1, "a", 1)
    assert derive_seed(1, 2) != derive_seed(12)
