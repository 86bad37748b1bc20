"""The terminal summary: lines of text from computed numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ..analysis.statistics import Estimate
from ..analysis.summary import GroupSummary, SuiteSummary
from ..core.records import BackendIdentity, Disclosure
from .escaping import escape_text
from .progress import format_duration
from .view import RunView

__all__ = ["Line", "render_run"]

_NAMES = {"accuracy": "accuracy", "macro_accuracy": "macro accuracy"}


class Line(NamedTuple):
    """A line of output with its markup, e.g. ``{"yellow": True}``."""

    text: str
    markup: Mapping[str, bool] = {}


def render_run(view: RunView) -> Iterator[Line]:
    """Yield the lines of a run's summary, safe to print."""
    return (Line(escape_text(line.text), line.markup) for line in _render_lines(view))


def _render_lines(view: RunView) -> Iterator[Line]:
    for identity in view.identities:
        yield from _render_identity(identity)
    for summary in view.suites:
        yield Line("")
        yield from _render_suite(summary, view.datasets)
    if not view.suites:
        yield Line("nothing was scored", {"red": True})
    yield Line("")
    yield from _render_disclosures(view.disclosures)
    yield Line(f"wall     {format_duration(view.wall)} ({view.wall:.1f} s, start-up included)")
    yield Line(f"run      {view.directory}")


def _render_identity(identity: BackendIdentity) -> Iterator[Line]:
    facts = [identity.served_model]
    if identity.kind != "real":
        facts.append(identity.kind.upper())
    facts += [text for text in (identity.server, identity.fingerprint and _shorten(identity.fingerprint)) if text]
    facts += [
        f"{name} {identity.details[name]}" for name in ("quantisation", "slots", "threads") if _has(identity, name)
    ]
    yield Line(f"model    {identity.spec}: {', '.join(facts)}", {"bold": True})


def _has(identity: BackendIdentity, name: str) -> bool:
    return identity.details.get(name) is not None


def _render_suite(summary: SuiteSummary, datasets: Sequence[Mapping[str, Any]]) -> Iterator[Line]:
    yield Line(f"suite    {summary.suite} on {summary.model}", {"bold": True})
    described = next((item for item in datasets if item["name"] == summary.suite), None)
    if described:
        yield from _render_dataset(described, summary.cases)
    if any(group.group for group in summary.groups):
        yield Line("")
        yield from _render_groups(summary.groups)
        yield Line("")
    for metric in summary.metrics:
        name = _NAMES.get(metric.name, metric.name)
        label = f"{name} ({metric.scorer})" if len({m.scorer for m in summary.metrics}) > 1 else name
        yield Line(f"{label:<24} {_format_estimate(metric.estimate)}  {metric.estimate.method}", {"bold": True})
    yield from _render_counts(summary)


def _render_dataset(described: Mapping[str, Any], asked: int) -> Iterator[Line]:
    parameters = ", ".join(f"{key}={value}" for key, value in described["parameters"].items())
    yield Line(
        f"dataset  {described['dataset']}, edition {described['edition']}, digest {_shorten(described['digest'])}; "
        f"{asked:,} of {described['samples']:,} samples asked"
    )
    if described["origin"]:
        yield Line(f"origin   {described['origin']}")
    yield Line(f"version  {described['version']}" + (f" ({parameters})" if parameters else ""))


def _render_groups(groups: Sequence[GroupSummary]) -> Iterator[Line]:
    names = [escape_text(group.group) for group in groups]
    width = max(len("group"), *map(len, names))
    yield Line(f"{'group':<{width}}      n  accuracy  95 % interval", {"bold": True})
    for name, group in zip(names, groups, strict=True):
        yield Line(f"{name:<{width}}  {group.estimate.n:>5}  {_format_estimate(group.estimate, gap=4)}")


def _format_estimate(estimate: Estimate, gap: int = 2) -> str:
    value = f"{estimate.value:.3f}".rjust(8 if gap == 4 else 5)
    if estimate.low is None or estimate.high is None:
        return f"{value}  [no interval]"
    return f"{value}  [{estimate.low:.3f}, {estimate.high:.3f}]"


def _render_counts(summary: SuiteSummary) -> Iterator[Line]:
    unscored = sum(summary.unscored.values())
    causes = ", ".join(f"{cause} {count}" for cause, count in sorted(summary.unscored.items()))
    text = f"scored   {summary.scored:,}, unscored {unscored:,}" + (f" ({causes})" if causes else "")
    yield Line(text, {"red": True} if unscored else {})
    traffic = summary.traffic
    tokens = f"tokens in {traffic.input_tokens:,}, out {traffic.output_tokens:,}"
    if traffic.without_usage:
        tokens += f" (not reported for {traffic.without_usage:,} answers)"
    total = traffic.input_tokens + traffic.output_tokens
    if traffic.span > 0 and total:
        speed = total / traffic.span
        tokens += f", {speed:,.1f} tokens/s in+out over {format_duration(traffic.span)} of asking"
    yield Line(
        f"traffic  requests {traffic.requests:,} ({traffic.retried:,} retried), cache hits {traffic.cache_hits:,}"
    )
    yield Line(f"         {tokens}")


def _render_disclosures(disclosures: Sequence[Disclosure]) -> Iterator[Line]:
    colours = {"critical": {"red": True, "bold": True}, "warning": {"yellow": True}, "note": {}}
    for found in disclosures:
        yield Line(f"{found.factor:<3} {found.severity:<8} {found.message}", colours[found.severity])
    if disclosures:
        yield Line("")


def _shorten(digest: str) -> str:
    name, colon, value = digest.rpartition(":")
    return f"{name}{colon}{value[:12]}" if len(value) == 64 else digest
