"""The size matrix on the page: drawing, table, sentences, and its place on the first screen."""

import re

import pytest
from matrix_runs import cross, fail_call, make_call, measure, read, write_matrix_run
from report_parts import EVIL
from run_parts import describe_suite, make_record, write_run

from pytest_lleval.reports.page.curves import draw_curves
from pytest_lleval.reports.page.rendering import render_page
from pytest_lleval.reports.page.stress import render_answers, render_stress
from pytest_lleval.reports.view import load_view


def render(run):
    return render_page(run, load_view(run))


def count(markup, tag, kind):
    return len(re.findall(rf'<{tag} [^>]*class="{kind}"', markup))


@pytest.fixture
def two():
    return read(*cross(), models=("a", "b"))


def test_every_median_is_drawn_with_its_interval_and_words(two):
    drawn = draw_curves(two)
    assert count(drawn, "polyline", "curve") == 2
    assert count(drawn, "path", "limits") == count(drawn, "circle", "reach") == 6
    assert "<title>a at 400 tokens: 400 ms ±1%, 97 % interval 396 ms to 404 ms, 6 calls</title>" in drawn
    assert re.search(r'role="img" aria-label="Median time by prompt size, [^"]*a: 400 ms at 400 tokens, 1.6 s', drawn)


def test_models_are_told_apart_by_marks(two):
    outlines = set(re.findall(r'<path d="([^"]+)" transform', draw_curves(two)))
    assert len(outlines) == 2


def test_a_crossing_has_a_line_and_a_band_for_its_interval(two):
    drawn = draw_curves(two)
    crossing = two.crossovers[0].crossings[0]
    assert count(drawn, "line", "crossing") == 1
    assert f">from {crossing.size:,} tokens on b is faster</text>" in drawn
    assert f"tokens on [{crossing.low:,}, {crossing.high:,}]</title>" in drawn
    (line,) = re.findall(r'<line x1="([\d.]+)"[^>]*class="crossing"', drawn)
    start, width = re.findall(r'<rect x="([\d.]+)" y="\d+" width="([\d.]+)"', drawn)[0]
    assert float(start) <= float(line) + 0.1 <= float(start) + float(width) + 0.2


def test_sizes_without_an_order_are_shaded():
    view = read(*measure("a", lambda n: n / 1000), *measure("b", lambda n: n / 1000), models=("a", "b"))
    drawn = draw_curves(view)
    assert "which one is faster cannot be told</title>" in drawn
    assert count(drawn, "line", "crossing") == 0


def test_one_size_is_no_drawing():
    view = read(*measure("a", lambda n: n / 1000, sizes=("s",)))
    assert draw_curves(view) == ""
    assert "400 ms ±1%" in render_stress(view)


def test_times_without_an_end_stay_in_the_drawing():
    slow = [fail_call("a", "s", repeat, "slow", seconds=50.0, status=None) for repeat in (7, 8, 9)]
    drawn = draw_curves(read(*measure("a", lambda n: n / 1000), *slow))
    assert "to timed out" in drawn
    assert "inf" not in drawn
    assert "nan" not in drawn


def test_a_median_without_an_end_is_no_point():
    slow = [fail_call("a", "s", repeat, "slow", seconds=50.0, status=None) for repeat in range(7, 17)]
    view = read(*measure("a", lambda n: n / 1000), *slow)
    assert count(draw_curves(view), "path", "limits") == 2
    assert "timed out" in render_stress(view)


def test_the_table_has_each_cell_with_all_its_numbers_and_flags():
    calls = [*measure("a", lambda n: n / 1000, sizes=("s",), said="ignored"), fail_call("a", "m", 1)]
    section = render_stress(read(*calls, contexts=[("a", 5000)]))
    cells = [re.sub("<[^>]+>", "|", row) for row in re.findall(r"<tr>(.*?)</tr>", section)]
    assert len(cells) == 4
    for part in (
        "|s 400|",
        "|6|",
        "|400 ms ±1%|",
        "|404 ms|",
        "|160 ms ±1%|",
        "|2,500|",
        "|16 ms ±1%|",
        "|62.5|",
        "|0/6|",
    ):
        assert part in cells[1]
    assert "|Q|" in cells[1]
    assert "|1 failed|" in cells[2]
    assert "|not supported|" in cells[3]
    assert "a at s: 6 of 6 answers show that the prompt was not read" in section
    assert "broken" in section
    assert "do not fit into its context of 5,000" in section


