"""What is said of a size matrix, and whose headline it is."""

import subprocess
import sys
from dataclasses import replace

import pytest
from matrix_runs import cross, fail_call, measure, read, write_matrix_run
from run_parts import describe_suite, make_record

from pytest_lleval.reports.github import render_verdict
from pytest_lleval.reports.matrix_words import (
    find_lone_matrix,
    list_doubts,
    list_gaps,
    say_crossover,
    say_matrix,
    show_interval,
)
from pytest_lleval.reports.page.verdict import say_headline
from pytest_lleval.reports.view import load_view

SPEC = "openai/b@http://h/v1"


@pytest.fixture
def two():
    return read(*cross(), models=("a", "b"))


def test_two_models_that_cross_are_named_with_the_size(two):
    assert say_matrix(two) == f"From {two.crossovers[0].crossings[0].size:,} tokens on b is faster than a"


@pytest.mark.parametrize(
    ("time_of", "told"),
    [
        (lambda tokens: tokens / 500, "At all sizes a is faster than b"),
        (lambda tokens: tokens / 2000, "At all sizes b is faster than a"),
        (lambda tokens: tokens / 1000, "Whether a or b is faster is undecided"),
    ],
)
def test_two_models_that_do_not_cross_are_told_apart_or_not(time_of, told):
    view = read(*measure("a", lambda tokens: tokens / 1000), *measure("b", time_of), models=("a", "b"))
    assert say_matrix(view) == told


def test_one_model_has_its_growth():
    assert say_matrix(read(*measure("a", lambda n: n / 1000))) == "Time grows as size^1.00 from 400 to 6,400 tokens"
    assert say_matrix(read(*measure("a", lambda n: n / 1000, sizes=("s",)))) == "Measured: 1 model at 3 sizes"


def test_of_many_models_the_pairs_are_counted():
    view = read(*cross(), *measure("c", lambda _: 9.0), models=("a", "b", "c"))
    assert say_matrix(view) == "3 models were measured, and 1 of 3 pairs crosses"


def test_nothing_measured_is_said():
    assert say_matrix(read(fail_call("a", "s", 1))) == "Nothing was measured"


@pytest.mark.parametrize("time_of", [lambda _: 2.0, lambda tokens: tokens / 1000])
def test_models_are_called_as_in_the_tables(time_of):
    labels = [["a", "a"], [SPEC, "b"]]
    calls = [*measure("a", lambda tokens: tokens / 1000), *measure(SPEC, time_of)]
    view = read(*calls, models=("a", SPEC), labels=labels)
    lines = [say_matrix(view), *say_crossover(view, view.crossovers[0])]
    assert len(lines) == 2
    assert not [line for line in lines if "http" in line]


def test_doubts_of_one_kind_are_one():
    view = read(*measure("a", lambda n: n / 1000, usage={"output_tokens": 3}))
    (curve,) = view.curves
    assert [tuple(doubt) for doubt in list_doubts(curve)] == [("S", "a", "s, m, l: answers have 3 tokens, not 16")]
    assert [*list_gaps(curve)] == []
    lacking = read(*measure("a", lambda n: n / 1000, sizes=("s", "m")), contexts=[("a", 5000)])
    (gap,) = list_gaps(lacking.curves[0])
    assert (gap.code, gap.message[:3]) == ("not supported", "l: ")


def test_a_median_without_an_end_has_no_limits(two):
    wall = replace(two.curves[0].cells[0].wall, value=float("inf"), high=float("inf"))
    assert show_interval(wall) == "timed out"
    assert show_interval(None) == "-"


def test_a_run_of_the_matrix_alone_has_its_headline(tmp_path):
    view = load_view(write_matrix_run(tmp_path / "run", cross()))
    assert find_lone_matrix(view) is view.matrix
    assert say_headline(view).startswith("From 2,0")
    assert "tokens on b is faster than a; the numbers are not " in say_headline(view)
    assert "tokens on b is faster than a; not trustworthy (" in render_verdict(view)
    assert "scored" not in say_headline(view) + render_verdict(view)


def test_a_matrix_without_a_time_says_no_more(tmp_path):
    view = load_view(write_matrix_run(tmp_path / "run", [fail_call("a", "s", 1)], models=("a",)))
    assert say_headline(view) == "Nothing was measured."


def test_a_run_of_suites_as_well_has_theirs(tmp_path):
    view = load_view(
        write_matrix_run(tmp_path / "run", cross(), samples=[make_record("x", None)], suites=[describe_suite()])
    )
    assert view.matrix is not None
    assert find_lone_matrix(view) is None
    assert say_headline(view) == "Nothing was scored."


def test_a_report_without_a_matrix_does_not_import_it():
    names = "machine document github writing page.rendering page.stress"
    lines = [f"import pytest_lleval.reports.{name}" for name in names.split()]
    code = "\n".join([*lines, "import sys", "print('pytest_lleval.reports.matrix' in sys.modules)"])
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "False\n"


@pytest.mark.parametrize(
    ("calls", "shown", "told"),
    [
        (1, "400 ms ±?", "s: one call has no interval"),
        (2, "402 ms ±<1% (50 %)", "s: 2 calls enclose the median with 50 %, not 95 %"),
        (5, "400 ms ±1% (94 %)", "s: 5 calls enclose the median with 94 %, not 95 %"),
        (6, "400 ms ±1%", None),
    ],
)
def test_too_few_calls_are_not_said_to_be_as_sure_as_many(calls, shown, told):
    view = read(*(call for call in measure("a", lambda n: n / 1000, sizes=("s",)) if call.epoch <= calls))
    (cell, *_) = view.curves[0].cells
    assert show_interval(cell.wall) == shown
    assert [doubt.message for doubt in list_doubts(view.curves[0]) if doubt.code == "W"] == ([told] if told else [])
