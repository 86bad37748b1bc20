"""F5 of a result file: whether all the time is in the time, and the time is one of the work."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from statistics import mean, median

from ..core.observations import Observation, Observations
from ..core.records import Severity, Verdict
from .foreign_growth import SPAN, Growth, find_plateau, find_spike, is_round, make_steps, measure_dependence
from .foreign_inquiry import Inquiry, answered_rows, group_rows, list_rows, name_model, timed_rows
from .foreign_rates import compare_rates

__all__ = ["judge_time"]

#: tokens a second of one request that no service of today reaches, and how many times that no machine does
_FAST, _IMPOSSIBLE = {"prompt": 100_000.0, "answer": 5_000.0}, 10.0
#: of the median time, that the whole range of work may add where the time counts as independent of it
_SHARE = 0.35
#: over a span as wide as this, a time that does not grow for certain is judged more strictly
_WIDE_SPAN, _WIDE_SHARE, _WIDE_FACTOR = 64.0, 0.5, 0.5
#: rows from which on times are judged
_ROWS = 8
#: seconds between times from which on they were rounded
_COARSE = 0.05
#: of a time, that another one must be off
_OFF = 0.01


def judge_time(seen: Observations) -> Verdict:
    """Tell whether the times are those of the work, and nothing is left out of them."""
    inquiry = Inquiry(factor="F5")
    if not any(row.latency is not None for row in seen.rows):
        inquiry.miss("how long each answer took")
        return inquiry.conclude()
    _find_impossible(inquiry, seen.rows)
    _find_left_out(inquiry, seen)
    _count_failed(inquiry, seen.rows)
    _count_cached(inquiry, seen.rows)
    compare_rates(inquiry, seen)
    for model, rows in group_rows(timed_rows(seen.rows), lambda row: row.model).items():
        _judge_growth(inquiry, model, rows)
    return inquiry.conclude()


def _judge_growth(inquiry: Inquiry, model: str, rows: Sequence[Observation]) -> None:
    steps, who = make_steps(rows), name_model(model)
    plateau = find_plateau(steps)
    spike = find_spike(rows)
    if plateau:
        sizes = [step.size for step in plateau.steps]
        inquiry.flag(
            "critical",
            f"{who}the time stops growing with the size: {steps[0].size:,g} to {sizes[0]:,g} take {plateau.rise:,.1f} "
            f"times as long, but from {sizes[0]:,g} to {sizes[-1]:,g} all take {_seconds(plateau.level)}: "
            "a time-out in disguise, or prompts that were cut",
            sizes=sizes,
            latencies=[round(step.latency, 6) for step in steps],
            rows=list_rows(row for step in plateau.steps for row in step.rows),
        )
    elif spike:
        most = max(row.latency or 0.0 for row in spike)
        inquiry.flag(
            "warning",
            f"{who}{len(spike):,} of {len(rows):,} answers of different work took the longest time, {_seconds(most)}"
            + (", a round number" if is_round(most) else "")
            + ": a time-out in disguise"
            + ("" if any(row.output_tokens for row in spike) else ", or a limit of tokens that the file does not show"),
            latency=most,
            rows=list_rows(spike),
        )
    _judge_dependence(inquiry, model, rows, bool(plateau or spike))


def _judge_dependence(inquiry: Inquiry, model: str, rows: Sequence[Observation], limited: bool) -> None:
    who, growths = name_model(model), measure_dependence(rows)
    growing = [growth for growth in growths if growth.grows]
    for growth in growths:
        if _is_independent(growth):
            _report_independence(inquiry, who, growth)
    if growing and not limited:
        inquiry.confirm(f"{who}the time grows with the {' and the '.join(growth.kind for growth in growing)}")
    elif len(rows) < _ROWS:
        inquiry.miss(f"{who}more than {len(rows)} times, to judge them by")
    elif not growths:
        inquiry.miss(f"{who}how much work each answer was")
    elif not growing:
        inquiry.miss(f"{who}times of work so different that it must show in them")


def _is_independent(growth: Growth) -> bool:
    if growth.span < SPAN or growth.falls:
        return False
    factor = growth.fastest / _FAST[growth.kind]
    wide = growth.span >= _WIDE_SPAN and not growth.grows
    if wide and growth.share < _WIDE_SHARE and factor >= _WIDE_FACTOR:
        return True
    return growth.share < (1.0 if factor >= _IMPOSSIBLE else _SHARE) and factor >= 1.0


def _report_independence(inquiry: Inquiry, who: str, growth: Growth) -> None:
    severity: Severity = "critical" if growth.fastest >= _IMPOSSIBLE * _FAST[growth.kind] else "warning"
    inquiry.flag(
        severity,
        f"{who}the time does not depend on the {growth.kind}: about {growth.smallest:,.3g} or {growth.largest:,.6g} "
        f"tokens, {growth.span:,.3g} times as many, take {_seconds(growth.median)}: "
        + (
            "no model did this work"
            if severity == "critical"
            else "no model did this work, or a cache of prompts spared it"
        ),
        rows=growth.rows,
        tokens=[growth.smallest, growth.largest],
        seconds=growth.median,
        most_seconds_per_token=growth.high,
    )


def _find_impossible(inquiry: Inquiry, rows: Sequence[Observation]) -> None:
    """Find times that no answer can have."""
    timed = [row for row in answered_rows(rows) if row.latency is not None and not row.cached]
    nothing = [row for row in timed if (row.latency or 0.0) <= 0]
    early = [row for row in timed if row.first_byte is not None and row.first_byte > (row.latency or 0.0) * (1 + _OFF)]
    if nothing:
        least = min(row.latency or 0.0 for row in nothing)
        if least == 0 and _find_resolution(timed) >= _COARSE:
            inquiry.flag("note", f"{len(nothing):,} times are 0 because they were rounded", rows=list_rows(nothing))
            inquiry.miss("times that were not rounded")
        else:
            message = f"{len(nothing):,} of {len(timed):,} answers took no time or less, down to {least:g} s"
            inquiry.flag("critical", message, rows=list_rows(nothing))
    if early:
        row = early[0]
        inquiry.flag(
            "critical",
            f"{len(early):,} answers were over before their first byte: row {row.row} took {_seconds(row.latency)}, "
            f"its first byte {_seconds(row.first_byte)}",
            rows=list_rows(early),
        )


def _find_resolution(rows: Sequence[Observation]) -> float:
    """Return the smallest difference of two times, nothing where they do not differ."""
    times = sorted({row.latency or 0.0 for row in rows})
    return min((two - one for one, two in pairwise(times)), default=0.0)


def _find_left_out(inquiry: Inquiry, seen: Observations) -> None:
    """Find parts of the time that are beside it, not in it."""
    rows = [row for row in answered_rows(seen.rows) if row.latency is not None and not row.cached]
    _find_longer_total(inquiry, seen, [row for row in rows if row.total is not None])
    started = [row for row in rows if row.startup is not None]
    column, time = seen.column_of("startup"), seen.column_of("latency")
    outside = [row for row in started if (row.startup or 0.0) > (row.latency or 0.0) * (1 + _OFF)]
    if outside:
        share = _share_outside(outside)
        left, counted = (median(times) for times in zip(*map(_both_times, outside), strict=True))
        inquiry.flag(
            "critical",
            f"start-up is left out of the time: {column!r} is {_seconds(left)} where {time!r} is "
            f"{_seconds(counted)}, {share:.0%} of both",
            share=round(share, 4),
            rows=list_rows(outside),
        )
    elif len(started) >= _ROWS and _follows(started):
        inquiry.confirm(f"start-up ({column!r}) is in the time")
    elif started:
        inquiry.miss(f"whether {column!r} is in {time!r}")
    else:
        inquiry.miss("whether start-up, queueing and retries are in the times")


def _both_times(row: Observation) -> tuple[float, float]:
    return row.startup or 0.0, row.latency or 0.0


def _share_outside(rows: Sequence[Observation]) -> float:
    startup = sum(row.startup or 0.0 for row in rows)
    return startup / (startup + sum(row.latency or 0.0 for row in rows))


def _follows(rows: Sequence[Observation]) -> bool:
    """Tell whether rows with a start-up are slower by about that than those of the same size without or with less."""
    off = 0
    for own in group_rows(rows, lambda row: (row.model, row.size)).values():
        low, high = min(own, key=lambda row: row.startup or 0.0), max(own, key=lambda row: row.startup or 0.0)
        more = (high.startup or 0.0) - (low.startup or 0.0)
        if more > 0.2 * (low.latency or 0.0):
            off += 1
            if not 0.5 * more <= (high.latency or 0.0) - (low.latency or 0.0) <= 2 * more:
                return False
    return off >= 2


def _find_longer_total(inquiry: Inquiry, seen: Observations, rows: Sequence[Observation]) -> None:
    shorter = [row for row in rows if (row.total or 0.0) < (row.latency or 0.0) * (1 - _OFF)]
    longer = [row for row in rows if (row.total or 0.0) > (row.latency or 0.0) * 1.1]
    names = seen.column_of("total"), seen.column_of("latency")
    if shorter:
        message = f"{names[0]!r} is less than {names[1]!r}, a part of it, in {len(shorter):,} of {len(rows):,} rows"
        inquiry.flag("critical", message, rows=list_rows(shorter))
    elif len(longer) * 2 > len(rows):
        part = median(1 - (row.latency or 0.0) / (row.total or 1.0) for row in longer)
        message = f"{names[1]!r} leaves out {part:.0%} of {names[0]!r}, in the median of {len(longer):,} rows"
        inquiry.flag("warning", message, rows=list_rows(longer))


def _count_failed(inquiry: Inquiry, rows: Sequence[Observation]) -> None:
    """Rows that failed and have a time are in every mean that does not leave them out."""
    failed = [row for row in rows if row.status in ("error", "timeout")]
    timed = [row.latency or 0.0 for row in failed if row.latency]
    good = [row.latency or 0.0 for row in answered_rows(rows) if row.latency is not None]
    if all(row.status is None for row in rows):
        inquiry.miss("which calls failed")
    if timed and good:
        with_failed, without = mean(timed + good), mean(good)
        grave = abs(with_failed - without) > 0.05 * without
        inquiry.flag(
            "warning" if grave else "note",
            f"{len(timed):,} of {len(rows):,} rows failed and have a time: the mean is {_seconds(with_failed)} with "
            f"them, {_seconds(without)} without",
            rows=list_rows(failed),
        )
    elif failed and not good:
        inquiry.flag(
            "warning", f"all {len(failed):,} rows failed, so no time is one of an answer", rows=list_rows(failed)
        )


def _count_cached(inquiry: Inquiry, rows: Sequence[Observation]) -> None:
    cached = [row for row in rows if row.cached and row.latency is not None]
    if cached:
        middle = median(row.latency or 0.0 for row in cached)
        message = f"{len(cached):,} answers out of a cache have times, {_seconds(middle)} in the median"
        inquiry.flag("warning", f"{message}, as if a model had answered", rows=list_rows(cached))


def _seconds(value: float | None) -> str:
    return f"{value or 0.0:,.4g} s"
