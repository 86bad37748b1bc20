import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_lleval.core.errors import UsageError
from pytest_lleval.core.gates import parse_comparison, parse_threshold


@pytest.mark.parametrize(
    ("text", "suite", "group", "metric", "value", "point"),
    [
        ("mmlu:accuracy>=0.60", "mmlu", None, "accuracy", 0.6, False),
        ("accuracy >= 60%", None, None, "accuracy", 0.6, False),
        ("mmlu/anatomy:accuracy>=.5", "mmlu", "anatomy", "accuracy", 0.5, False),
        ("point>=0.6", None, None, "accuracy", 0.6, True),
        ("mmlu:point>=0.6", "mmlu", None, "accuracy", 0.6, True),
        ("mmlu:point:macro_accuracy>=0.6", "mmlu", None, "macro_accuracy", 0.6, True),
        ("tests/a/test_b.py::test_c:pass_rate>=1", "tests/a/test_b.py::test_c", None, "pass_rate", 1.0, False),
        ("latency_p95<=1.5e0", None, None, "latency_p95", 1.5, False),
        ("pass@3>=0.9", None, None, "pass@3", 0.9, False),
    ],
)
def test_a_threshold_says_of_what_it_is(text, suite, group, metric, value, point):
    found = parse_threshold("--lleval-gate", text)
    assert (found.suite, found.group, found.metric, found.point) == (suite, group, metric, point)
    assert found.value == pytest.approx(value)
    assert found.operator == ("<=" if "<=" in text else ">=")


def test_a_threshold_without_a_suite_is_of_the_one_it_stands_at():
    assert parse_threshold("gate=", "pass_rate>=0.9", suite="test_a.py::test_b").suite == "test_a.py::test_b"


@pytest.mark.parametrize(
    "text", ["", "accuracy", "accuracy>0.5", "accuracy=0.5", ">=0.5", "accuracy>=", "accuracy>=high"]
)
def test_what_is_no_threshold_is_refused_with_an_example(text):
    with pytest.raises(UsageError, match=r"--lleval-gate: .* is no gate; write .*mmlu:accuracy>=0\.60"):
        parse_threshold("--lleval-gate", text)


@pytest.mark.parametrize(
    ("text", "missing"),
    [("mmlu/:accuracy>=0.5", "group"), ("mmlu/ :point>=0.5", "group"), ("/anatomy:point>=1", "suite")],
)
def test_a_gate_of_a_group_names_suite_and_group(text, missing):
    with pytest.raises(UsageError, match=f"--lleval-gate: .* names no {missing}; write e.g. mmlu/anatomy:"):
        parse_threshold("--lleval-gate", text)


@pytest.mark.parametrize(
    ("text", "suite", "metric", "tolerance", "relative"),
    [
        ("accuracy:2%", None, "accuracy", 0.02, True),
        ("accuracy:0.02", None, "accuracy", 0.02, False),
        ("mmlu:latency_p50:10%", "mmlu", "latency_p50", 0.1, True),
        ("t.py::test_x:accuracy:0", "t.py::test_x", "accuracy", 0.0, False),
    ],
)
def test_a_comparison_has_a_tolerance_of_either_kind(text, suite, metric, tolerance, relative):
    found = parse_comparison("--lleval-compare-fail", text)
    assert (found.suite, found.metric, found.relative) == (suite, metric, relative)
    assert found.tolerance == pytest.approx(tolerance)


@pytest.mark.parametrize("text", ["accuracy", "accuracy:-1%", "accuracy:two", ":2%", "accuracy>=2%"])
def test_what_is_no_comparison_is_refused_with_an_example(text):
    with pytest.raises(UsageError, match=r"--lleval-compare-fail: .* is no comparison; .*accuracy:2%"):
        parse_comparison("--lleval-compare-fail", text)


@given(st.text(max_size=30))
def test_any_text_is_a_gate_or_a_usage_error(text):
    for parse in (parse_threshold, parse_comparison):
        try:
            parse("--option", text)
        except UsageError:
            continue
