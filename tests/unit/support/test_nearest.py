from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_lleval.support.nearest import suggest_names


def test_near_name_is_suggested():
    assert suggest_names("mmul", ["gsm8k", "mmlu"]) == "did you mean 'mmlu'?"


def test_several_near_names_are_suggested():
    words = suggest_names("college_math", ["college_maths", "college_mathematics", "law"])
    assert words == "did you mean 'college_maths' or 'college_mathematics'?"


def test_all_names_are_listed_when_none_is_near():
    assert suggest_names("zzz", ["mmlu", "gsm8k"]) == "known: gsm8k, mmlu"


def test_long_list_is_cut():
    words = suggest_names("zzz", [f"suite_{index:02}" for index in range(15)])
    assert words.endswith("suite_11 and 3 more")


def test_nothing_to_choose_from_is_said():
    assert suggest_names("mmlu", []) == "there is none to choose from"


@settings(max_examples=40, deadline=None)
@given(st.text(max_size=8), st.lists(st.text(max_size=8), max_size=20))
def test_order_of_the_known_names_does_not_matter(name, known):
    assert suggest_names(name, known) == suggest_names(name, reversed(known))
