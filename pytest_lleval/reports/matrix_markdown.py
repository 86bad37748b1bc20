"""The size matrix in Markdown: a table with one row a model, and what follows from it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from .markdown import escape_markdown, render_table
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

if TYPE_CHECKING:
    from .matrix import MatrixView
    from .matrix_cells import CellView

__all__ = ["render_matrix_table"]


def render_matrix_table(view: MatrixView) -> Iterator[str]:
    """Yield the lines of a matrix: medians with what makes them doubtful, right answers, crossovers and growth.

    :param view: of the run
    """
    head = ("median seconds", *(escape_markdown(name_size(size.name, size.tokens)) for size in view.sizes))
    rows = [[curve.label, *map(_show, curve.cells)] for curve in view.curves]
    yield from render_table(head, rows)
    yield ""
    lines = [describe_matrix(view), *view.notes]
    lines += [text for crossover in view.crossovers for text in say_crossover(view, crossover)]
    lines += [f"{curve.label}: {text}" for curve in view.curves if (text := say_growth(curve))]
    for line in lines:
        yield f"- {escape_markdown(line)}"
    yield ""
    yield from _render_doubts(view)


def _show(cell: CellView) -> str:
    if not cell.seconds:
        return show_state(cell)
    codes = " ".join(dict.fromkeys(flag.code for flag in cell.flags))
    return f"{show_interval(cell.wall)}, {show_right(cell)} right" + (f" ({codes})" if codes else "")


def _render_doubts(view: MatrixView) -> Iterator[str]:
    """Yield what the letters stand for, folded away."""
    found = [doubt for curve in view.curves for doubt in (*list_doubts(curve), *list_gaps(curve))]
    if found:
        yield f"<details><summary>{len(found):,} flags and gaps of the size matrix</summary>"
        yield ""
        for doubt in found:
            yield f"- {escape_markdown(f'{doubt.code} {doubt.label} at {doubt.message}')}"
        yield ""
        yield "</details>"
        yield ""
