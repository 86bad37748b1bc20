"""One cell of the size matrix: its numbers, and what makes them doubtful."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import Literal, NamedTuple

from ..analysis.cells import CellTimes, MedianInterval, bound_median, summarise_cell
from ..analysis.statistics import CONFIDENCE
from ..core.matrix import MatrixSettings
from ..core.records import Completion, Record
from ..core.sizes import PromptSize
from ..execution.matrix_cells import is_timeout

__all__ = ["CellFlag", "CellState", "CellView", "make_cell"]

CellState = Literal["measured", "failed", "not supported", "not run"]
#: a prompt's share, or so many tokens of a template, may be cached without a word
_CACHED_SHARE, _CACHED_TOKENS = 0.05, 16
_LEAST_SECONDS = 1e-6


class CellFlag(NamedTuple):
    """Something that makes a cell's numbers doubtful: a factor of the trust layer, or a letter of the matrix' own.

    Q: answers that do not come from the prompt, C: cached prompts, O: off its curve, S: short answers, X: calls that
    failed, W: an interval wider than wanted, or less sure than 95 %.
    """

    code: str
    message: str


@dataclass(frozen=True, kw_only=True, slots=True)
class CellView:
    """One model at one prompt size; times in seconds."""

    model: str
    size: str
    tokens: int
    state: CellState
    #: why it has no times; empty where it has some
    why: str = ""
    #: of the calls that were answered, in their order
    seconds: tuple[float, ...] = ()
    timeouts: int = 0
    errors: int = 0
    wall: MedianInterval | None = None
    p95: float | None = None
    #: None where nobody could see single tokens come
    first_token: MedianInterval | None = None
    per_token: MedianInterval | None = None
    #: prompt tokens until the first one of the answer, and tokens of the answer from then on, a second
    prompt_rate: float | None = None
    output_rate: float | None = None
    #: medians of what the server has counted
    input_tokens: float | None = None
    output_tokens: float | None = None
    cached_tokens: float | None = None
    #: answers by what they show: right, wrong, or that the prompt was ignored
    right: int = 0
    wrong: int = 0
    ignored: int = 0
    flags: tuple[CellFlag, ...] = ()

    @property
    def accuracy(self) -> float | None:
        """Share of right answers."""
        answered = self.right + self.wrong + self.ignored
        return self.right / answered if answered else None

    def with_flag(self, code: str, message: str) -> CellView:
        """Return the cell with one more flag."""
        return replace(self, flags=(*self.flags, CellFlag(code, message)))


def make_cell(
    place: tuple[str, PromptSize], records: Sequence[Record], asked: MatrixSettings, deadline: float, gap: str
) -> CellView:
    """Compute a cell.

    :param place: the model and the size
    :param records: of its calls, warm-up included
    :param asked: what was to be measured
    :param deadline: seconds a call could take
    :param gap: why it is not measured; empty where it is to be
    """
    model, size = place
    cell = CellView(model=model, size=size.name, tokens=size.tokens, state="not run", why=gap or "not measured")
    if gap:
        return cell if gap == "not selected" else replace(cell, state="not supported")
    measured = [record for record in records if record.epoch > 0]
    done = [record.completion for record in measured if record.completion is not None]
    failed = [record for record in measured if record.completion is None]
    timeouts = sum(is_timeout(record.failures, deadline) for record in failed)
    cell = replace(cell, timeouts=timeouts, errors=len(failed) - timeouts)
    if not done:
        state: CellState = "failed" if failed else "not run"
        return replace(cell, state=state, why=failed[-1].error if failed else cell.why)
    return _judge(_measure(replace(cell, state="measured", why=""), measured, done), measured, asked)


def _measure(cell: CellView, measured: Sequence[Record], done: Sequence[Completion]) -> CellView:
    # the journal has no times below that
    seconds = tuple(max(one.timing.total, _LEAST_SECONDS) for one in done)
    times = CellTimes(model=cell.model, size=cell.tokens, seconds=seconds, timeouts=cell.timeouts, errors=cell.errors)
    summary = summarise_cell(times)
    first = [one.timing.first_token for one in done if one.timing.first_token]
    each = list(_list_gaps(done))
    said = Counter(record.scores[0].explanation for record in measured if record.scores)
    rates = [
        one.usage.input_tokens / one.timing.first_token
        for one in done
        if one.usage.input_tokens and one.timing.first_token
    ]
    return replace(
        cell,
        seconds=seconds,
        wall=summary.median if summary else None,
        p95=summary.p95 if summary else None,
        first_token=bound_median(first) if first else None,
        per_token=bound_median(each) if each else None,
        prompt_rate=median(rates) if rates else None,
        output_rate=1 / median(each) if each else None,
        input_tokens=_take_median(one.usage.input_tokens for one in done),
        output_tokens=_take_median(one.usage.output_tokens for one in done),
        cached_tokens=_take_median(one.usage.cached_tokens for one in done),
        right=said["right"],
        wrong=said["wrong"],
        ignored=said["ignored"],
    )


def _list_gaps(done: Sequence[Completion]) -> Iterator[float]:
    """Yield the seconds from token to token; nothing where an answer came in one piece."""
    for one in done:
        first, last, tokens = one.timing.first_token, one.timing.last_token, one.usage.output_tokens
        if first is not None and last is not None and last > first and tokens and tokens > 1:
            yield (last - first) / (tokens - 1)


def _take_median(values: Iterable[int | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(median(known)) if known else None


def _judge(cell: CellView, measured: Sequence[Record], asked: MatrixSettings) -> CellView:
    return replace(cell, flags=tuple(_find_flags(cell, measured, asked)))


def _find_flags(cell: CellView, measured: Sequence[Record], asked: MatrixSettings) -> Iterator[CellFlag]:
    answered = len(cell.seconds)
    factors = Counter(flag for record in measured for flag in record.flags)
    for factor, count in sorted(factors.items()):
        if factor != "F4":
            yield CellFlag(factor, f"{count} of {answered} answers are doubtful by {factor}, see below")
    if message := _explain_tokens(cell, measured):
        yield CellFlag("F4", message)
    if cell.ignored:
        yield CellFlag("Q", f"{cell.ignored} of {answered} answers show that the prompt was not read")
    elif not cell.right:
        yield CellFlag("Q", f"none of {answered} answers is right")
    cached = cell.cached_tokens or 0
    if not asked.shared_prefix and cached > max(_CACHED_TOKENS, _CACHED_SHARE * cell.tokens):
        yield CellFlag("C", f"{cached:,.0f} of {cell.tokens:,} tokens came from a cache of prompts")
    if cell.output_tokens is not None and cell.output_tokens != asked.output:
        yield CellFlag("S", f"answers have {cell.output_tokens:g} tokens, not {asked.output}")
    if cell.timeouts or cell.errors:
        last = next(record.error for record in reversed(measured) if record.completion is None)
        yield CellFlag("X", f"{cell.timeouts + cell.errors} of {len(measured)} calls failed, the last by: {last}")
    if cell.wall is not None and cell.wall.confidence < CONFIDENCE:
        count, sure = answered + cell.timeouts, f"{100 * cell.wall.confidence:.0f} %"
        few = f"{count} calls enclose the median with {sure}, not 95 %" if count > 1 else "one call has no interval"
        yield CellFlag("W", few)
    elif cell.wall is not None and cell.wall.ratio > asked.target:
        yield CellFlag("W", f"the median may be {100 * cell.wall.ratio:.0f} % off")


def _explain_tokens(cell: CellView, measured: Sequence[Record]) -> str:
    """Say in what the tokens are not those that were asked for, by the server's count and by our own."""
    counted = {
        record.completion.trace.counted_input
        for record in measured
        if record.completion and record.completion.trace and record.completion.trace.counted_input is not None
    }
    told = {record.completion.usage.input_tokens for record in measured if record.completion} - {None}
    if not told and not counted:
        return "nobody has counted the tokens of its prompts"
    if counted - {cell.tokens}:
        return f"no prompt of exactly {cell.tokens:,} tokens was found; the nearest has {max(counted - {cell.tokens})}"
    if told - {cell.tokens}:
        ends = sorted(int(value) for value in told if value is not None)
        span = f"{ends[0]:,}" if ends[0] == ends[-1] else f"{ends[0]:,} to {ends[-1]:,}"
        return f"the server counts {span} tokens, not {cell.tokens:,}"
    return ""
