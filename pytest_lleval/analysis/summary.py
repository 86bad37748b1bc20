"""A run's numbers, computed from its records alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..core.records import Record
from .statistics import Estimate, estimate_macro, estimate_mean
from .tally import CACHED, FRESH, UNANSWERED, Tally, tally_records

if TYPE_CHECKING:
    import numpy as np

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
    records: Iterable[Record] | Sequence[Tally], metrics: Mapping[str, Sequence[str]] | None = None
) -> tuple[SuiteSummary, ...]:
    """Compute each suite's and model's numbers, in order of first appearance.

    :param records: the run's, or their tallies
    :param metrics: suite name to the aggregates it declares; every suite has ``accuracy``
    """
    given = list(records)
    tallies = [part for part in given if isinstance(part, Tally)]
    tallies += tally_records(record for record in given if isinstance(record, Record))
    return tuple(_summarise(part, (metrics or {}).get(part.suite, ("accuracy",))) for part in tallies)


def _summarise(part: Tally, names: Sequence[str]) -> SuiteSummary:
    primary = part.scorers[0] if part.scorers else None
    return SuiteSummary(
        suite=part.suite,
        model=part.model,
        cases=len(set(part["sample"])),
        scored=int((part["cause"] == 0).sum()),
        unscored=_count_causes(part),
        metrics=tuple(found for scorer in part.scorers for found in _measure(part, scorer, names)),
        groups=tuple(
            GroupSummary(group=group, estimate=estimate_mean(values))
            for group, values in (_group_values(part, primary).items() if primary else ())
        ),
        traffic=_measure_traffic([part]),
    )


def _count_causes(part: Tally) -> dict[str, int]:
    import numpy as np

    codes, counts = np.unique(part["cause"], return_counts=True)
    found = {part.name("cause", int(code)): int(count) for code, count in zip(codes, counts, strict=True) if code}
    return dict(sorted(found.items()))


def _measure(part: Tally, scorer: str, names: Sequence[str]) -> Iterator[Metric]:
    groups = _group_values(part, scorer)
    values = [value for group in groups.values() for value in group]
    yield Metric(name="accuracy", scorer=scorer, estimate=estimate_mean(values))
    if "macro_accuracy" in names and len(groups) > 1:
        yield Metric(name="macro_accuracy", scorer=scorer, estimate=estimate_macro(list(groups.values())))


def _group_values(part: Tally, scorer: str) -> dict[str, list[float]]:
    """Return one value a sample, the mean over its epochs, by group."""
    groups: dict[str, list[float]] = {}
    for group, value in zip(part.means(scorer)["group"], part.means(scorer)["value"], strict=True):
        groups.setdefault(part.name("group", int(group)), []).append(float(value))
    return dict(sorted(groups.items()))


def measure_traffic(records: Iterable[Record]) -> Traffic:
    """Add up requests, tokens and time."""
    return _measure_traffic(tally_records(records))


def _measure_traffic(parts: Sequence[Tally]) -> Traffic:
    import numpy as np

    def join(name: str) -> np.ndarray[Any, Any]:
        return np.concatenate([np.zeros(0), *(part[name] for part in parts)])

    answered, failures = join("answered"), join("failures")
    sent = answered == FRESH
    outputs = join("output_tokens")[sent]
    return Traffic(
        requests=int(sent.sum() + failures.sum()),
        retried=int((failures + (answered > UNANSWERED) > 1).sum()),
        input_tokens=int(np.nansum(join("input_tokens")[sent])),
        output_tokens=int(np.nansum(outputs)),
        without_usage=int(np.isnan(outputs).sum()),
        cache_hits=int((answered == CACHED).sum()),
        span=_measure_union((join("started") + join("queued"))[sent], join("total")[sent]),
    )


def _measure_union(starts: np.ndarray[Any, Any], lengths: np.ndarray[Any, Any]) -> float:
    """Return how many seconds are covered by calls given as start and length, which may overlap."""
    import numpy as np

    order = np.argsort(starts)
    begin, end = starts[order], np.maximum.accumulate((starts + lengths)[order])
    before = np.concatenate([begin[:1], end[:-1]])
    return float(np.maximum(0.0, end - np.maximum(begin, before)).sum())
