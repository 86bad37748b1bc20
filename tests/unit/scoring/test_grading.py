import copy
import json
import math
import pickle
import re
import sys
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_lleval.core.errors import UsageError
from pytest_lleval.core.records import Completion, Score
from pytest_lleval.scoring.grading import Grade, Graded

CASE = "tests/test_tickets.py::test_routes[row-1]"
TICKET = {
    "type": "object",
    "required": ["team"],
    "properties": {"team": {"enum": ["billing", "support"]}, "tags": {"items": {"type": "string"}}},
}


@pytest.fixture
def grade():
    return Grade(CASE)


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


# numbers


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("18", 18),
        ("so 3 * 6 = 18.", 18),
        ("6 * 3 = 18\n#### 18\n\nQuestion: 7", "18"),
        ("it is $1,450.50", "1450.5"),
        ("0.1", 0.1),
        ("18", "Janet sells 9 eggs.\n#### 18"),
        ("-5", [3, -5]),
        ("6.02e23", 6.02e23),
        ("18", np.int64(18)),
        ("18", Decimal(18)),
    ],
)
def test_the_number_of_a_text_is_compared(grade, text, target):
    assert grade.numeric(text, target)


def test_numeric_says_what_it_read(grade):
    assert repr(grade.numeric("17 or 19", 18)) == "<numeric 0: got 19, expected 18>"
    assert repr(grade.numeric("19", 18, tolerance=0.5)) == "<numeric_2 0: got 19, expected 18 within 0.5>"
    assert repr(grade.numeric("none", [1, 2.5])) == "<numeric_3 0: no number in 'none', expected 1 or 2.5>"
    assert "'1.2.3' is not one number" in repr(grade.numeric("1.2.3", 1))


def test_a_tolerance_is_how_far_apart_numbers_may_be(grade):
    assert grade.numeric("0.3", 0.2, tolerance=0.1)
    assert not grade.numeric("0.3001", 0.2, tolerance=0.1)


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("about 5", r"the target 'about 5' \(str\) is not a number"),
        ("", "is not a number"),
        (True, r"the target True \(bool\)"),
        (None, "is not a number"),
        (math.nan, "is not a number"),
        ([], "the list of targets is empty"),
        (Fraction(1, 3), "is not a number"),
    ],
)
def test_a_target_that_is_no_number_is_the_test_s_fault(grade, target, reason):
    with pytest.raises(UsageError, match=reason):
        grade.numeric("5", target)


@pytest.mark.parametrize("tolerance", [-1, math.inf, "wide", None, True])
def test_a_tolerance_is_a_number_from_0(grade, tolerance):
    with pytest.raises(UsageError, match="tolerance"):
        grade.numeric("5", 5, tolerance=tolerance)


# JSON


@pytest.fixture
def schema():
    pytest.importorskip("jsonschema")
    return TICKET


@pytest.mark.parametrize(
    "text",
    [
        '{"team": "billing"}',
        '```json\n{"team": "billing"}\n```',
        'Sure!\n\n  ```\n{"team":\n"billing"}\n  ```\nAnything else?',
        'First\n```json\n{"team": 1}\n```\nno, rather\n```json\r\n{"team": "support"}\r\n```',
    ],
)
def test_json_is_read_bare_or_from_the_last_fenced_block(grade, schema, text):
    assert grade.json_schema(text, schema)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"team": "sales"}', "at $.team: 'sales' is not one of"),
        ('{"team": "billing", "tags": ["a", 1]}', "at $.tags[1]: 1 is not of type 'string'"),
        ("{}", "at $: 'team' is a required property"),
        ("[]", "at $: [] is not of type 'object'"),
        ("billing", "not JSON: Expecting value: line 1 column 1 (char 0) in 'billing'"),
        ("```json\n{'team': 1}\n```", "not JSON: Expecting property name"),
        ("NaN", "not JSON: NaN is no JSON"),
        ("", "not JSON"),
        ("[" * 100_000, "not JSON"),
    ],
)
def test_what_the_schema_does_not_allow_is_named_with_its_place(grade, schema, text, reason):
    assert not grade.json_schema(text, schema)
    assert reason in grade.scores[0].explanation
    assert len(repr(grade.json_schema(text, schema))) < 240


@pytest.mark.parametrize("text", ["1e999", "1" * 400])
def test_numbers_too_large_to_check_are_wrong_and_no_error(grade, schema, text):
    assert not grade.json_schema(text, {"multipleOf": 0.3})


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        ({"type": "objekt"}, r"not a JSON schema: at \$.type: 'objekt'"),
        ({"patternProperties": {"(": {}}}, "not a JSON schema: at"),
        ("object", r"'object' \(str\) is no JSON schema; give a dict"),
        (None, "is no JSON schema"),
        ({"$ref": "https://example.com/ticket.json"}, "refers to 'https://example.com/ticket.json', which it does not"),
    ],
)
def test_a_broken_schema_is_the_test_s_fault(grade, schema, broken, reason):
    with pytest.raises(UsageError, match=reason):
        grade.json_schema('{"a": 1}', broken)


def test_references_inside_the_schema_are_followed(grade, schema):
    inner = {"$defs": {"team": {"const": "billing"}}, "properties": {"team": {"$ref": "#/$defs/team"}}}
    assert grade.json_schema('{"team": "billing"}', inner)
    assert not grade.json_schema('{"team": "x"}', inner)


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


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner)))
def test_a_schema_that_allows_everything_allows_all_json(value):
    pytest.importorskip("jsonschema")
    assert Grade().json_schema(json.dumps(value), True)
    assert not Grade().json_schema(json.dumps(value), False)


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