def test_crossovers_growth_and_notes_are_sentences():
    section = render_stress(read(*cross(), models=("a", "b"), ended="budget"))
    assert "b is faster than a from" in section
    assert "a: time ~ size^1.00 [" in section
    assert "after 600 s no further call was made" in section


def test_a_page_of_the_matrix_alone_is_about_the_matrix(tmp_path):
    page = render(write_matrix_run(tmp_path / "run", cross()))
    assert "tokens on b is faster than a; the numbers are" in page
    assert '<a href="#stress">Stress curves</a>' in page
    assert "at 6,400 tokens</span>" in page
    assert "--lleval-matrix=s,m,l" in page
    assert "Nothing was scored" not in page
    assert 'href="#samples"' not in page
    # seven calls of each of three sizes, with the warm-up
    assert '<th scope="row">matrix on a</th><td class="number">21</td>' in page


def test_a_page_of_suites_and_a_matrix_has_both(tmp_path):
    run = write_matrix_run(tmp_path / "run", cross(), samples=[make_record("x")], suites=[describe_suite()])
    page = render(run)
    assert "matrix" not in page.partition("</h1>")[0].partition("<h1>")[2]
    assert page.index('id="latency"') < page.index('id="stress"') < page.index('id="traffic"')
    assert "s <small>on" in page


def test_a_page_without_a_matrix_has_no_place_for_it(tmp_path):
    assert "#stress" not in render(write_run(tmp_path / "run", [make_record("x")]))
    assert render_stress(None) == ""


def test_many_models_have_their_pairs_first(two):
    view = read(*cross(), *measure("c", lambda _: 9.0), models=("a", "b", "c"))
    assert count(render_answers(two), "article", "result") == 2
    shown = render_answers(view)
    assert count(shown, "article", "result") == 4
    assert shown.index("b is faster than a") < shown.index("<h2>a</h2>")
    assert len(set(re.findall(r'class="(series-\d)"', draw_curves(view)))) == 3


def test_a_model_without_a_time_says_so():
    shown = render_answers(read(*measure("a", lambda _: 1.0), fail_call("b", "s", 1), models=("a", "b")))
    assert "nothing measured" in shown


def test_names_and_errors_of_others_stay_texts(tmp_path):
    label = EVIL["script"] + EVIL["turned"]
    calls = [*measure(label, lambda n: n / 1000), fail_call(label, "m", 9, EVIL["image"]), make_call("b", "s", 1.0, 1)]
    page = render(write_matrix_run(tmp_path / "run", calls, models=(label, "b")))
    assert EVIL["script"] not in page
    assert EVIL["image"] not in page
    assert "\u202e" not in page
    assert "&lt;/script&gt;" in page


def test_words_of_crossings_do_not_stand_on_each_other():
    models = {"a": lambda n: n / 1000, "b": lambda n: 0.6 + n / 2500, "c": lambda _: 2.0}
    calls = [call for model, time_of in models.items() for call in measure(model, time_of)]
    drawn = draw_curves(read(*calls, models=(*models,)))
    rows = re.findall(r'y="(\d+)" text-anchor="(?:start|end)" class="name">from', drawn)
    assert len(rows) == len(set(rows)) == 3
    assert len(re.findall(r"<g><title>\w is faster than \w from [\d,]+ tokens on ", drawn)) == 3


def test_of_very_many_pairs_the_first_are_on_the_first_screen():
    models = tuple("abcde")
    calls = [call for at, model in enumerate(models) for call in measure(model, lambda _, at=at: 1.0 + at)]
    shown = render_answers(read(*calls, models=models))
    assert shown.count("At all sizes") == 6
    assert "4 more are below." in shown
