import json
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_lleval.core.errors import SuiteError
from pytest_lleval.core.records import Completion, Sample
from pytest_lleval.scoring.numbers import number_flexible, number_strict, parse_number

FORMS = ("{}", "{}.", "${}", "${}.")


def score(scorer, text, target):
    return scorer(Sample(id="test/0", input="?", target=target), Completion(text=text, model="test"))


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("18", 18),
        ("18.0", 18),
        ("18.", 18),
        ("18...", 18),
        ("-1,450,000", -1450000),
        ("-$5", -5),
        ("$18.50", Decimal("18.5")),
        (".5", Decimal("0.5")),
        ("1.2.3", None),
        ("-", None),
        ("$,.", None),
        ("1e5", None),
        ("٣", None),
        ("__import__('os')", None),
    ],
)
def test_numbers_are_read_as_written_by_people(text, number):
    assert parse_number(text) == number


def test_strict_reads_the_number_after_the_hashes():
    assert score(number_strict(), "6 * 3 = 18\n#### 18", "18").value == 1
    assert score(number_strict(), "#### -18", "-18").value == 1
    assert score(number_strict(), "#### 1,450,000.", "1,450,000").value == 1
    assert score(number_strict(), "The answer is 18", "18").value == 0


def test_strict_takes_the_first_of_several():
    assert score(number_strict(), "#### 18\n\nQuestion: next\n#### 7", "18").value == 1


def test_flexible_reads_the_last_number():
    assert score(number_flexible(), "6 * 3 = <<6*3=18>>18 eggs, so $18 in all.", "18").value == 1
    assert score(number_flexible(), "It was 18, then 19", "18").value == 0
    assert score(number_flexible(), "The balance is -5", "-5").value == 1
    assert score(number_flexible(), "no number at all", "18").answer is None


def test_punctuation_at_the_end_is_no_number():
    assert score(number_flexible(), "It is 18 ... $$", "18").value == 1


def test_equal_numbers_are_equal_in_any_spelling():
    assert score(number_flexible(), "18.00", "18").value == 1
    assert score(number_strict(), "#### 1450000", "1,450,000").value == 1


def test_a_sign_makes_a_difference():
    assert score(number_flexible(), "5", "-5").value == 0


def test_an_answer_that_is_no_number_says_so():
    found = score(number_strict(), "#### 1.2.3", "1")
    assert (found.value, found.answer, found.explanation) == (0, "1.2.3", "what was found is not one number")


def test_a_long_run_of_digits_is_compared_in_full_and_shown_in_part():
    found = score(number_flexible(), "1" * 20_000, "1" * 20_000)
    assert found.value == 1
    assert len(found.answer) == 80


def test_a_target_that_is_no_number_is_the_suites_fault():
    with pytest.raises(SuiteError, match="'eighteen' of sample 'test/0'"):
        score(number_strict(), "#### 18", "eighteen")


@given(number=st.integers(-(10**12), 10**12), commas=st.booleans(), form=st.sampled_from(FORMS))
@settings(max_examples=200, deadline=None)
def test_a_right_number_scores_one_in_any_format(number, commas, form):
    text = form.format(f"{number:,}" if commas else str(number))
    assert score(number_flexible(), f"We get 3 and so the answer is {text}", str(number)).value == 1
    if "$" not in form:
        assert score(number_strict(), f"We get 3.\n#### {text}", str(number)).value == 1


@given(number=st.integers(-(10**6), 10**6), other=st.integers(-(10**6), 10**6))
@settings(max_examples=100, deadline=None)
def test_only_the_right_number_scores_one(number, other):
    assert score(number_flexible(), f"It is {other}.", str(number)).value == float(number == other)


def test_all_worked_answers_of_gsm8k_score_one(data_dir):
    for split in ("test", "train"):
        lines = (data_dir / "gsm8k" / f"{split}.jsonl").read_text(encoding="utf-8").strip().split("\n")
        for answer in (json.loads(line)["answer"] for line in lines):
            gold = answer.partition("#### ")[2]
            assert score(number_strict(), answer, gold).value == 1
            assert score(number_flexible(), answer, gold).value == 1
