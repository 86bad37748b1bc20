import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_lleval.core.errors import SuiteError
from pytest_lleval.core.records import Completion, Sample
from pytest_lleval.scoring.scorers import choice, exact, includes, number_flexible, number_strict, pattern

# lone surrogates included: models emit them
ANY_TEXT = st.text(alphabet=st.characters())


def say(text):
    return Completion(text=text, model="test")


def value(scorer, text, *targets, choices=()):
    return scorer(Sample(id="1", input="?", target=targets, choices=choices), say(text)).value


def test_exact_ignores_case_and_white_space_around():
    assert value(exact(), " PARIS\n", "Paris") == 1
    assert value(exact(), "Paris, France", "Paris") == 0


def test_exact_can_be_told_to_mind_case_and_white_space():
    assert value(exact(ignore_case=False), "PARIS", "Paris") == 0
    assert value(exact(strip=False), "Paris ", "Paris") == 0


def test_exact_accepts_any_target():
    assert value(exact(), "Berne", "Bern", "Berne") == 1


def test_includes_finds_a_target_anywhere():
    score = includes()(Sample(id="1", input="?", target=("Bern", "Berne")), say("It is bern."))
    assert (score.value, score.answer) == (1, "Bern")
    assert value(includes(ignore_case=False), "It is bern.", "Bern") == 0


def test_includes_refuses_a_sample_without_target_instead_of_scoring_it():
    with pytest.raises(SuiteError, match="sample '1' has no target"):
        value(includes(), "anything", "")


def test_pattern_compares_the_captured_group():
    assert value(pattern(r"answer: (\w+)"), "my answer: paris!", "Paris") == 1
    assert value(pattern(r"(?P<a>\w+)=(?P<b>\w+)", group="b"), "x=7", "7") == 1
    assert value(pattern(r"\d+"), "it is 42.", "42") == 1
    assert value(pattern(r"\d+"), "no number", "42") == 0


def test_pattern_with_a_group_that_took_no_part_scores_zero():
    assert value(pattern(r"a|(b)"), "a", "b") == 0


@pytest.mark.parametrize(("regex", "group"), [("(", None), ("a", 1), ("(?P<a>a)", "b")])
def test_a_broken_pattern_is_refused_when_the_suite_is_built(regex, group):
    with pytest.raises(SuiteError, match="pattern"):
        pattern(regex, group=group)


def test_scorers_carry_the_name_they_are_given():
    assert [exact(name="a").name, includes().name, pattern("b").name, number_strict().name] == [
        "a",
        "includes",
        "pattern",
        "strict",
    ]


@given(text=ANY_TEXT)
@settings(max_examples=200, deadline=None)
def test_no_text_makes_a_scorer_raise(text):
    sample = Sample(id="1", input="?", target="7")
    lettered = Sample(id="1", input="?", target="B", choices=("x", "y"))
    for scorer in (exact(), includes(), pattern(r"(\w+)$"), number_strict(), number_flexible()):
        assert 0 <= scorer(sample, say(text)).value <= 1
    assert 0 <= choice()(lettered, say(text)).value <= 1
