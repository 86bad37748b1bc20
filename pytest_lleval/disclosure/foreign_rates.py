"""Rates that a result file claims, against its own counts and times."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import median

from ..core.observations import Observation, Observations
from .foreign_inquiry import Inquiry, list_rows, timed_rows

__all__ = ["compare_rates"]

_ROWS, _AGREE, _OFF = 3, 0.8, 0.1

Amount = Callable[[Observation], float | None]

#: what a rate may be made of, by what it counts
_AMOUNTS: dict[str, tuple[Amount, ...]] = {
    "tokens": (
        lambda row: row.output_tokens,
        lambda row: (
            None if row.output_tokens is None or row.prompt_tokens is None else row.output_tokens + row.prompt_tokens
        ),
        lambda row: row.prompt_tokens,
    ),
    "chars": (
        lambda row: row.output_chars,
        lambda row: (
            None if row.output_chars is None or row.prompt_chars is None else row.output_chars + row.prompt_chars
        ),
        lambda row: row.prompt_chars,
    ),
}


def compare_rates(inquiry: Inquiry, seen: Observations) -> None:
    """Find rates that do not follow from the counts and times beside them."""
    rows = [row for row in timed_rows(seen.rows) if row.rate]
    if not rows or seen.rate_unit not in _AMOUNTS:
        return
    column = seen.column_of("rate")
    fits = [fit for amount in _AMOUNTS[seen.rate_unit] if (fit := _compare(rows, amount, _whole_time))]
    if not fits:
        inquiry.miss(f"what {column!r} was computed from")
        return
    best = max(fits, key=lambda fit: fit[0])
    if best[0] >= _AGREE:
        inquiry.confirm(f"{column!r} follows from the counts and times")
        return
    after_first = [fit for amount in _AMOUNTS[seen.rate_unit] if (fit := _compare(rows, amount, _time_after_first))]
    if after_first and max(after_first)[0] >= _AGREE:
        inquiry.flag("note", f"{column!r} leaves out the time to the first byte")
        return
    factor = fits[0][1]
    inquiry.flag(
        "warning",
        f"{column!r} does not follow from the counts and times beside it: it is {factor:,.3g} times what they "
        "give, in the median" + (", so a part of the time was left out" if factor > 1 else ""),
        factor=round(factor, 4),
        rows=list_rows(rows),
    )


def _whole_time(row: Observation) -> float | None:
    return row.latency


def _time_after_first(row: Observation) -> float | None:
    return None if row.first_byte is None or row.latency is None else row.latency - row.first_byte


def _compare(rows: Sequence[Observation], amount: Amount, time: Amount) -> tuple[float, float] | None:
    """Return which share of the rates is an amount by a time, and how many times that they are in the median."""
    ratios = []
    for row in rows:
        count, seconds = amount(row), time(row)
        if count and seconds and seconds > 0 and row.rate:
            ratios.append(row.rate * seconds / count)
    if len(ratios) < _ROWS:
        return None
    return sum(abs(ratio - 1.0) <= _OFF for ratio in ratios) / len(ratios), median(ratios)
