"""The size matrix as lines of text: tables with one row a model, crossovers, findings, and a curve where it fits."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

from ..analysis.summary import Traffic
from .matrix import CurveView, MatrixView
from .matrix_cells import CellView
from .matrix_plot import LEAST_WIDTH, draw_curves
from .matrix_words import (
    describe_matrix,
    list_doubts,
    list_gaps,
    name_size,
    say_crossover,
    say_growth,
    show_interval,
    show_right,
    show_state,
)
from .progress import format_duration
from .quantities import format_number, format_seconds
from .textlines import Line

__all__ = ["render_matrix"]

_GAP = "  "
_MOST_LABEL = 28
#: stands before the first size at which another model is faster than before
_CROSS = "><"


def render_matrix(view: MatrixView, width: int = 0) -> Iterator[Line]:
    """Yield the lines of a size matrix, which are not yet safe to print.

    :param view: the matrix
    :param width: columns of the terminal; 0 where there is none, and no curve is drawn
    """
    yield Line(f"matrix   {describe_matrix(view)}", {"bold": True})
    for note in view.notes:
        yield Line(f"         {note}", {"yellow": True})
    for title, show in _list_tables(view):
        yield Line("")
        yield Line(title)
        yield from _render_table(view, show)
    yield Line("")
    for curve in view.curves:
        yield from _render_growth(curve)
    for crossover in view.crossovers:
        for text in say_crossover(view, crossover):
            yield Line(f"crossing {text}", {"bold": True})
    yield from _render_flags(view)
    for curve in view.curves:
        yield Line(f"traffic  {_shorten(curve.label)}: {_tell_traffic(curve.traffic)}")
    if width >= LEAST_WIDTH:
        for text in draw_curves(view, width):
            yield Line(text)


def _list_tables(view: MatrixView) -> Iterator[tuple[str, Callable[[CellView], str]]]:
    cells = [cell for curve in view.curves for cell in curve.cells if cell.seconds]
    yield "median of seconds from request to last token, and how far off it may be (95 %)", _show_wall
    if not cells:
        return
    yield "95 % of calls take no longer than", lambda cell: format_seconds(cell.p95 or math.inf)
    if any(cell.first_token for cell in cells):
        yield "time to first token; prompt tokens a second", _show_first
    if any(cell.per_token for cell in cells):
        yield "time from token to token; output tokens a second", _show_each
    yield "right answers to a question that only the whole prompt answers", show_right


def _render_table(view: MatrixView, show: Callable[[CellView], str]) -> Iterator[Line]:
    heads = [name_size(size.name, size.tokens) for size in view.sizes]
    crossed = _find_crossed(view)
    rows = []
    for curve in view.curves:
        texts = [show(cell) if cell.seconds else show_state(cell) for cell in curve.cells]
        marks = [f"{_CROSS} " if show is _show_wall and cell.tokens in crossed else "" for cell in curve.cells]
        rows.append([mark + text for mark, text in zip(marks, texts, strict=True)])
    widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
    labels = [_shorten(curve.label) for curve in view.curves]
    first = max(map(len, labels), default=0)
    yield Line(_join("", first, heads, widths))
    for curve, label, row in zip(view.curves, labels, rows, strict=True):
        doubted = any(cell.flags for cell in curve.cells)
        yield Line(_join(label, first, row, widths), {"yellow": True} if doubted else {})


def _join(label: str, first: int, texts: Sequence[str], widths: Sequence[int]) -> str:
    columns = [text.rjust(width) for text, width in zip(texts, widths, strict=True)]
    return _GAP.join([f"{_GAP}{label.ljust(first)}", *columns]).rstrip()


def _shorten(label: str) -> str:
    return label if len(label) <= _MOST_LABEL else "…" + label[1 - _MOST_LABEL :]


def _show_wall(cell: CellView) -> str:
    codes = " ".join(dict.fromkeys(flag.code for flag in cell.flags))
    return show_interval(cell.wall) + (f" [{codes}]" if codes else "")


def _show_first(cell: CellView) -> str:
    rate = f"; {format_number(cell.prompt_rate)}/s" if cell.prompt_rate else ""
    return show_interval(cell.first_token) + rate


def _show_each(cell: CellView) -> str:
    rate = f"; {format_number(cell.output_rate)}/s" if cell.output_rate else ""
    return show_interval(cell.per_token) + rate


def _tell_traffic(traffic: Traffic) -> str:
    return (
        f"{traffic.requests:,} requests, tokens in {traffic.input_tokens:,}, out {traffic.output_tokens:,}, in "
        f"{format_duration(traffic.span)}"
    )


def _find_crossed(view: MatrixView) -> frozenset[int]:
    """Return the first measured size beyond each crossing."""
    places = [crossing.size for crossover in view.crossovers for crossing in crossover.crossings]
    beyond = (min((size.tokens for size in view.sizes if size.tokens >= place), default=0) for place in places)
    return frozenset(beyond)


def _render_growth(curve: CurveView) -> Iterator[Line]:
    if text := say_growth(curve):
        yield Line(f"growth   {_shorten(curve.label)}: {text}")


def _render_flags(view: MatrixView) -> Iterator[Line]:
    """Yield what the letters beside the numbers stand for, and why cells have no numbers."""
    for curve in view.curves:
        for doubt in list_doubts(curve):
            yield Line(f"{doubt.code:<8} {_shorten(doubt.label)} at {doubt.message}", {"yellow": True})
    for curve in view.curves:
        for gap in list_gaps(curve):
            # the column says that it has no numbers
            size, _, why = gap.message.partition(": ")
            yield Line(f"{'':<8} {_shorten(gap.label)} at {size}: {gap.code}: {why}")
