"""The size matrix of a run, computed from manifest and records, and told in text and JSON."""

import importlib.util
import json
from dataclasses import asdict, replace

import pytest
from matrix_runs import NOISE, SIZES, fail_call, make_call, measure, read

from pytest_lleval.core.matrix import MatrixSettings
from pytest_lleval.core.records import Trace
from pytest_lleval.core.sizes import PromptSize
from pytest_lleval.reports.matrix import encode_matrix
from pytest_lleval.reports.matrix_table import render_matrix


def tell(view, width=0):
    return "\n".join(line.text for line in render_matrix(view, width))


def find_codes(view, model="a", tokens=400):
    return {flag.code for flag in view.find_cell(model, tokens).flags}


def test_the_warm_up_is_no_part_of_the_numbers():
    view = read(*measure("a", lambda tokens: tokens / 1000))
    cell = view.find_cell("a", 400)
    assert len(cell.seconds) == len(NOISE)
    assert cell.wall.value == pytest.approx(0.4, rel=0.01)
    assert cell.p95 == pytest.approx(0.404)
    assert cell.first_token.value == pytest.approx(0.16, rel=0.01)
    assert cell.per_token.value == pytest.approx(0.6 * 0.4 / 15, rel=0.01)
    assert cell.prompt_rate == pytest.approx(400 / 0.16, rel=0.01)
    assert cell.output_rate == pytest.approx(15 / 0.24, rel=0.01)
    assert cell.flags == ()


def test_calls_that_fill_a_cache_are_no_part_either():
    calls = [make_call("a", "s", 77.0, -1), *measure("a", lambda _: 1.0)]
    assert max(read(*calls).find_cell("a", 400).seconds) < 2


def test_two_models_cross_and_their_growth_has_an_interval():
    calls = [*measure("a", lambda n: n / 1000), *measure("b", lambda _: 2.0)]
    view = read(*calls, models=("a", "b"))
    crossing = view.crossovers[0].crossings[0]
    assert crossing.low <= 2000 <= crossing.high
    assert view.curves[0].exponent.value == pytest.approx(1.0, abs=0.02)
    assert view.curves[1].exponent.low <= 0 <= view.curves[1].exponent.high
    text = tell(view)
    assert "crossing b is faster than a from" in text
    marked = [line for line in text.splitlines() if line.startswith(("  a", "  b")) and "><" in line]
    assert len(marked) == 2
    assert all(line.rindex("><") > line.index("1.6 s" if line.startswith("  a") else "2 s") for line in marked)


def test_a_size_without_room_is_not_supported():
    view = read(*measure("a", lambda n: n / 1000, sizes=("s", "m")), contexts=[("a", 5000)])
    cell = view.find_cell("a", 6400)
    assert (cell.state, cell.wall) == ("not supported", None)
    assert "do not fit into its context of 5,000" in cell.why
    assert "not supported" in tell(view)


def test_sizes_that_were_added_are_cells_like_the_others():
    calls = [*measure("a", lambda n: n / 1000), *measure("a", lambda n: n / 1000, sizes=("900",))]
    view = read(*calls)
    assert [size.tokens for size in view.sizes] == [400, 900, 1600, 6400]
    assert view.find_cell("a", 900).state == "measured"


def test_an_interrupted_matrix_says_so_and_shows_what_there_is():
    view = read(*list(measure("a", lambda n: n / 1000))[:3], ended="interrupted")
    assert view.ending == "incomplete"
    assert view.find_cell("a", 400).state == "measured"
    assert view.find_cell("a", 1600).state == "not run"
    assert "incomplete: interrupted" in tell(view)


def test_a_killed_session_is_incomplete():
    assert read(ended=None).ending == "incomplete"
    assert not read(ended=None).is_measured


def test_timeouts_are_times_without_an_end():
    calls = [*measure("a", lambda n: n / 1000), fail_call("a", "s", 7, "slow", seconds=50.0, status=None)]
    cell = read(*calls).find_cell("a", 400)
    assert (cell.timeouts, cell.errors) == (1, 0)
    assert cell.p95 == float("inf")
    assert "timed out" in tell(read(*calls))


