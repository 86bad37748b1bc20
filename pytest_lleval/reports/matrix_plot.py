"""Log-log curves of the size matrix in characters, where the package for that is installed."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Iterator
from math import log10
from typing import Any

from .matrix import MatrixView
from .quantities import format_seconds

__all__ = ["LEAST_WIDTH", "draw_curves"]

#: columns a curve needs to be read
LEAST_WIDTH = 60
_MOST_WIDTH, _HEIGHT = 110, 18
#: of the curves, in their order; of more than these, the later ones share them
_MARKS = "●○◆◇■□▲△"
_FRAME = 2
#: decades beyond the curves
_ROOM = 0.1
_TICKS = 4


def draw_curves(view: MatrixView, width: int) -> Iterator[str]:
    """Yield the lines of the curves; none where there are fewer than two sizes to draw, or nothing to draw with.

    :param view: the matrix
    :param width: columns, at least `LEAST_WIDTH`
    """
    measured = {cell.tokens for curve in view.curves for cell in curve.cells if cell.wall is not None}
    if len(measured) < 2 or importlib.util.find_spec("plotext") is None:
        return
    # the package has one figure, which somebody else may have drawn on; its own logarithmic scales lose ticks (6.1)
    figure: Any = importlib.import_module("plotext").figure
    figure.clear()
    figure.theme("colorless")
    levels: list[float] = []
    for number, curve in enumerate(view.curves):
        points = [(log10(cell.tokens), log10(cell.wall.value)) for cell in curve.cells if cell.wall is not None]
        if points:
            levels += [level for _, level in points]
            signal = figure.signal(*map(list, zip(*points, strict=True)), marker=_MARKS[number % len(_MARKS)])
            figure.draw(signal.label(curve.label).lines())
    # a curve that is level needs room as well
    low, high = min(levels) - _ROOM, max(levels) + _ROOM
    ticks = [low + (high - low) * step / _TICKS for step in range(_TICKS + 1)]
    figure.ruler("y").lim(low, high).ticks(ticks, [format_seconds(10**tick) for tick in ticks])
    shown = [size for size in view.sizes if size.tokens in measured]
    places = [log10(size.tokens) for size in shown]
    figure.ruler("x").lim(places[0] - _ROOM, places[-1] + _ROOM).ticks(places, [size.name for size in shown])
    figure.plot_size(min(width - _FRAME, _MOST_WIDTH), _HEIGHT)
    drawn: str = figure.build().string(colorless=True)
    figure.clear()
    yield ""
    yield "median seconds by prompt tokens, both logarithmic"
    yield from (line.rstrip() for line in drawn.splitlines() if line.strip())
