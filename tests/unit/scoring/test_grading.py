import copy
import math
import pickle
import sys
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_lleval.core.errors import UsageError
from pytest_lleval.core.records import Score
from pytest_lleval.scoring.grading import Grade, Graded

CASE = "tests/test_tickets.py::test_routes[row-1]"


def names(grade):
    return [score.name for score in grade.scores]


# what a test says itself


def test_grades_are_kept_as_scores_in_order(grade):
    grade(True, name="routed")
    grade(0.5, name="tone", explanation="too short")
    assert grade.scores == (Score(name="routed", value=1.0), Score(name="tone", value=0.5, explanation="too short"))


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (True, 1.0),
        (False, 0.0),
        (1, 1.0),
        (0.25, 0.25),
        (np.bool_(True), 1.0),
        (np.float32(0.5), 0.5),
        (np.int64(0), 0.0),
        (np.array(0.5), 0.5),
        (Decimal("0.5"), 0.5),
        (Fraction(1, 4), 0.25),
        (Graded(0.75, "earlier"), 0.75),
    ],
)
def test_bools_and_numbers_from_0_to_1_are_grades(grade, value, kept):
    grade(value)
    assert grade.scores[0].value == kept
    assert type(grade.scores[0].value) is float


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, r"None \(NoneType\)"),
        ("yes", r"'yes' \(str\)"),
        ("1", r"'1' \(str\)"),
        (b"1", r"b'1' \(bytes\)"),
        (math.nan, r"nan \(float\)"),
        (np.float64("nan"), "nan"),
        (Decimal("sNaN"), "sNaN"),
        (1.0000001, "1.0000001"),
        (-1, "-1"),
        (5, "5"),
        (10**400, "1000"),
        (1j, "1j"),
        ([1], r"\[1\]"),
        (np.array([0.5, 1.0]), "array"),
        ("x" * 1000, "x…"),
    ],
)
def test_anything_else_is_refused_by_name(grade, value, shown):
    with pytest.raises(UsageError, match=shown) as caught:
        grade(value)
    assert str(caught.value).startswith(f"grade in {CASE}: ")
    assert str(caught.value).endswith("is not a grade; give a bool or a number from 0 to 1")
    assert len(str(caught.value)) < 250
    assert grade.scores == ()


@given(st.one_of(st.floats(), st.integers(), st.decimals(), st.fractions(), st.text(), st.none(), st.booleans()))
def test_no_value_outside_0_to_1_is_ever_kept(value):
    grade = Grade()
    try:
        graded = grade(value)
    except UsageError:
        assert grade.scores == ()
    else:
        assert 0.0 <= grade.scores[0].value <= 1.0
        assert grade.scores[0].value == float(value) == graded
        assert bool(graded) is (float(value) >= 1.0)


def test_an_answer_nobody_waited_for_is_named_as_such(grade):
    async def judge():
        return 1.0

    with pytest.raises(UsageError, match=r"nobody has waited for \(coroutine: write await before it"):
        grade(judge())
    with pytest.raises(UsageError, match="write await before it"):
        grade.exact(judge(), "Paris")


# names


def test_without_a_name_a_grade_is_called_after_its_check_and_counted(grade):
    grade(1)
    grade(1)
    grade.exact("a", "a")
    grade.exact("a", "a")
    grade(1)
    assert names(grade) == ["grade", "grade_2", "exact", "exact_2", "grade_3"]


def test_counting_passes_over_names_that_are_taken(grade):
    grade(1, name="grade_2")
    grade(1)
    grade(1)
    assert names(grade) == ["grade_2", "grade", "grade_3"]


def test_one_name_twice_is_refused_and_another_offered(grade):
    grade(1, name="tone")
    grade(1, name="tone_2")
    with pytest.raises(UsageError, match=r"'tone' was graded already; .* e.g. 'tone_3'"):
        grade(0, name="tone")
    assert grade.scores[0].value == 1


@pytest.mark.parametrize("name", ["", " ", 5])
def test_a_name_is_a_text(grade, name):
    with pytest.raises(UsageError, match="is no name"):
        grade(1, name=name)


def test_names_stay_unique_when_many_threads_grade(grade):
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: grade(1), range(400)))
    assert set(names(grade)) == {"grade", *(f"grade_{number}" for number in range(2, 401))}


# the grade that is returned


def test_a_grade_is_true_from_1_and_compares_as_a_number(grade):
    half = grade(0.5)
    assert not half
    assert half == 0.5
    assert half >= 0.5
    assert half < 0.6
    assert float(half) == 0.5
    assert f"{half:.2f}" == "0.50"
    assert grade(1)


def test_with_a_threshold_a_grade_is_true_from_there(grade):
    pytest.importorskip("rapidfuzz")
    near = grade.similar("Paris is the capital", "Paris is the capital of France", threshold=0.8)
    assert near
    assert near == 0.8
    assert grade.scores[0].value == 0.8


@pytest.mark.parametrize(
    ("graded", "shown"),
    [
        (Graded(0, "exact", "got 'Paris', expected 'London'"), "<exact 0: got 'Paris', expected 'London'>"),
        (Graded(1, "exact"), "<exact 1>"),
        (Graded(0.5, "tone"), "<tone 0.5, passes from 1>"),
        (Graded(0.8, "similar", "why", 0.75), "<similar 0.8, passes from 0.75: why>"),
        (Graded(1 - 1e-9, "tone"), "<tone 0.999999999, passes from 1>"),
        (Graded(0, "tone", "a\x1b[31m\nb"), r"<tone 0: a\x1b[31m\nb>"),
    ],
)
def test_a_grade_explains_itself(graded, shown):
    assert repr(graded) == shown


def test_a_grade_survives_copying_and_pickling():
    graded = Graded(0.5, "tone", "why", 0.4)
    for other in (copy.deepcopy(graded), pickle.loads(pickle.dumps(graded))):
        assert (other, repr(other), bool(other)) == (graded, repr(graded), True)


def test_the_collector_is_shown_by_its_fixture_name(grade):
    assert repr(grade) == "grade"


# packages


@pytest.mark.parametrize(
    ("package", "use"),
    [
        ("rapidfuzz", lambda grade: grade.similar("a", "b")),
        ("jsonschema", lambda grade: grade.json_schema("1", {})),
    ],
)
def test_a_package_that_is_missing_is_named_with_the_way_to_have_it(grade, monkeypatch, package, use):
    for name in [package, *(name for name in sys.modules if name.startswith(f"{package}."))]:
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(UsageError, match=rf"needs the package '{package}'.*pip install 'pytest-lleval\[cases\]'"):
        use(grade)


def test_pytest_shows_why_a_grade_failed(pytester):
    pytester.makepyfile(
        """
        import pytest
        from pytest_lleval.scoring.grading import Grade

        def test_capital():
            grade = Grade()
            assert grade.exact("Paris ", "London")
        """
    )
    result = pytester.runpytest_inprocess("-p", "no:cacheprovider", "-p", "no:asyncio")
    result.stdout.fnmatch_lines(["*assert <exact 0: got 'Paris', expected 'London'>", "*= exact('Paris ', 'London')"])
