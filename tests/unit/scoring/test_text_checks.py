"""Checks of an answer as a text: exact, contains, regex, similar."""

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_lleval.core.errors import UsageError
from pytest_lleval.core.records import Completion
from pytest_lleval.scoring.grading import Grade

# texts


def test_a_completion_is_read_as_its_text(grade):
    assert grade.exact(Completion(text=" Paris\n", model="m"), "Paris")
    assert grade.scores[0].answer == "Paris"


@pytest.mark.parametrize("answer", [None, 5, b"Paris", ["Paris"], Ellipsis])
def test_what_has_no_text_is_refused(grade, answer):
    with pytest.raises(UsageError, match=r"grade.exact in .*: .* is no text; give a str, or an answer"):
        grade.exact(answer, "Paris")


@pytest.mark.parametrize(
    ("targets", "reason"),
    [
        (5, r"the target 5 \(int\) is no text"),
        (None, r"the target None \(NoneType\) is no text"),
        ({"a": 1}, "is no text"),
        ([], "the list of targets is empty"),
        (["a", 5], r"the list of targets holds 5 \(int\)"),
        ([None], r"the list of targets holds None \(NoneType\)"),
    ],
)
def test_targets_are_texts(grade, targets, reason):
    with pytest.raises(UsageError, match=reason):
        grade.exact("a", targets)


def test_exact_compares_the_whole_text_and_strips_it(grade):
    assert grade.exact(" Paris\n", "Paris ")
    assert not grade.exact("Paris.", "Paris")
    assert not grade.exact("", "Paris")
    assert grade.exact(" ", "")


def test_any_of_several_targets_is_right(grade):
    assert grade.exact("Paris", ("London", "Paris"))
    assert grade.contains("It is Paris", ["London", "Paris"])
    assert not grade.exact("Rome", {"Paris", "London"})
    assert grade.scores[-1].explanation == "got 'Rome', expected 'London' or 'Paris'"


def test_exact_says_when_only_case_or_white_space_differ(grade):
    assert repr(grade.exact("paris", "Paris")) == "<exact 0: got 'paris', expected 'Paris'; only the case differs>"
    assert "only the white space around it differs" in repr(grade.exact("Paris ", "Paris", strip=False))
    assert grade.exact("STRASSE", "straße", ignore_case=True)


def test_long_texts_are_shown_where_they_differ(grade):
    shown = repr(grade.exact("x" * 500 + "A" + "y" * 500, "x" * 500 + "B" + "y" * 500))
    assert "xA" in shown
    assert "xB" in shown
    assert "they differ from character 500" in shown
    assert len(shown) < 240


def test_an_answer_that_was_cut_off_differs_at_its_end(grade):
    assert "they differ from character 90" in repr(grade.exact("x" * 90, "x" * 100))


def test_contains_wants_any_of_several_or_all(grade):
    text = "The Seine flows through paris"
    assert grade.contains(text, ["Seine", "Thames"])
    assert grade.contains(text, ["Seine", "The"], how="all")
    assert repr(grade.contains(text, ["Seine", "Rome", "Bern"], how="all")) == (
        "<contains_3 0: 1 of 3 occur; 'Rome' and 'Bern' not in 'The Seine flows through paris'>"
    )
    assert "only the case differs" in repr(grade.contains(text, "Paris"))
    assert grade.contains(text, "PARIS", ignore_case=True)


def test_contains_refuses_what_occurs_everywhere_and_other_ways(grade):
    with pytest.raises(UsageError, match="an empty needle occurs everywhere"):
        grade.contains("a", ["b", ""])
    with pytest.raises(UsageError, match="how='some' is neither 'any' nor 'all'"):
        grade.contains("a", "b", how="some")


def test_regex_searches_and_keeps_what_matched(grade):
    assert grade.regex("Order A-17 is late", r"[A-Z]-\d+")
    assert grade.scores[0].answer == "A-17"
    assert grade.regex("yes", "^YES$", flags=re.IGNORECASE)
    assert grade.regex("yes", re.compile("y"))
    assert repr(grade.regex("no", "y")) == "<regex_4 0: nothing matches 'y' in 'no'>"


@pytest.mark.parametrize("pattern", ["(", 5, None, b"a"])
def test_a_broken_pattern_is_the_test_s_fault(grade, pattern):
    with pytest.raises(UsageError, match=r"grade.regex in .*: the pattern .* is (no regular expression|for bytes)"):
        grade.regex("a", pattern)


def test_flags_of_a_compiled_pattern_cannot_be_changed(grade):
    with pytest.raises(UsageError, match="cannot process flags argument"):
        grade.regex("a", re.compile("a"), flags=re.IGNORECASE)


# similarity


def test_similarity_is_the_share_of_characters_in_common(grade):
    pytest.importorskip("rapidfuzz")
    assert grade.similar("abcd ", "abcd") == 1
    assert grade.similar("abcd", "abxy") == 0.5
    assert grade.similar("abc", "xyz") == 0
    assert grade.similar("abcd", ["xyz", "abcx"]) == 0.75
    assert repr(grade.similar("abcd", ["xyz", "abcx"])) == (
        "<similar_5 0.75, passes from 1: got 'abcd', expected 'abcx'>"
    )


@pytest.mark.parametrize("threshold", [-0.1, 80, math.nan, "high"])
def test_a_threshold_is_a_number_from_0_to_1(grade, threshold):
    with pytest.raises(UsageError, match="is not a threshold; give a bool or a number from 0 to 1"):
        grade.similar("a", "a", threshold=threshold)


@given(st.text(), st.text())
def test_no_text_of_a_model_makes_a_check_raise(text, target):
    grade = Grade()
    for graded in (
        grade.exact(text, target),
        grade.contains(text, target or "x"),
        grade.regex(text, re.escape(target)),
        grade.numeric(text, 18, tolerance=1),
    ):
        assert 0 <= graded <= 1
        assert repr(graded).isprintable()


@given(st.text(), st.text())
def test_similarity_is_1_for_equal_texts_alone(text, target):
    pytest.importorskip("rapidfuzz")
    value = Grade().similar(text, target)
    assert 0 <= value <= 1
    assert (value == 1) is (text.strip() == target.strip())
