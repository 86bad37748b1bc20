"""The first screen: the verdict in words, and the numbers with their intervals."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from ...analysis.statistics import Estimate
from ...analysis.summary import Metric, SuiteSummary
from ...core.gates import Answer
from ..matrix_words import find_lone_matrix, say_matrix
from ..view import RunView
from .markup import Markup, element, join
from .plots import draw_estimate
from .trust import name_factor

__all__ = ["describe_estimate", "render_headline", "render_results", "say_headline"]

#: answers that are neither, in words behind "the gate"
_OPEN: Mapping[Answer, str] = {"undecided": "is undecided", "unmeasured": "is unmeasured"}
_NAMES = {"accuracy": "accuracy", "macro_accuracy": "macro accuracy"}


def say_headline(view: RunView) -> str:
    """Return what a reader must know in one sentence."""
    gates, trust = _say_gates(view), _say_trust(view)
    matrix = find_lone_matrix(view)
    if matrix is not None:
        told = [say_matrix(matrix), *([gates] if gates else []), *([trust] if matrix.is_measured else [])]
        return f"{'; '.join(told)}."
    scored = any(summary.scored for summary in view.suites)
    said = _say_both(view, gates, trust) if scored else "Nothing was scored."
    return f"{view.part.name[0].upper()}{view.part.name[1:]}. {said}" if view.part else said


def _say_both(view: RunView, gates: str, trust: str) -> str:
    if not gates:
        return f"{trust[0].upper()}{trust[1:]}."
    agree = view.trustworthy != any(gate.fails for gate in view.gates)
    return f"{gates}, {'and' if agree else 'but'} {trust}."


def _say_gates(view: RunView) -> str:
    counts, total = Counter(gate.answer for gate in view.gates), len(view.gates)
    if not total:
        return ""
    if counts["pass"] == total:
        return f"All {total:,} gates pass" if total > 1 else "The gate passes"
    if total == 1:
        return f"The gate {_OPEN.get(view.gates[0].answer, 'failed')}"
    parts = [f"{counts['fail']:,} failed"] if counts["fail"] else []
    parts += [f"{counts[answer]:,} {answer}" for answer in _OPEN if counts[answer]]
    if len(parts) > 1:
        return f"Of {total:,} gates {' and '.join(parts)}"
    count, word = parts[0].split()
    verb = "" if word == "failed" else "is " if count == "1" else "are "
    return f"{count} of {total:,} gates {verb}{word}"


def _say_trust(view: RunView) -> str:
    if view.trustworthy:
        return "the numbers are trustworthy"
    if any(verdict.state == "flagged" for verdict in view.verdicts):
        return "the numbers are not trustworthy"
    return "the numbers are not verified"


def render_headline(view: RunView) -> Markup:
    """Return the headline, and which factors are in doubt."""
    parts = []
    for state in ("flagged", "unverified"):
        doubted = [verdict.factor for verdict in view.verdicts if verdict.state == state]
        known = view.acknowledged
        named = [name_factor(factor) + (" (acknowledged)" if factor in known else "") for factor in doubted]
        if named:
            parts.append(f"{state.capitalize()}: {', '.join(named)}.")
    doubts = " ".join(parts) or "All six factors of the trust layer are clean."
    return join([element("h1", say_headline(view)), element("p", doubts, class_="lead")])


def render_results(view: RunView) -> Markup:
    """Return each suite's and model's numbers, with the flags that belong to them."""
    flags = [verdict.factor for verdict in view.verdicts if verdict.state == "flagged"]
    return element("div", *(_render_result(summary, flags, view) for summary in view.suites), class_="results")


def _render_result(summary: SuiteSummary, flags: Iterable[str], view: RunView) -> Markup:
    first = summary.metrics[0] if summary.metrics else None
    part = f" ({view.part.name})" if view.part else ""
    parts = [element("h2", summary.suite, " ", element("small", "on ", summary.model, part))]
    if first is None:
        parts.append(element("p", "nothing scored", class_="figure none"))
    else:
        parts += _render_figure(first)
    rest = [_describe_metric(metric, summary) for metric in summary.metrics[1:]]
    parts += [element("p", *line, class_="fact") for line in (*rest, (_count(summary, view),))]
    chips = [element("span", f"{factor} flagged", class_="chip flagged") for factor in flags]
    if chips:
        parts.append(element("p", *chips, class_="chips"))
    return element("article", *parts, class_="result")


def _render_figure(metric: Metric) -> Iterator[Markup]:
    estimate = metric.estimate
    yield element(
        "p",
        element("span", f"{estimate.value:.3f}", class_="value"),
        " ",
        element("span", _NAMES.get(metric.name, metric.name), class_="unit"),
        class_="figure",
    )
    yield draw_estimate(estimate, label=describe_estimate(estimate))
    yield element("p", describe_estimate(estimate), class_="fact")


def describe_estimate(estimate: Estimate) -> str:
    """Return an interval in words."""
    if estimate.low is None or estimate.high is None:
        return f"no interval ({estimate.method}), n = {estimate.n:,}"
    return f"95 % interval {estimate.low:.3f} to {estimate.high:.3f} ({estimate.method}), n = {estimate.n:,}"


def _describe_metric(metric: Metric, summary: SuiteSummary) -> tuple[str, ...]:
    name = _NAMES.get(metric.name, metric.name)
    if len({other.scorer for other in summary.metrics}) > 1:
        name = f"{name} ({metric.scorer})"
    low, high = metric.estimate.low, metric.estimate.high
    interval = "" if low is None or high is None else f", {low:.3f} to {high:.3f}"
    return element("strong", f"{metric.estimate.value:.3f}"), f" {name}{interval}"


def _count(summary: SuiteSummary, view: RunView) -> str:
    described = next((item for item in view.datasets if item["name"] == summary.suite), None)
    unscored = sum(summary.unscored.values())
    causes = ", ".join(f"{cause} {count:,}" for cause, count in sorted(summary.unscored.items()))
    text = f"{summary.scored:,} scored, {unscored:,} unscored" + (f" ({causes})" if causes else "")
    if summary.not_run:
        text += f", {summary.not_run:,} not run: the gates were decided"
    if described:
        asked, known = summary.cases, described["samples"]
        text += f"; {'all' if asked == known else f'{asked:,} of'} {known:,} samples of {described['dataset']}"
    return text
