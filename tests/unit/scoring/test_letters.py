import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_lleval.core.errors import SuiteError
from pytest_lleval.core.records import Completion, Sample, TokenLogprob
from pytest_lleval.scoring.letters import choice, choice_logprob

FOUR = ("one", "two", "three", "four")


def ask(target="B", choices=FOUR):
    return Sample(id="anatomy/17", input="?", target=target, choices=choices)


def say(text):
    return Completion(text=text, model="test")


def rank(top, token="B", logprob=-9.0):
    return Completion(text=token, model="test", logprobs=(TokenLogprob(token=token, logprob=logprob, top=top),))


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("B", "B"),
        ("  (B) two", "B"),
        ("B.", "B"),
        ("\nB: because", "B"),
        ("**B**", "B"),
        ("The answer is (B).", "B"),
        ("I think the answer is B, not C", "B"),
        ("Answer: B", "B"),
        ("the Answer is **C**", "C"),
        ("Below are the facts", None),
        ("Ångström", None),
        ("Bé", None),
        ("b", None),
        ("E", None),
        ("two", None),
        ("the answer is Done", None),
        ("", None),
    ],
)
def test_the_letter_is_read_from_the_start_or_from_the_answer_phrase(text, answer):
    assert choice()(ask(), say(text)).answer == answer


def test_no_letter_scores_zero_and_says_why():
    score = choice()(ask(), say("two"))
    assert (score.value, score.answer, score.explanation) == (0, None, "no answer letter among A, B, C, D found")


def test_letters_beyond_the_choices_are_no_answers():
    assert choice()(ask(choices=("one", "two")), say("C")).answer is None


def test_twin_options_are_told_apart_by_letter_alone():
    sample = ask(target="C", choices=("same", "x", "same", "y"))
    assert choice()(sample, say("C")).value == 1
    assert choice()(sample, say("A")).value == 0
    assert choice()(sample, say("same")).value == 0


@pytest.mark.parametrize("sample", [ask(target="two"), ask(target="D", choices=("x", "y")), ask(target="")])
def test_a_target_that_is_no_letter_is_the_suites_fault(sample):
    with pytest.raises(SuiteError, match="anatomy/17"):
        choice()(sample, say("B"))


def test_more_choices_than_letters_need_more_letters():
    five = ask(target="E", choices=(*FOUR, "five"))
    with pytest.raises(SuiteError, match="5 choices"):
        choice()(five, say("E"))
    assert choice(letters="ABCDE")(five, say("E")).value == 1


def test_the_likeliest_letter_is_the_answer():
    score = choice_logprob()(ask(), rank({" A": -2.0, " B": -0.5, "C": -1.0, "The": -0.1}))
    assert (score.value, score.answer) == (1, "B")
    assert score.explanation == "A -2.0000, B -0.5000, C -1.0000, D -inf"


def test_a_letter_with_and_without_space_counts_with_the_higher():
    assert choice_logprob()(ask("A"), rank({" A": -3.0, "A": -0.2, "B": -0.3})).answer == "A"


def test_the_token_itself_counts_when_it_is_not_among_the_alternatives():
    assert choice_logprob()(ask(), rank({" A": -2.0}, token=" B", logprob=-1.0)).answer == "B"


def test_the_first_of_equal_letters_wins():
    assert choice_logprob()(ask(), rank({"D": -1.0, "C": -1.0}, token="x")).answer == "C"


def test_no_letter_among_the_alternatives_scores_zero():
    score = choice_logprob()(ask(), rank({"The": -0.1}, token="The"))
    assert (score.value, score.answer) == (0, None)
    assert "none of A, B, C, D" in score.explanation


def test_a_server_without_logprobs_is_not_taken_for_a_wrong_answer():
    with pytest.raises(SuiteError, match="no log probabilities"):
        choice_logprob()(ask(), say("B"))


def test_a_model_that_ends_at_once_gave_no_letter():
    assert choice_logprob()(ask(), say("")).value == 0


@given(
    top=st.dictionaries(st.text(alphabet=st.characters()), st.floats(max_value=0.0)),
    token=st.text(alphabet=st.characters()),
    logprob=st.floats(),
)
@settings(max_examples=150, deadline=None)
def test_no_logprobs_make_the_scorer_raise(top, token, logprob):
    score = choice_logprob()(ask(), rank(top, token, logprob))
    assert score.value in (0, 1)
    assert not math.isnan(score.value)
