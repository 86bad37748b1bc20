"""Checks of what an answer says: a number, JSON."""

import json
import math
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_lleval.core.errors import UsageError
from pytest_lleval.scoring.grading import Grade

TICKET = {
    "type": "object",
    "required": ["team"],
    "properties": {"team": {"enum": ["billing", "support"]}, "tags": {"items": {"type": "string"}}},
}


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


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner)))
def test_a_schema_that_allows_everything_allows_all_json(value):
    pytest.importorskip("jsonschema")
    assert Grade().json_schema(json.dumps(value), True)
    assert not Grade().json_schema(json.dumps(value), False)
