"""E of a result file: whether the machine stayed the same."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import median

from ..core.observations import Observation, Observations
from ..core.records import Verdict
from .foreign_inquiry import Inquiry, group_rows, list_rows, name_model, rank_correlation, timed_rows

__all__ = ["judge_environment"]

#: rows of one size, rows in all, and standard errors from which on a drift is one
_SAME, _ROWS, _ERRORS = 3, 12, 4.0
#: how much slower or faster the last third must be
_DRIFT = 1.25


def judge_environment(seen: Observations) -> Verdict:
    """Tell whether one machine in one state gave the times."""
    inquiry = Inquiry(factor="E")
    _count_facts(inquiry, seen)
    drifts = [
        _measure_drift(inquiry, model, rows)
        for model, rows in group_rows(timed_rows(seen.rows), lambda row: row.model).items()
    ]
    if not any(drifts):
        inquiry.miss("times of the same work, early and late")
    return inquiry.conclude()


def _count_facts(inquiry: Inquiry, seen: Observations) -> None:
    values: dict[str, dict[str, set[str]]] = {}
    for row in seen.rows:
        for name, value in row.environment.items():
            values.setdefault(name, {}).setdefault(value, set()).add(row.model)
    for name, facts in seen.facts.items():
        if len(facts) > 1:
            values.setdefault(name, {}).update({fact: set() for fact in facts})
    for name, found in values.items():
        if len(found) > 1:
            _report_several(inquiry, name, found, seen)
    known = set(values) | set(seen.facts)
    if not known & {"host", "gpu", "machine", "system", "cpus", "driver"}:
        inquiry.miss("on what machine it was made")
    elif not inquiry.findings:
        inquiry.confirm("all rows name one machine and its software")


def _report_several(inquiry: Inquiry, name: str, found: dict[str, set[str]], seen: Observations) -> None:
    shown = ", ".join(repr(value) for value in list(found)[:3])
    apart = len(seen.models) > 1 and all(len(models) == 1 for models in found.values())
    inquiry.flag(
        "warning",
        f"{len(found)} different values of {name} are in one file: {shown}"
        + (", and each model has its own" if apart else ""),
        name=name,
        values=list(found)[:10],
    )


def _measure_drift(inquiry: Inquiry, model: str, rows: Sequence[Observation]) -> bool:
    """Compare times of the same work by when they were taken; tell whether that was possible."""
    in_time = all(row.started is not None for row in rows)
    ordered = sorted(rows, key=lambda row: row.started or 0.0) if in_time else list(rows)
    groups = [
        own for work, own in group_rows(ordered, _describe_work).items() if work is not None and len(own) >= _SAME
    ]
    if not in_time and groups and all(_is_sorted(own) for own in groups):
        return False  # a file that was sorted by its times says nothing of their order
    places = {id(row): place for place, row in enumerate(ordered)}
    points = []
    for own in groups:
        middle = median(row.latency or 0.0 for row in own)
        points += [(float(places[id(row)]), math.log((row.latency or middle) / middle)) for row in own]
    if len(points) < _ROWS:
        return False
    points.sort()
    third = len(points) // 3
    change = math.exp(median(off for _, off in points[-third:]) - median(off for _, off in points[:third]))
    strength = abs(rank_correlation([place for place, _ in points], [off for _, off in points]))
    if strength * math.sqrt(len(points) - 1) >= _ERRORS and not 1 / _DRIFT < change < _DRIFT:
        word = "slower" if change > 1 else "faster"
        factor = max(change, 1 / change)
        inquiry.flag(
            "warning",
            f"{name_model(model)}the machine got {word}: the same work took {factor:,.2f} times "
            f"{'as long' if change > 1 else 'less'} at the end",
            change=round(change, 4),
            rows=list_rows(row for own in groups for row in own),
        )
    else:
        inquiry.confirm(f"{name_model(model)}the same work took the same time early and late")
    return True


def _describe_work(row: Observation) -> tuple[float, int] | None:
    """Return what makes work the same: the size, and about as long an answer."""
    size = next((n for n in (row.size, row.prompt_tokens, row.prompt_chars) if n is not None), None)
    if size is None:
        return None
    return float(size), round(math.log2(row.output_tokens) * 2) if row.output_tokens else -1


def _is_sorted(rows: Sequence[Observation]) -> bool:
    times = [row.latency or 0.0 for row in rows]
    return times == sorted(times) or times == sorted(times, reverse=True)
