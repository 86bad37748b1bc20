"""The size matrix on the page: the drawing, what follows from it in sentences, every cell, and what is doubtful."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ..matrix_words import (
    Doubt,
    describe_matrix,
    list_doubts,
    list_gaps,
    name_size,
    say_crossover,
    say_growth,
    say_pair,
    show_interval,
    show_right,
    show_state,
)
from ..quantities import format_number, format_seconds
from .curves import draw_curves
from .markup import Markup, element, join, table

if TYPE_CHECKING:
    from ..matrix import CurveView, MatrixView
    from ..matrix_cells import CellView

__all__ = ["render_answers", "render_stress"]

_HEAD = (
    "model", "prompt tokens#", "calls#", "median#", "95 % within#", "first token#", "prompt tokens/s#",
    "per output token#", "output tokens/s#", "right#", "flags",
)  # fmt: skip
_EXPLAINED = (
    "Median seconds from request to last token, with how far off the median may be (95 %). Models are asked for one "
    "answer at a time, in turn; a right answer names what only the whole prompt tells."
)
#: lines about pairs of models the first screen has room for
_MOST_PAIRS = 6


def render_stress(view: MatrixView | None) -> Markup:
    """Return the section's content; empty where there is no matrix."""
    if view is None:
        return Markup()
    notes = [element("li", note) for note in view.notes]
    found = [_render_doubt(doubt) for curve in view.curves for doubt in (*list_doubts(curve), *list_gaps(curve))]
    return join(
        [
            element("p", f"{describe_matrix(view)}.", class_="lead"),
            element("ul", *notes, class_="findings") if notes else Markup(),
            _place_drawing(view),
            _render_sentences(view),
            element("h3", "Every size"),
            element("p", _EXPLAINED, class_="fact"),
            table("Times by model and prompt size", _HEAD, _list_cells(view), class_="cells"),
            join([element("h3", "Flags and gaps"), element("ul", *found, class_="findings")] if found else []),
        ]
    )


def _place_drawing(view: MatrixView) -> Markup:
    drawn = draw_curves(view)
    title = "Median time from request to last token, by tokens of the prompt; both axes are logarithmic."
    return join([element("p", title, class_="fact"), drawn]) if drawn else drawn


def _render_sentences(view: MatrixView) -> Markup:
    crossings = [text for crossover in view.crossovers for text in say_crossover(view, crossover)]
    growths = [f"{curve.label}: {text}" for curve in view.curves if (text := say_growth(curve))]
    parts = []
    for title, lines in (("Where models cross", crossings), ("How time grows", growths)):
        if lines:
            parts += [element("h3", title), element("ul", *(element("li", line) for line in lines), class_="findings")]
    return join(parts)


def _list_cells(view: MatrixView) -> Iterator[list[str]]:
    for curve in view.curves:
        for cell in curve.cells:
            yield [curve.label, name_size(cell.size, cell.tokens), *_show_cell(cell)]


def _show_cell(cell: CellView) -> list[str]:
    if not cell.seconds:
        return ["0", show_state(cell), *["-"] * (len(_HEAD) - 5), ""]
    codes = dict.fromkeys(flag.code for flag in cell.flags)
    return [
        f"{len(cell.seconds)}",
        show_interval(cell.wall),
        "-" if cell.p95 is None else format_seconds(cell.p95),
        show_interval(cell.first_token),
        format_number(cell.prompt_rate) if cell.prompt_rate else "-",
        show_interval(cell.per_token),
        format_number(cell.output_rate) if cell.output_rate else "-",
        show_right(cell),
        join(element("span", code, class_="chip warning") for code in codes),
    ]


def _render_doubt(doubt: Doubt) -> Markup:
    kind = "chip" if doubt.code in ("not supported", "not run") else "chip warning"
    return element("li", element("span", doubt.code, class_=kind), f" {doubt.label} at {doubt.message}")


def render_answers(view: MatrixView) -> Markup:
    """Return what the first screen of a run says that has measured a matrix alone."""
    # the headline names a single pair
    pairs = [_render_pairs(view)] if len(view.crossovers) > 1 else []
    return element("div", *pairs, *map(_render_curve, view.curves), class_="results")


def _render_pairs(view: MatrixView) -> Markup:
    lines = [f"{say_pair(view, crossover)}." for crossover in view.crossovers]
    left = len(lines) - _MOST_PAIRS
    more = [f"{left:,} more are below."] if left > 0 else []
    facts = [element("p", line, class_="fact") for line in (*lines[:_MOST_PAIRS], *more)]
    return element("article", element("h2", "Which model is faster"), *facts, class_="result")


def _render_curve(curve: CurveView) -> Markup:
    cells = [cell for cell in curve.cells if cell.wall is not None]
    parts = [element("h2", curve.label)]
    if not cells:
        return element("article", *parts, element("p", "nothing measured", class_="figure none"), class_="result")
    last = cells[-1]
    value, _, off = show_interval(last.wall).partition(" ±")
    figure = element("span", value, class_="value"), " ", element("span", f"at {last.tokens:,} tokens", class_="unit")
    parts.append(element("p", *figure, class_="figure"))
    parts += [element("p", line, class_="fact") for line in _say_facts(curve, cells, off)]
    codes = dict.fromkeys(flag.code for cell in cells for flag in cell.flags)
    if codes:
        chips = (element("span", f"{code} flagged", class_="chip flagged") for code in codes)
        parts.append(element("p", *chips, class_="chips"))
    return element("article", *parts, class_="result")


def _say_facts(curve: CurveView, cells: list[CellView], off: str) -> Iterator[str]:
    first = "" if len(cells) == 1 else f"; {show_interval(cells[0].wall)} at {cells[0].tokens:,} tokens"
    yield f"median, ±{off}{first}" if off else f"median{first}"
    if text := say_growth(curve):
        yield text
    right, asked = sum(cell.right for cell in cells), sum(len(cell.seconds) for cell in cells)
    yield f"{right} of {asked} answers right"
