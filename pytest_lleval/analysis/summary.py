"""A run's numbers, computed from its records alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from ..core.records import Record
from .statistics import Estimate, estimate_macro, estimate_mean

__all__ = ["GroupSummary", "Metric", "SuiteSummary", "Traffic", "summarise_run"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Metric:
    """A named aggregate of one scorer's values."""

    name: str
    scorer: str
    estimate: Estimate


@dataclass(frozen=True, kw_only=True, slots=True)
class GroupSummary:
    """The accuracy of one group of samples."""

    group: str
    estimate: Estimate


@dataclass(frozen=True, kw_only=True, slots=True)
class Traffic:
    """What went over the wire for a set of records."""

    #: requests sent, those that failed included
    requests: int
    #: epochs that took more than one attempt
    retried: int
    input_tokens: int
    output_tokens: int
    #: completions whose server reported no token usage
    without_usage: int
    cache_hits: int
    #: seconds in which at least one request waited for its answer; pauses between sessions are left out
    span: float


@dataclass(frozen=True, kw_only=True, slots=True)
class SuiteSummary:
    """The numbers of one suite asked of one model."""

    suite: str
    model: str
    cases: int
    scored: int
    #: cause to number of epochs that could not be scored
    unscored: Mapping[str, int]
    metrics: tuple[Metric, ...]
    groups: tuple[GroupSummary, ...]
    traffic: Traffic


def summarise_run(
    records: Iterable[Record], metrics: Mapping[str, Sequence[str]] | None = None
) -> tuple[SuiteSummary, ...]:
    """Compute each suite's and model's numbers, in order of first appearance.

    :param records: the run's, the latest of each case and epoch
    :param metrics: suite name to the aggregates it declares; every suite has ``accuracy``
    """
    parts: dict[tuple[str, str], list[Record]] = {}
    for record in records:
        parts.setdefault((record.suite, record.model), []).append(record)
    return tuple(_summarise(part, (metrics or {}).get(suite, ("accuracy",))) for (suite, _), part in parts.items())


def _summarise(records: Sequence[Record], names: Sequence[str]) -> SuiteSummary:
    scored = [record for record in records if record.outcome == "scored"]
    unscored: dict[str, int] = {}
    for record in records:
        if record.outcome == "unscored":
            unscored[record.cause or "error"] = unscored.get(record.cause or "error", 0) + 1
    scorers = list(dict.fromkeys(score.name for record in scored for score in record.scores))
    primary = _group_values(scored, scorers[0]) if scorers else {}
    return SuiteSummary(
        suite=records[0].suite,
        model=records[0].model,
        cases=len({record.case for record in records}),
        scored=len(scored),
        unscored=unscored,
        metrics=tuple(_measure(scored, scorers, names)),
        groups=tuple(
            GroupSummary(group=group, estimate=estimate_mean(values)) for group, values in sorted(primary.items())
        ),
        traffic=measure_traffic(records),
    )


def _measure(scored: Sequence[Record], scorers: Sequence[str], names: Sequence[str]) -> Iterable[Metric]:
    for scorer in scorers:
        # sorted: sums must not depend on the order in which answers came
        groups = dict(sorted(_group_values(scored, scorer).items()))
        values = [value for group in groups.values() for value in group]
        yield Metric(name="accuracy", scorer=scorer, estimate=estimate_mean(values))
        if "macro_accuracy" in names and len(groups) > 1:
            yield Metric(name="macro_accuracy", scorer=scorer, estimate=estimate_macro(list(groups.values())))


def _group_values(scored: Sequence[Record], scorer: str) -> dict[str, list[float]]:
    """Return one value a case, the mean over its epochs, by group."""
    cases: dict[tuple[str, str], list[float]] = {}
    for record in scored:
        for score in record.scores:
            if score.name == scorer:
                cases.setdefault((record.group, record.case), []).append(score.value)
    groups: dict[str, list[float]] = {}
    for (group, _), values in cases.items():
        groups.setdefault(group, []).append(values[0] if len(values) == 1 else fmean(values))
    return groups


def measure_traffic(records: Sequence[Record]) -> Traffic:
    """Add up requests, tokens and time."""
    answered = [(record.started, record.completion) for record in records if record.completion]
    sent = [(start, done) for start, done in answered if not done.cached]
    return Traffic(
        requests=len(sent) + sum(len(record.failures) for record in records),
        retried=sum(len(record.failures) + (record.completion is not None) > 1 for record in records),
        input_tokens=sum(done.usage.input_tokens or 0 for _, done in sent),
        output_tokens=sum(done.usage.output_tokens or 0 for _, done in sent),
        without_usage=sum(done.usage.output_tokens is None for _, done in sent),
        cache_hits=len(answered) - len(sent),
        span=_measure_union((start + done.timing.queued, done.timing.total) for start, done in sent),
    )


def _measure_union(calls: Iterable[tuple[float, float]]) -> float:
    """Return how many seconds are covered by calls given as start and length, which may overlap."""
    covered, until = 0.0, float("-inf")
    for start, length in sorted(calls):
        covered += max(0.0, start + length - max(start, until))
        until = max(until, start + length)
    return covered
