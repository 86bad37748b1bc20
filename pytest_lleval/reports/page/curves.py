"""The size matrix as a drawing: median times by prompt size with their intervals, both axes logarithmic."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from ..matrix_words import say_crossover, show_interval
from ..quantities import format_seconds
from .logscale import LogScale, choose_labels, list_ticks
from .marks import draw_mark
from .markup import Markup, element, join

if TYPE_CHECKING:
    from ...analysis.crossover import Crossing, Crossover
    from ..matrix import CurveView, MatrixView
    from ..matrix_cells import CellView

__all__ = ["draw_curves"]

_WIDTH, _HEIGHT = 960, 400
_LEFT, _RIGHT, _BOTTOM = 70, 24, 46
#: for the words of one crossing
_LINE = 18
#: share of the sizes' and of the times' span that is left free on both sides
_ROOM = 0.06
#: what can be pointed at around a mark
_REACH = 12
#: of the style sheet; marks tell more models apart
_COLOURS = 6
#: names of sizes that are nearer are left out
_APART = 46
#: from the first model to behind the last one
_ASIDE = 12
_MOST_LABEL = 24
#: pairs of more models would hide each other
_FEW = 2


class _Frame:
    """Where sizes and times stand in the drawing."""

    def __init__(self, points: Sequence[CellView], lines: int) -> None:
        self.top = 16 + _LINE * lines
        self.bottom = _HEIGHT - _BOTTOM
        sizes = [cell.tokens for cell in points]
        times = [end for cell in points if cell.wall for end in (cell.wall.value, cell.wall.low, cell.wall.high)]
        seen = [time for time in times if math.isfinite(time)]
        self.x = LogScale(min(sizes), max(sizes), _LEFT, _WIDTH - _RIGHT, room=_ROOM)
        self.y = LogScale(min(seen), max(seen), self.bottom, self.top, room=_ROOM)


def draw_curves(view: MatrixView) -> Markup:
    """Return the drawing with its legend; empty where fewer than two sizes have a time."""
    points = [cell for curve in view.curves for cell in curve.cells if _is_drawn(cell)]
    if len({cell.tokens for cell in points}) < 2:
        return Markup()
    crossed = [crossover for crossover in view.crossovers if crossover.crossings]
    crossings = [text for crossover in crossed for text in say_crossover(view, crossover)]
    frame = _Frame(points, len(crossings))
    parts = [
        *_draw_crossovers(view, frame),
        *_draw_axes(view, frame, {cell.tokens for cell in points}),
        *(_draw_curve(curve, number, len(view.curves), frame) for number, curve in enumerate(view.curves)),
    ]
    drawn = element("svg", *parts, viewBox=f"0 0 {_WIDTH} {_HEIGHT}", role="img", aria_label=_describe(view, crossings))
    around = element(
        "div", drawn, class_="chart scroll stress", tabindex="0", role="region", aria_label="Drawing: stress curves"
    )
    return join([around, _list_models(view)])


def _is_drawn(cell: CellView) -> bool:
    return cell.wall is not None and math.isfinite(cell.wall.value)


def _describe(view: MatrixView, crossings: Sequence[str]) -> str:
    """Return what the drawing shows, for those who do not see it."""
    told = []
    for curve in view.curves:
        cells = [cell for cell in curve.cells if cell.wall is not None and _is_drawn(cell)]
        times = [f"{format_seconds(cell.wall.value)} at {cell.tokens:,} tokens" for cell in cells if cell.wall]
        told.append(f"{curve.label}: {', '.join(times) or 'no times'}")
    return "; ".join(["Median time by prompt size, both axes logarithmic", *told, *crossings])


def _draw_axes(view: MatrixView, frame: _Frame, measured: set[int]) -> Iterator[Markup]:
    for seconds in list_ticks(frame.y.low, frame.y.high):
        y = f"{frame.y.place(seconds):.1f}"
        yield element("line", x1=_LEFT, x2=_WIDTH - _RIGHT, y1=y, y2=y, class_="rule")
        yield element("text", format_seconds(seconds), x=_LEFT - 10, y=y, dy="0.35em", text_anchor="end")
    sizes = [size for size in view.sizes if size.tokens in measured]
    places = [frame.x.place(size.tokens) for size in sizes]
    # sizes that were added where models cross give way to those that were asked for
    named = choose_labels(places, [size.name.isdecimal() for size in sizes], _APART)
    for size, place, is_named in zip(sizes, places, named, strict=True):
        x = f"{place:.1f}"
        yield element("line", x1=x, x2=x, y1=frame.bottom, y2=frame.bottom + (6 if is_named else 3), class_="tick")
        if is_named:
            yield element("text", f"{size.tokens:,}", x=x, y=frame.bottom + 20, text_anchor="middle")
            if not size.name.isdecimal():
                yield element("text", size.name, x=x, y=frame.bottom + 35, text_anchor="middle", class_="name")
    yield element("line", x1=_LEFT, x2=_WIDTH - _RIGHT, y1=frame.bottom, y2=frame.bottom, class_="tick")
    yield element("text", "tokens", x=_LEFT - 10, y=frame.bottom + 20, text_anchor="end")


def _draw_crossovers(view: MatrixView, frame: _Frame) -> Iterator[Markup]:
    found = [(crossing, text) for one in view.crossovers if one.crossings for crossing, text in _pair_words(view, one)]
    found.sort(key=lambda pair: pair[0].size)
    places = [frame.x.place(crossing.size) for crossing, _ in found]
    # words stand where there is room, and in an order in which no line goes through words of another
    is_right = sum(places) < len(places) * (_LEFT + _WIDTH - _RIGHT) / 2
    for number, ((crossing, text), place) in enumerate(zip(found, places, strict=True)):
        top = 14 + _LINE * (number if is_right else len(found) - 1 - number)
        yield _draw_band(frame, crossing.low, crossing.high, text)
        yield element("line", x1=f"{place:.1f}", x2=f"{place:.1f}", y1=top - 8, y2=frame.bottom, class_="crossing")
        x, anchor = (place + 6, "start") if is_right else (place - 6, "end")
        words = _name_crossing(view, crossing)
        yield element("text", words, x=f"{x:.1f}", y=top + 1, text_anchor=anchor, class_="name")
    if len(view.curves) == _FEW:
        for crossover in view.crossovers:
            yield from _draw_unsettled(crossover, frame)


def _pair_words(view: MatrixView, crossover: Crossover) -> Iterator[tuple[Crossing, str]]:
    return zip(crossover.crossings, say_crossover(view, crossover), strict=True)


def _name_crossing(view: MatrixView, crossing: Crossing) -> str:
    label = next(curve.label for curve in view.curves if curve.model == crossing.faster_above)
    short = label if len(label) <= _MOST_LABEL else f"…{label[1 - _MOST_LABEL :]}"
    return f"from {crossing.size:,} tokens on {short} is faster"


def _draw_unsettled(crossover: Crossover, frame: _Frame) -> Iterator[Markup]:
    for span in crossover.unsettled:
        text = f"{span.low:,} to {span.high:,} tokens: which one is faster cannot be told"
        yield _draw_band(frame, span.low, span.high, text)


def _draw_band(frame: _Frame, low: int, high: int, text: str) -> Markup:
    start, stop = frame.x.place(low), frame.x.place(high)
    width = max(2.0, stop - start)
    height = frame.bottom - frame.top
    band = element("rect", x=f"{start:.1f}", y=frame.top, width=f"{width:.1f}", height=height, class_="band")
    return element("g", element("title", text), band)


def _draw_curve(curve: CurveView, number: int, count: int, frame: _Frame) -> Markup:
    cells = [(cell, cell.wall) for cell in curve.cells if cell.wall is not None and _is_drawn(cell)]
    # side by side, intervals of several models can be told apart
    aside = _ASIDE * ((number + 0.5) / count - 0.5) if count > 1 else 0.0
    places = [(frame.x.place(cell.tokens) + aside, frame.y.place(wall.value)) for cell, wall in cells]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    parts = [element("polyline", points=line, class_="curve")] if len(places) > 1 else []
    for (cell, wall), (x, y) in zip(cells, places, strict=True):
        # a limit that is not known is drawn up to the edge
        high = frame.y.place(wall.high) if math.isfinite(wall.high) else frame.top
        parts.append(
            element(
                "g",
                element("title", f"{curve.label} at {cell.tokens:,} tokens: {_tell(cell)}"),
                _draw_limits(x, frame.y.place(wall.low), high),
                draw_mark(number, x, y),
                element("circle", cx=f"{x:.1f}", cy=f"{y:.1f}", r=_REACH, class_="reach"),
            )
        )
    return element("g", *parts, class_=f"series-{number % _COLOURS}")


def _draw_limits(x: float, low: float, high: float) -> Markup:
    return element("path", d=f"M{x - 4:.1f} {low:.1f}h8m-4 0V{high:.1f}m-4 0h8", class_="limits")


def _tell(cell: CellView) -> str:
    wall = cell.wall
    if wall is None:
        return cell.state
    if len(cell.seconds) == 1:
        return f"{show_interval(wall)}, one call"
    limits = f"{format_seconds(wall.low)} to {format_seconds(wall.high)}"
    return f"{show_interval(wall)}, {100 * wall.confidence:.0f} % interval {limits}, {len(cell.seconds)} calls"


def _list_models(view: MatrixView) -> Markup:
    items = [
        element(
            "li",
            element("svg", draw_mark(number, 8, 8), viewBox="0 0 16 16", width="16", height="16", aria_hidden="true"),
            curve.label,
            class_=f"series-{number % _COLOURS}",
        )
        for number, curve in enumerate(view.curves)
    ]
    if any(crossover.crossings or crossover.unsettled for crossover in view.crossovers):
        band = element("rect", x=0, y=0, width=16, height=16, class_="band")
        shade = element("svg", band, viewBox="0 0 16 16", width="16", height="16", aria_hidden="true")
        items.append(element("li", shade, "which one is faster is not shown"))
    return element("ul", *items, class_="legend marks")