def test_a_cell_that_only_failed_has_no_time():
    view = read(fail_call("a", "s", 1), fail_call("a", "s", 2))
    cell = view.find_cell("a", 400)
    assert (cell.state, cell.errors, cell.why) == ("failed", 2, "broken")
    assert "2 failed" in tell(view)


@pytest.mark.parametrize(
    ("code", "changes"),
    [
        ("Q", {"said": "ignored"}),
        ("Q", {"said": "wrong"}),
        ("C", {"usage": {"cached_tokens": 300}}),
        ("S", {"usage": {"output_tokens": 3}}),
        ("F4", {"usage": {"input_tokens": 380}}),
        ("F4", {"usage": {"input_tokens": None}}),
        ("F3", {"flags": ("F3",)}),
    ],
)
def test_what_makes_a_cell_doubtful_stands_beside_it(code, changes):
    view = read(*measure("a", lambda n: n / 1000, **changes))
    assert find_codes(view) == {code}
    assert f"[{code}]" in tell(view)


def test_our_own_count_is_held_against_the_size():
    def count(record, tokens):
        return replace(record, completion=replace(record.completion, trace=Trace(counted_input=tokens)))

    calls = [*measure("a", lambda n: n / 1000)]
    assert find_codes(read(*(count(call, SIZES[call.group]) for call in calls))) == set()
    assert find_codes(read(*(count(call, 401) for call in calls))) == {"F4"}


def test_a_wide_interval_and_failed_calls_are_flagged():
    calls = [make_call("a", "s", seconds, repeat) for repeat, seconds in enumerate((1, 2, 3, 4, 5, 6), start=1)]
    assert find_codes(read(*calls, fail_call("a", "s", 7))) == {"W", "X"}


def test_a_cell_off_its_own_curve_is_flagged():
    calls = measure("a", lambda n: 20.0 if n == 1600 else n / 1000)
    view = read(*calls)
    assert "O" in find_codes(view, tokens=1600)
    assert view.curves[0].off_curve[0].size == 1600


def test_a_shared_prefix_is_no_cache_by_accident_and_is_said():
    asked = MatrixSettings(
        sizes=tuple(PromptSize(name=name, tokens=n) for name, n in SIZES.items()), shared_prefix=True
    )
    view = read(*measure("a", lambda n: n / 1000, usage={"cached_tokens": 300}), asked=asked)
    assert find_codes(view) == set()
    assert "begin alike" in tell(view)


def test_json_has_every_number_and_no_infinity():
    calls = [*measure("a", lambda n: n / 1000), fail_call("a", "s", 7, "slow", seconds=50.0, status=None)]
    view = read(*calls)
    encoded = json.loads(json.dumps(encode_matrix(view), allow_nan=False))
    cell = encoded["curves"][0]["cells"][0]
    assert cell["p95"] is None
    assert cell["wall"]["value"] == view.find_cell("a", 400).wall.value
    assert cell["seconds"] == list(view.find_cell("a", 400).seconds)
    assert encoded["settings"]["sizes"][0] == asdict(PromptSize(name="s", tokens=400))
    assert encode_matrix(None) is None


@pytest.mark.skipif(importlib.util.find_spec("plotext") is None, reason="needs plotext: pip install plotext")
def test_curves_are_drawn_where_the_terminal_has_room_for_them():
    view = read(*measure("a", lambda n: n / 1000), *measure("b", lambda _: 2.0), models=("a", "b"))
    wide, narrow = tell(view, 100), tell(view, 40)
    assert "both logarithmic" in wide
    assert "both logarithmic" not in narrow
    drawn = wide.partition("both logarithmic")[2]
    assert drawn.count("●") > 20
    assert drawn.count("○") > 20
    assert max(map(len, drawn.splitlines())) <= 100
    assert "\x1b" not in drawn


@pytest.mark.skipif(importlib.util.find_spec("plotext") is None, reason="needs plotext: pip install plotext")
def test_one_size_is_no_curve():
    view = read(*measure("a", lambda n: n / 1000, sizes=("s",)))
    assert "both logarithmic" not in tell(view, 100)
