"""A run's report in Markdown, short enough for a pull request."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..analysis.contrast import Contrast
from ..analysis.statistics import Estimate
from ..analysis.summary import SuiteSummary
from ..core.matrix import MATRIX
from ..core.records import Disclosure
from ..execution.rundir import read_manifest
from .audits import tell_audit
from .costs import tell_cost
from .escaping import escape_text
from .github import render_verdict
from .markdown import escape_markdown, render_table
from .matrix_markdown import render_matrix_table
from .page.earlier import contrast_view
from .page.trust import name_factor
from .progress import format_duration
from .reproducing import lay_out_command
from .view import RunView

__all__ = ["MOST_CHARACTERS", "render_document"]

#: what a comment on GitHub may have, and some to spare
MOST_CHARACTERS = 60_000
_RESERVED = 200


def render_document(run: Path, view: RunView) -> str:
    """Return a run's report in Markdown; every line ends with a line feed.

    :param run: the run directory
    :param view: of the run
    :raises RunDirectoryError: when the run directory cannot be read
    """
    lines = [f"{line}\n" for line in _render_lines(run, view)]
    length = 0
    for number, line in enumerate(lines):
        length += len(line)
        if length > MOST_CHARACTERS - _RESERVED:
            return "".join(lines[:number]) + f"\n{len(lines) - number:,} more lines are left out.\n"
    return "".join(lines)


def _render_lines(run: Path, view: RunView) -> Iterator[str]:
    manifest = read_manifest(run)
    yield f"## lleval: {escape_markdown(render_verdict(view))}"
    yield ""
    yield from _render_suites(view)
    yield from _render_gates(view)
    yield from _render_changes(contrast_view(view))
    if view.matrix is not None:
        yield from render_matrix_table(view.matrix)
    yield from _render_findings(view)
    for summary in view.suites:
        yield from _render_groups(summary)
    yield from _render_end(run, view, manifest)


def _render_suites(view: RunView) -> Iterator[str]:
    flags = ", ".join(verdict.factor for verdict in view.verdicts if verdict.state == "flagged") or "none"
    rows = [
        [summary.suite, summary.model, metric.name.replace("_", " "), *_show(metric.estimate), _count(summary), flags]
        for summary in view.suites
        for metric in summary.metrics
    ]
    if rows:
        yield from render_table(
            ("suite", "model", "metric", "value", "95 % interval", "n", "unscored", "flagged"), rows
        )
        yield ""


def _show(estimate: Estimate) -> tuple[str, str, str]:
    bounded = estimate.low is not None and estimate.high is not None
    interval = f"{estimate.low:.3f} to {estimate.high:.3f}" if bounded else f"none ({estimate.method})"
    return f"{estimate.value:.3f}", interval, f"{estimate.n:,}"


def _count(summary: SuiteSummary) -> str:
    causes = ", ".join(f"{cause} {count:,}" for cause, count in sorted(summary.unscored.items()))
    return f"{sum(summary.unscored.values()):,}" + (f" ({causes})" if causes else "")


def _render_gates(view: RunView) -> Iterator[str]:
    if view.gates:
        rows = [[gate.gate, gate.suite, gate.model, gate.answer, gate.message] for gate in view.gates]
        yield from render_table(("gate", "suite", "model", "answer", "why"), rows)
        yield ""


def _render_changes(contrasts: Sequence[Contrast]) -> Iterator[str]:
    rows = [
        [
            f"{found.new.suite} on {found.new.model}",
            f"{change.base:.3f}",
            f"{change.new:.3f}",
            f"{change.difference:+.4f}",
            f"{change.low:+.4f} to {change.high:+.4f}",
            f"{change.fell:,}",
            f"{change.rose:,}",
        ]
        for found in contrasts
        if (change := found.change) is not None
    ]
    if rows:
        yield from render_table(("against the baseline", "was", "is", "change", "95 % interval", "fell", "rose"), rows)
        yield ""


def _render_findings(view: RunView) -> Iterator[str]:
    grave = [found for found in view.disclosures if found.severity != "note"]
    for found in grave:
        title = escape_markdown(f"{name_factor(found.factor)}: {found.severity}")
        yield f"- **{title}** {escape_markdown(_describe(found, view.acknowledged))}"
    told = [*view.canaries, *tell_audit(view.audit, view.excluded)]
    for message in told:
        yield f"- {escape_markdown(message)}"
    if grave or told:
        yield ""


def _describe(found: Disclosure, acknowledged: Mapping[str, str]) -> str:
    reason = acknowledged.get(found.factor)
    return found.message + (f" (acknowledged: {reason})" if reason else "")


def _render_groups(summary: SuiteSummary) -> Iterator[str]:
    """Yield the groups of a suite, folded away."""
    groups = [group for group in summary.groups if group.group]
    if groups:
        title = escape_markdown(f"{len(groups):,} groups of {summary.suite} on {summary.model}")
        yield f"<details><summary>{title}</summary>"
        yield ""
        rows = [[group.group, *_show(group.estimate)] for group in groups]
        yield from render_table(("group", "accuracy", "95 % interval", "n"), rows)
        yield ""
        yield "</details>"
        yield ""


def _render_end(run: Path, view: RunView, manifest: Mapping[str, Any]) -> Iterator[str]:
    asked = [(f"{summary.suite} on {summary.model}", summary.model, summary.traffic) for summary in view.suites]
    if view.matrix is not None:
        asked += [(f"{MATRIX} on {curve.label}", curve.model, curve.traffic) for curve in view.matrix.curves]
    for title, model, traffic in asked:
        text = (
            f"{title}: {traffic.requests:,} requests, tokens in {traffic.input_tokens:,}, out "
            f"{traffic.output_tokens:,}, {tell_cost(model, traffic, manifest)}"
        )
        yield f"- {escape_markdown(text)}"
    for text in view.hosts:
        yield f"- {escape_markdown(text)}"
    yield f"- {format_duration(view.wall)} of wall clock; run {escape_markdown(run.resolve().name)}"
    yield ""
    command = escape_text(lay_out_command(manifest), keep="\n")
    # a fence ends at one as long as it is: it is longer than any in the command
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", command)), default=0))
    yield f"<details><summary>How to reproduce</summary>\n\n{fence}sh\n{command}\n{fence}\n\n</details>"
