"""A run's numbers, computed from its records alone."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any

from ..core.records import Record
from .clusters import estimate_groups, estimate_samples
from .components import find_best_split, measure_components
from .statistics import Estimate
from .tally import CACHED, DECIDED, FRESH, UNANSWERED, Tally, tally_records

if TYPE_CHECKING:
    import numpy as np

__all__ = ["EpochSummary", "GroupSummary", "Metric", "SuiteSummary", "Traffic", "summarise_run"]


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
class EpochSummary:
    """How much of the accuracy's variance lies between epochs of one sample, and how the calls are best spent."""

    #: mean number of epochs a sample
    epochs: float
    #: variance between samples and within them
    between: float
    within: float
    #: the standard error as the calls were spent, and as they are spent best
    error: float
    best_samples: int
    best_epochs: int
    best_error: float


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
    #: epochs that were not asked any more, since the gates were decided
    not_run: int
    metrics: tuple[Metric, ...]
    groups: tuple[GroupSummary, ...]
    #: of the primary scorer; None where no sample has several epochs
    epochs: EpochSummary | None
    traffic: Traffic


def summarise_run(
    records: Iterable[Record] | Sequence[Tally],
    metrics: Mapping[str, Sequence[str]] | None = None,
    available: Mapping[str, int] | None = None,
) -> tuple[SuiteSummary, ...]:
    """Compute each suite's and model's numbers, in order of first appearance.

    :param records: the run's, or their tallies
    :param metrics: suite name to the aggregates it declares; every suite has ``accuracy``
    :param available: suite name to the number of samples its dataset has
    """
    given = list(records)
    tallies = [part for part in given if isinstance(part, Tally)]
    tallies += tally_records(record for record in given if isinstance(record, Record))
    return tuple(
        _summarise(part, (metrics or {}).get(part.suite, ("accuracy",)), (available or {}).get(part.suite))
        for part in tallies
    )


def _summarise(part: Tally, names: Sequence[str], available: int | None) -> SuiteSummary:
    primary = part.scorers[0] if part.scorers else None
    causes = _count_causes(part)
    not_run = causes.pop(DECIDED, 0)
    return SuiteSummary(
        suite=part.suite,
        model=part.model,
        cases=len(set(part["sample"][part["cause"] != part.find("cause", DECIDED)])),
        scored=int((part["cause"] == 0).sum()),
        unscored=causes,
        not_run=not_run,
        metrics=tuple(found for scorer in part.scorers for found in _measure(part, scorer, names)),
        groups=tuple(
            GroupSummary(group=group, estimate=estimate_samples(values, clusters))
            for group, (values, clusters) in (_read_groups(part, primary).items() if primary else ())
        ),
        epochs=_summarise_epochs(part, primary, available) if primary else None,
        traffic=_measure_traffic([part]),
    )


def _summarise_epochs(part: Tally, scorer: str, available: int | None) -> EpochSummary | None:
    values = part.epochs(scorer)
    calls = sum(map(len, values))
    if len(values) < 2 or calls == len(values):
        return None
    found = measure_components(values)
    each = calls / len(values)
    best = find_best_split(found, cost_sample=0.0, cost_epoch=1.0, budget=calls, available=available)
    return EpochSummary(
        epochs=each,
        between=found.between,
        within=found.within,
        error=math.sqrt((found.between + found.within / each) / len(values)),
        best_samples=best.samples,
        best_epochs=best.epochs,
        best_error=math.sqrt(best.variance),
    )


def _count_causes(part: Tally) -> dict[str, int]:
    import numpy as np

    codes, counts = np.unique(part["cause"], return_counts=True)
    found = {part.name("cause", int(code)): int(count) for code, count in zip(codes, counts, strict=True) if code}
    return dict(sorted(found.items()))


def _measure(part: Tally, scorer: str, names: Sequence[str]) -> Iterator[Metric]:
    groups = _read_groups(part, scorer).values()
    values, clusters = [found for found, _ in groups], [found for _, found in groups]
    every = estimate_samples(list(chain(*values)), list(chain(*clusters)))
    yield Metric(name="accuracy", scorer=scorer, estimate=every)
    if "macro_accuracy" in names and len(groups) > 1:
        yield Metric(name="macro_accuracy", scorer=scorer, estimate=estimate_groups(values, clusters))


def _read_groups(part: Tally, scorer: str) -> dict[str, tuple[list[float], list[str]]]:
    """Return one value a sample, the mean over its epochs, and the names of their clusters, by group."""
    groups: dict[str, tuple[list[float], list[str]]] = {}
    means = part.means(scorer)
    for group, cluster, value in zip(means["group"], means["cluster"], means["value"], strict=True):
        values, clusters = groups.setdefault(part.name("group", int(group)), ([], []))
        values.append(float(value))
        clusters.append(part.name("cluster", int(cluster)))
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
        requests=int(sent.sum() + join("further").sum() + failures.sum()),
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
