"""How the time of answers grows with the work, and where it stops."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import NamedTuple

from ..core.observations import Observation
from .foreign_inquiry import measure_growth, work_tokens

__all__ = ["SPAN", "Growth", "Plateau", "Step", "find_plateau", "find_spike", "make_steps", "measure_dependence"]

#: how many times the smallest work the largest must be before its effect on time can be judged
SPAN = 8.0
#: more different sizes than this are put together, half an octave to a step
_STEPS = 40
_STEP_ROWS = 3
#: a plateau spans these sizes, after a rise of this exponent and factor over such a span
_FLAT_STEPS, _FLAT_SPAN, _RISE_EXPONENT, _RISE, _RISE_SPAN = 3, 4.0, 0.5, 2.0, 4.0
#: the same where not only the medians but all rows agree
_EXACT_SPAN = 2.0
#: largest by smallest median of the plateau, with one row a size and with several
_FLAT_SINGLE, _FLAT_SEVERAL = 1.05, 1.10
#: rows at one maximum: how near, how many, which share, and how much their work differs
_NEAR, _TIED, _TIED_SHARE, _TIED_SPAN = 0.99, 3, 0.05, 2.0
#: of the median time, by which it must fall with the work before that is more than chance
_FALL = 0.15
#: rows from which on a growth is measured
_FIT_ROWS = 8
#: of the longest time, the smallest difference where times were measured finely: then no two are equal by chance
_FINE = 1e-3
#: seconds that people choose for a time-out
_ROUND = (
    1,
    2,
    3,
    5,
    10,
    15,
    20,
    25,
    30,
    40,
    45,
    50,
    60,
    90,
    100,
    120,
    150,
    180,
    200,
    240,
    300,
    600,
    900,
    1200,
    1800,
    3600,
)


class Step(NamedTuple):
    """The rows of one size, or of sizes near to it."""

    size: float
    latency: float
    rows: tuple[Observation, ...]


class Plateau(NamedTuple):
    """Sizes from which on the time stays the same."""

    steps: tuple[Step, ...]
    #: seconds
    level: float
    #: factor by which the time had grown before
    rise: float


@dataclass(frozen=True, kw_only=True)
class Growth:
    """What a unit of work adds to the time, with its limits: about two standard errors either side."""

    #: prompt or answer
    kind: str
    #: tokens, about
    smallest: float
    largest: float
    rows: int
    #: seconds for each token
    low: float
    high: float
    #: whether more work takes less time, for certain: something else decides it
    falls: bool
    #: the largest part of the median time that the whole range of work may add
    share: float
    median: float

    @property
    def span(self) -> float:
        """How many times the smallest work the largest is."""
        return self.largest / self.smallest

    @property
    def grows(self) -> bool:
        """Whether more work takes more time, for certain."""
        return self.low > 0

    @property
    def fastest(self) -> float:
        """Tokens a second that this model reads or writes at least."""
        return math.inf if self.high <= 0 else 1.0 / self.high


def make_steps(rows: Sequence[Observation]) -> list[Step]:
    """Return medians by size, the smallest first.

    :param rows: rows of one model, with a time
    """
    sized = [(row, size) for row in rows if (size := _size_of(row)) is not None and size > 0]
    exact = len({size for _, size in sized}) <= _STEPS
    groups: dict[float, list[tuple[Observation, float]]] = {}
    for row, size in sized:
        groups.setdefault(size if exact else float(round(2 * math.log2(size))), []).append((row, size))
    steps = [
        Step(
            median(size for _, size in own), median(row.latency or 0.0 for row, _ in own), tuple(row for row, _ in own)
        )
        for own in groups.values()
        if exact or len(own) >= _STEP_ROWS
    ]
    return sorted(steps)


def _size_of(row: Observation) -> float | None:
    counts = (row.size, row.prompt_tokens, row.prompt_chars)
    return next((float(count) for count in counts if count is not None), None)


def find_plateau(steps: Sequence[Step]) -> Plateau | None:
    """Find the sizes from which on the time stops growing, after it grew.

    The time of a real model rises ever more steeply with the size, in logarithms, because a fixed part loses weight. A
    time that rises and then stands still was ended by something else.
    """
    for start in range(2, len(steps) - 1):
        flat = steps[start:]
        rise = flat[0].latency / steps[0].latency
        if rise < _RISE or not _is_flat(flat):
            continue
        if _steepest(steps[: start + 1]) >= _RISE_EXPONENT and not _shrinks(steps[:start], flat):
            return Plateau(tuple(flat), median(step.latency for step in flat), rise)
    return None


def _is_flat(flat: Sequence[Step]) -> bool:
    """Tell whether the largest sizes take the same time: all their rows to the hair, or the medians of several."""
    times = [row.latency or 0.0 for step in flat for row in step.rows]
    if min(times) >= _NEAR * max(times) and all(len(step.rows) > 1 for step in flat):
        return flat[-1].size >= _EXACT_SPAN * flat[0].size
    levels = [step.latency for step in flat]
    several = all(len(step.rows) >= _STEP_ROWS for step in flat)
    near = max(levels) <= (_FLAT_SEVERAL if several else _FLAT_SINGLE) * min(levels)
    return near and len(flat) >= _FLAT_STEPS and flat[-1].size >= _FLAT_SPAN * flat[0].size


def _steepest(steps: Sequence[Step]) -> float:
    """Return the largest exponent of the growth between two sizes that are far enough apart."""
    pairs = ((one, two) for i, one in enumerate(steps) for two in steps[i + 1 :] if two.size >= _RISE_SPAN * one.size)
    return max((math.log(two.latency / one.latency) / math.log(two.size / one.size) for one, two in pairs), default=0.0)


def _shrinks(head: Sequence[Step], flat: Sequence[Step]) -> bool:
    """Tell whether the answers get shorter where the time stands still, which explains it."""
    before = [row.output_tokens for step in head for row in step.rows if row.output_tokens]
    after = [row.output_tokens for step in flat for row in step.rows if row.output_tokens]
    return bool(before and after) and median(before) > 1.5 * median(after)


def find_spike(rows: Sequence[Observation]) -> list[Observation]:
    """Find rows of different work that all took the longest time of the file, none at all where there is no such.

    :param rows: rows of one model, with a time
    """
    times = sorted({row.latency or 0.0 for row in rows})
    if len(rows) < 10 or len(times) < 3:
        return []
    most = times[-1]
    tied = [row for row in rows if (row.latency or 0.0) >= _NEAR * most]
    below = sum(_NEAR**3 * most <= (row.latency or 0.0) < _NEAR * most for row in rows)
    if len(tied) < _TIED or len(tied) < _TIED_SHARE * len(rows) or below * 2 > len(tied):
        return []
    # times that were rounded coarsely meet by chance
    step = min(two - one for one, two in pairwise(times))
    if step > 0.02 * most and median(times) > 0.5 * most:
        return []
    if step <= _FINE * most and len({row.latency for row in tied}) == 1:
        return tied if len({(_size_of(row), _written(row)) for row in tied}) > 1 else []
    varied = len({_written(row) for row in rows}) > 1
    return tied if _is_unlike(tied, most, varied) else []


def _written(row: Observation) -> int | None:
    return row.output_tokens if row.output_tokens is not None else row.output_chars


def _is_unlike(tied: Sequence[Observation], most: float, varied: bool) -> bool:
    """Tell whether the work of rows with one time is too different for it.

    :param varied: whether answers have different lengths at all, so that theirs may be most of the work
    """
    written = [float(count) for row in tied if (count := _written(row))]
    sizes = [size for row in tied if (size := _size_of(row))]
    round_time = is_round(most)
    if varied and len(written) == len(tied):
        if max(written) >= _TIED_SPAN * min(written):
            return True
        if max(written) < 1.2 * min(written):
            return False
    if len(sizes) == len(tied):
        return max(sizes) >= (_TIED_SPAN if round_time else SPAN) * min(sizes)
    return round_time and len(tied) >= 5


def is_round(seconds: float) -> bool:
    """Tell whether a time is one that people choose as a limit, or just above."""
    return any(limit <= seconds * 1.0005 and seconds <= limit * 1.01 for limit in _ROUND)


def measure_dependence(rows: Sequence[Observation]) -> list[Growth]:
    """Measure what prompt and answer add to the time of one model, each with the other held still.

    :param rows: rows of one model, with a time
    """
    sized = [row for row in rows if work_tokens(row) is not None]
    usable = sized if len(sized) >= 0.9 * len(rows) else []
    written = [row for row in rows if row.output_tokens]
    with_output = len(written) >= 0.9 * len(rows) and len({row.output_tokens for row in written}) > 1
    own = [
        row for row in rows if (not usable or work_tokens(row) is not None) and (not with_output or row.output_tokens)
    ]
    own = _drop_outliers(own)
    kinds: list[tuple[str, list[float]]] = []
    if usable:
        kinds.append(("prompt", [work_tokens(row) or 0.0 for row in own]))
    if with_output:
        kinds.append(("answer", [float(row.output_tokens or 0) for row in own]))
    kinds = [(kind, amounts) for kind, amounts in kinds if amounts and max(amounts) > min(amounts)]
    if not kinds or len(own) < max(_FIT_ROWS, len(kinds) + 4):
        return []
    times = [row.latency or 0.0 for row in own]
    slopes, errors = measure_growth([amounts for _, amounts in kinds], times)
    reach = errors * (3.0 if len(own) < 15 else 2.5)
    return [
        _describe_growth(kind, amounts, (float(slope), float(off)), median(times))
        for (kind, amounts), slope, off in zip(kinds, slopes, reach, strict=True)
    ]


def _describe_growth(kind: str, amounts: Sequence[float], slope: tuple[float, float], middle: float) -> Growth:
    """Describe a slope, given with how far it may be off."""
    positive = [amount for amount in amounts if amount > 0]
    value, off = slope
    # more work does not take less time: where it seems to, the slope is nothing and as uncertain
    high = max(value, 0.0) + off
    return Growth(
        kind=kind,
        smallest=min(positive),
        largest=max(positive),
        rows=len(amounts),
        low=value - off,
        high=high,
        falls=value + off < 0 and -value * (max(amounts) - min(amounts)) > _FALL * middle,
        share=high * (max(amounts) - min(amounts)) / middle,
        median=middle,
    )


def _drop_outliers(rows: Sequence[Observation]) -> list[Observation]:
    """Leave out single rows far off, e.g. a cold start, where nearly all times are alike."""
    times = [row.latency or 0.0 for row in rows]
    if not times:
        return []
    middle = median(times)
    reach = 8 * 1.4826 * median(abs(time - middle) for time in times) or 0.05 * middle
    kept = [row for row in rows if abs((row.latency or 0.0) - middle) <= reach]
    return kept if len(kept) >= 0.9 * len(rows) else list(rows)
