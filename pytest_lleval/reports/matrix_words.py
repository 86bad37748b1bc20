"""The size matrix in words: what every form of a report says of it alike."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from ..analysis.statistics import CONFIDENCE
from .quantities import format_seconds, format_share

if TYPE_CHECKING:
    from ..analysis.cells import MedianInterval
    from ..analysis.crossover import Crossover
    from .matrix import CurveView, MatrixView
    from .matrix_cells import CellView
    from .view import RunView

__all__ = [
    "Doubt",
    "describe_matrix",
    "find_lone_matrix",
    "list_doubts",
    "list_gaps",
    "name_size",
    "say_crossover",
    "say_growth",
    "say_matrix",
    "say_pair",
    "show_interval",
    "show_right",
    "show_state",
]


#: different messages of one kind about one model that are told
_TOLD = 2


class Doubt(NamedTuple):
    """What makes numbers of a model doubtful, or why it has none."""

    #: the letter beside the numbers, or the state of a cell without numbers
    code: str
    label: str
    #: with the sizes it is about
    message: str


def find_lone_matrix(view: RunView) -> MatrixView | None:
    """Return the matrix of a run that has asked nothing else; None for other runs."""
    return None if view.suites or view.datasets else view.matrix


def describe_matrix(view: MatrixView) -> str:
    """Return how many models were measured at how many sizes, and how often."""
    sizes = f"{len(view.sizes)} {'size' if len(view.sizes) == 1 else 'sizes'}"
    models = f"{len(view.curves)} {'model' if len(view.curves) == 1 else 'models'}"
    repeats = [len(cell.seconds) for curve in view.curves for cell in curve.cells if cell.seconds]
    span = f"{min(repeats)} to {max(repeats)}" if repeats and min(repeats) < max(repeats) else f"{max(repeats or [0])}"
    calls = "call" if span == "1" else "calls"
    return f"{models} at {sizes}, {view.settings.output} tokens of answer, {span} measured {calls} a cell"


def say_matrix(view: MatrixView) -> str:
    """Return what a reader must know of a matrix, in words that a full stop or more words may follow."""
    if not view.is_measured:
        return "Nothing was measured"
    if len(view.crossovers) == 1:
        return say_pair(view, view.crossovers[0])
    if not view.crossovers:
        grown = next((curve.exponent for curve in view.curves if curve.exponent), None)
        if grown is not None:
            return f"Time grows as size^{grown.value:z.2f} from {grown.start:,} to {grown.stop:,} tokens"
        return f"Measured: {describe_matrix(view).partition(',')[0]}"
    count = sum(crossover.status == "crosses" for crossover in view.crossovers)
    crossed = f"{count} of {len(view.crossovers)}" if count else f"none of {len(view.crossovers)}"
    return f"{len(view.curves)} models were measured, and {crossed} pairs {'crosses' if count == 1 else 'cross'}"


def say_pair(view: MatrixView, crossover: Crossover) -> str:
    """Return in a few words which of two models is faster."""
    names = {curve.model: curve.label for curve in view.curves}
    one, other = (names[model] for model in crossover.models)
    if crossover.status == "none" and crossover.faster is not None:
        slower = other if crossover.faster == crossover.models[0] else one
        return f"At all sizes {names[crossover.faster]} is faster than {slower}"
    if crossover.status == "undecided":
        return f"Whether {one} or {other} is faster is undecided"
    first = crossover.crossings[0]
    more = f", and they cross {len(crossover.crossings) - 1} times more" if len(crossover.crossings) > 1 else ""
    return f"From {first.size:,} tokens on {names[first.faster_above]} is faster than {names[first.faster_below]}{more}"


def say_crossover(view: MatrixView, crossover: Crossover) -> Iterator[str]:
    """Yield a line for each crossing of two models, or one that says why there is none."""
    names = {curve.model: curve.label for curve in view.curves}
    one, other = crossover.models
    if crossover.status != "crosses":
        why = " ".join(names.get(word, word) for word in crossover.why.split(" "))
        yield f"{names[one]} / {names[other]}: {crossover.status}: {why}"
    for crossing in crossover.crossings:
        yield (
            f"{names[crossing.faster_above]} is faster than {names[crossing.faster_below]} from {crossing.size:,} "
            f"tokens on [{crossing.low:,}, {crossing.high:,}]"
        )


def say_growth(curve: CurveView) -> str:
    """Return how a model's time grows; empty where it has fewer than two sizes."""
    found = curve.exponent
    if found is None:
        return ""
    steps = ", ".join(f"{step.value:z.2f}" for step in curve.steps)
    several = f"; step by step {steps}" if len(curve.steps) > 1 else ""
    return f"time ~ size^{found.value:z.2f} [{found.low:z.2f}, {found.high:z.2f}]{several}"


def name_size(name: str, tokens: int) -> str:
    """Return a size with its tokens; those that were named by them, once."""
    return f"{tokens:,}" if name.isdecimal() else f"{name} {tokens:,}"


def show_interval(found: MedianInterval | None) -> str:
    """Return a median and how far off it may be; a dash where it was not measured.

    Where there are too few values for 95 %, the confidence that there is stands behind it.
    """
    if found is None:
        return "-"
    if not math.isfinite(found.value):
        return format_seconds(found.value)
    if found.confidence == 0:
        # of one value, which is all there is
        return f"{format_seconds(found.value)} ±?"
    surely = "" if found.confidence >= CONFIDENCE else f" ({100 * found.confidence:.0f} %)"
    return f"{format_seconds(found.value)} ±{format_share(found.ratio)}{surely}"


def show_right(cell: CellView) -> str:
    """Return how many answers are right, of how many."""
    return f"{cell.right}/{cell.right + cell.wrong + cell.ignored}"


def show_state(cell: CellView) -> str:
    """Return in a word or two why a cell has no numbers."""
    if cell.timeouts:
        return f"{cell.timeouts} timed out"
    return f"{cell.errors} failed" if cell.errors else cell.state if cell.why != "not selected" else "-"


def list_doubts(curve: CurveView) -> Iterator[Doubt]:
    """Yield the findings about a model's cells, one for each letter."""
    found: dict[str, list[tuple[str, str]]] = {}
    for cell in curve.cells:
        for flag in cell.flags:
            found.setdefault(flag.code, []).append((cell.size, flag.message))
    for code, places in sorted(found.items()):
        yield Doubt(code, curve.label, _join_places(places))


def _join_places(places: Sequence[tuple[str, str]]) -> str:
    """Name sizes of one message together; of several messages, tell as many as a reader stands."""
    joined: dict[str, list[str]] = {}
    for size, message in places:
        joined.setdefault(message, []).append(size)
    told = [f"{', '.join(sizes)}: {message}" for message, sizes in joined.items()]
    more = ", ".join(size for sizes in [*joined.values()][_TOLD:] for size in sizes)
    return "; ".join(told[:_TOLD]) + (f"; likewise at {more}" if more else "")


def list_gaps(curve: CurveView) -> Iterator[Doubt]:
    """Yield why cells that were asked for have no numbers."""
    for cell in curve.cells:
        if not cell.seconds and cell.why not in ("", "not selected"):
            yield Doubt(cell.state, curve.label, f"{cell.size}: {cell.why}")
