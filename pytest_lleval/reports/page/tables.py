"""Gates, groups and what changed against the baseline, as tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ...analysis.changes import Change
from ...analysis.contrast import Contrast
from ...analysis.statistics import Estimate
from ...analysis.summary import GroupSummary, SuiteSummary
from ...core.gates import GateResult
from ..view import RunView
from .markup import Markup, element, join, table
from .plots import draw_estimate
from .verdict import describe_estimate

__all__ = ["render_changes", "render_gates", "render_groups"]


def render_gates(gates: Sequence[GateResult]) -> Markup:
    """Return the gates with their answers and what decided."""
    if not gates:
        return Markup()
    several = len({(gate.suite, gate.model) for gate in gates}) > 1
    listed = [_render_gate(gate, several=several) for gate in gates]
    return join([element("h2", "Gates", class_="unseen"), element("ul", *listed, class_="gates")])


def _render_gate(gate: GateResult, *, several: bool) -> Markup:
    place = f"{gate.suite} on {gate.model}: " if several and gate.model else ""
    answer = element("span", gate.answer, class_=f"chip {gate.answer}")
    return element("li", answer, element("div", element("code", gate.gate), element("p", place + gate.message)))


def render_groups(view: RunView) -> Markup:
    """Return a table of groups for each suite and model that has any; empty where none has."""
    parts: list[Markup] = []
    for summary in view.suites:
        groups = [group for group in summary.groups if group.group]
        if groups:
            title = f"{summary.suite} on {summary.model}"
            if len(view.suites) > 1:
                parts.append(element("h3", title))
            hint = " A title sorts by its column, a name leads to the samples of its group."
            told = f"{len(groups):,} groups." if len(groups) > 1 else "1 group."
            parts.append(element("p", told, element("span", hint, class_="script-only hint"), class_="fact"))
            parts.append(_list_groups(summary, groups, f"Groups of {title}"))
    return join(parts)


def _list_groups(summary: SuiteSummary, groups: Sequence[GroupSummary], title: str) -> Markup:
    rows = [
        [_link(summary, group.group), f"{group.estimate.n:,}", f"{group.estimate.value:.3f}", *_show(group.estimate)]
        for group in groups
    ]
    return table(title, ("group", "n#", "accuracy#", "from 0 to 1", "95 % interval"), rows, class_="sortable groups")


def _link(summary: SuiteSummary, group: str) -> Markup:
    """Return a group's name, which a script makes show the samples of it."""
    # a long name breaks between its words
    *words, last = group.split("_")
    parts = [part for word in words for part in (f"{word}_", element("wbr"))]
    return element(
        "a", *parts, last, href="#samples", data_group=group, data_suite=summary.suite, data_model=summary.model
    )


def _show(estimate: Estimate) -> tuple[Markup, str]:
    known = estimate.low is not None and estimate.high is not None
    interval = f"{estimate.low:.3f} to {estimate.high:.3f}" if known else "none"
    return draw_estimate(estimate, describe_estimate(estimate)), interval


def render_changes(contrasts: Sequence[Contrast], place: str) -> Markup:
    """Return how the run differs from its baseline.

    :param contrasts: of each suite and model
    :param place: of the baseline
    """
    head = ("suite", "n#", "baseline#", "now#", "change#", "95 % interval", "p#", "fell#", "rose#")
    rows = [_list_change(found, found.change) for found in contrasts if found.change is not None]
    parts = [element("p", "Compared with ", element("code", place), ", paired by sample.", class_="lead")]
    if rows:
        parts.append(table("Changes against the baseline", head, rows))
    parts += [element("p", line, class_="fact") for line in _say_problems(contrasts)]
    if any(found.change and found.change.fell + found.change.rose for found in contrasts):
        show = element("a", "Show the samples that fell or rose", href="#samples", data_show="flipped")
        parts.append(element("p", show))
    return join(parts)


def _list_change(found: Contrast, change: Change) -> list[str]:
    p = "< 0.001" if change.p < 0.001 else f"{change.p:.3f}"
    return [
        f"{found.new.suite} on {found.new.model}",
        f"{change.n:,}",
        f"{change.base:.3f}",
        f"{change.new:.3f}",
        f"{change.difference:+.4f}",
        f"{change.low:+.4f} to {change.high:+.4f}",
        p,
        f"{change.fell:,}",
        f"{change.rose:,}",
    ]


def _say_problems(contrasts: Sequence[Contrast]) -> Iterator[str]:
    for found in contrasts:
        if found.problem:
            yield f"{found.new.suite} on {found.new.model} is not compared: {found.problem}"
