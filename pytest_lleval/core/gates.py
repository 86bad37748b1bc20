"""Gates: rules over metrics, and the grammar a user writes them in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from .errors import UsageError

__all__ = ["Answer", "Comparison", "GateResult", "Operator", "Threshold", "parse_comparison", "parse_threshold"]

Answer = Literal["pass", "fail", "undecided", "unmeasured"]
Operator = Literal[">=", "<="]

_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?"
_THRESHOLD = re.compile(
    rf"(?:(?P<scope>.+):)?\s*(?P<metric>[^\s:<>=!]+)\s*(?P<operator>>=|<=)\s*(?P<value>{_NUMBER})\s*(?P<percent>%)?",
    re.IGNORECASE,
)
_COMPARISON = re.compile(
    rf"(?:(?P<scope>.+):)?\s*(?P<metric>[^\s:<>=!]+)\s*:\s*(?P<value>{_NUMBER})\s*(?P<percent>%)?", re.IGNORECASE
)
_POINT = "point"


@dataclass(frozen=True, kw_only=True, slots=True)
class Threshold:
    """One metric of this run against a number, e.g. ``mmlu:accuracy>=0.60``."""

    #: as the user wrote it
    text: str
    metric: str
    operator: Operator
    value: float
    #: the suite; None for every suite of the run
    suite: str | None = None
    #: one group of its samples; None for all
    group: str | None = None
    #: whether the bare mean decides instead of its interval
    point: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """One metric of this run against the same of the baseline, e.g. ``accuracy:2%``."""

    text: str
    metric: str
    #: how much worse it may be: a share of the baseline's value, or an absolute difference
    tolerance: float
    relative: bool
    suite: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class GateResult:
    """What a gate says of one suite asked of one model."""

    #: the gate as the user wrote it
    gate: str
    suite: str
    model: str
    answer: Answer
    #: one plain sentence: the numbers, and what decided
    message: str
    #: JSON values
    evidence: Mapping[str, object] = field(default_factory=dict)

    @property
    def fails(self) -> bool:
        """Whether it keeps the session from ending well: whatever is not shown to be good."""
        return self.answer != "pass"


def parse_threshold(place: str, text: str, suite: str | None = None) -> Threshold:
    """Parse ``[SUITE[/GROUP]:][point:]METRIC>=NUMBER``, or ``<=``; ``point`` alone is the bare accuracy.

    :param place: where it was written, for messages
    :param text: what the user wrote
    :param suite: the suite it is of, where it names none
    :raises UsageError: when it is none
    """
    found = _THRESHOLD.fullmatch(text.strip())
    if found is None:
        raise UsageError(f"{place}: {text!r} is no gate; write [SUITE:]METRIC>=NUMBER, e.g. mmlu:accuracy>=0.60")
    scope, metric = (found["scope"] or "").strip(), found["metric"]
    point = metric == _POINT
    if scope == _POINT or scope.endswith(f":{_POINT}"):
        scope, point = scope.removesuffix(_POINT).removesuffix(":"), True
    elif point:
        metric = "accuracy"
    name, group = _split_scope(scope)
    if "" in (name, group):
        missing = "group" if name else "suite"
        raise UsageError(f"{place}: {text!r} names no {missing}; write e.g. mmlu/anatomy:accuracy>=0.5, or mmlu:…")
    if _is_rate(metric) and not 0 <= float(found["value"]) / (100 if found["percent"] else 1) <= 1:
        raise UsageError(f"{place}: {text!r}: {metric} lies between 0 and 1; write e.g. 0.6, or 60%")
    operator: Operator = ">=" if found["operator"] == ">=" else "<="
    value = float(found["value"]) / (100 if found["percent"] else 1)
    return Threshold(
        text=text.strip(),
        metric=metric,
        operator=operator,
        value=value,
        suite=name or suite,
        group=group,
        point=point,
    )


def _is_rate(metric: str) -> bool:
    """Tell whether a metric lies in 0..1: all but times and costs do."""
    return metric != "cost" and not metric.startswith("latency_")


def _split_scope(scope: str) -> tuple[str | None, str | None]:
    """Split a suite from the group of it, empty where it has no name; slashes in node ids of tests part nothing."""
    if not scope:
        return None, None
    if "::" in scope or scope.endswith(".py"):
        return scope, None
    suite, slash, group = scope.partition("/")
    return suite.strip(), group.strip() if slash else None


def parse_comparison(place: str, text: str) -> Comparison:
    """Parse ``[SUITE:]METRIC:TOLERANCE``: ``2%`` of the baseline's value, or an absolute ``0.02``.

    :param place: where it was written, for messages
    :param text: what the user wrote
    :raises UsageError: when it is none, or the tolerance is negative
    """
    found = _COMPARISON.fullmatch(text.strip())
    if found is None or float(found["value"]) < 0:
        raise UsageError(
            f"{place}: {text!r} is no comparison; write METRIC:TOLERANCE, e.g. accuracy:2% (of the baseline's value) "
            "or accuracy:0.02"
        )
    relative = bool(found["percent"])
    if float(found["value"]) > (100 if relative else 1) and _is_rate(found["metric"]):
        raise UsageError(f"{place}: {text!r} tolerates any loss; write e.g. 2% of the baseline's value, or 0.02")
    return Comparison(
        text=text.strip(),
        metric=found["metric"],
        tolerance=float(found["value"]) / (100 if relative else 1),
        relative=relative,
        suite=(found["scope"] or "").strip() or None,
    )
