"""The terminal summary: lines of text from computed numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..analysis.statistics import Estimate
from ..analysis.summary import EpochSummary, GroupSummary, Metric, SuiteSummary
from ..core.gates import Answer, GateResult
from ..core.records import BackendIdentity, Disclosure, Verdict
from ..disclosure.verdicts import FACTOR_TITLES, is_trustworthy
from ..scoring.grading import WHOLE
from .audits import tell_audit
from .escaping import escape_text
from .progress import format_duration
from .textlines import Line
from .view import RunView

__all__ = ["Line", "render_gates", "render_run", "render_trust"]

_FURTHER = {"S": "seeds", "D": "dataset", "A": "answers"}
_MARKUP: Mapping[str, Mapping[str, bool]] = {
    "critical": {"red": True, "bold": True},
    "warning": {"yellow": True},
    "note": {},
}
_ANSWERS: Mapping[Answer, str] = {
    "pass": "pass",
    "fail": "FAIL",
    "undecided": "UNDECIDED",
    "unmeasured": "UNMEASURED",
}
_GATE_MARKUP: Mapping[Answer, Mapping[str, bool]] = {
    "pass": {"green": True, "bold": True},
    "fail": {"red": True, "bold": True},
    "undecided": {"yellow": True, "bold": True},
    "unmeasured": {"red": True, "bold": True},
}
_NAMES = {"accuracy": "accuracy", "macro_accuracy": "macro accuracy"}


def render_run(view: RunView, width: int = 0) -> Iterator[Line]:
    """Yield the lines of a run's summary, safe to print.

    :param view: the run
    :param width: columns of the terminal, for what is drawn; 0 draws nothing
    """
    return (Line(escape_text(line.text), line.markup) for line in _render_lines(view, width))


def _render_lines(view: RunView, width: int) -> Iterator[Line]:
    flags = ", ".join(verdict.factor for verdict in view.verdicts if verdict.state == "flagged")
    for identity in view.identities:
        yield from _render_identity(identity)
    for summary in view.suites:
        yield Line("")
        yield from _render_suite(summary, view, flags)
    if view.matrix is not None:
        from .matrix_table import render_matrix  # every session would start later for it

        yield Line("")
        yield from render_matrix(view.matrix, width)
        if not view.matrix.is_measured:
            yield Line("nothing was measured", {"red": True})
    elif not view.suites:
        yield Line("nothing was scored", {} if view.part and view.part.is_shard else {"red": True})
    for message in view.canaries:
        yield Line(f"canaries {message}")
    for message in tell_audit(view.audit, view.excluded):
        yield Line(f"audit    {message}", {"red": True, "bold": True} if message.startswith("excluded") else {})
    yield Line("")
    if view.gates:
        yield from render_gates(view.gates)
        yield Line("")
    # where there is one model, every finding is about it
    name = f"{view.identities[0].spec}: " if len(view.identities) == 1 else ""
    for line in render_trust(view.verdicts, view.further, view.acknowledged):
        yield Line(line.text.replace(name, "", 1) if name else line.text, line.markup)
    if view.baseline:
        yield Line(f"baseline {view.baseline}")
    for number, text in enumerate(view.hosts):
        yield Line(f"{'hosts' if number == 0 else '':<8} {text}", {"yellow": True})
    yield Line(
        f"wall     {format_duration(view.wall)} ({view.wall:.1f} s, start-up included), processor time {view.cpu:.1f} s"
    )
    yield Line(f"run      {view.directory}")


def render_gates(gates: Sequence[GateResult]) -> Iterator[Line]:
    """Yield a line for each gate: its answer, and what decided.

    :param gates: as they were judged
    """
    several = len({(found.suite, found.model) for found in gates}) > 1
    for found in gates:
        place = f"{found.suite} on {found.model}: " if several and found.model else ""
        yield Line(f"gate     {_ANSWERS[found.answer]:<11} {found.gate}", _GATE_MARKUP[found.answer])
        yield Line(f"         {place}{found.message}")


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


def _render_suite(summary: SuiteSummary, view: RunView, flags: str) -> Iterator[Line]:
    part = f" ({view.part.name})" if view.part else ""
    yield Line(f"suite    {summary.suite} on {summary.model}{part}", {"bold": True})
    described = next((item for item in view.datasets if item["name"] == summary.suite), None)
    if described:
        yield from _render_dataset(described, summary.cases)
    if any(group.group for group in summary.groups):
        yield Line("")
        yield from _render_groups(summary.groups)
        yield Line("")
    for metric in summary.metrics:
        label = _label_metric(metric, described, several=len({m.scorer for m in summary.metrics}) > 1)
        flagged = f"  [{flags}]" if flags else ""
        yield Line(
            f"{label:<24} {_format_estimate(metric.estimate)}  {metric.estimate.method}{flagged}", {"bold": True}
        )
    if summary.epochs is not None:
        yield from _render_epochs(summary.epochs)
    yield from _render_counts(summary)


def _label_metric(metric: Metric, described: Mapping[str, Any] | None, *, several: bool) -> str:
    """Return what a metric is called; the first score of a test says whether the case passed."""
    if described and "pass_rate" in described["metrics"] and metric.name == "accuracy":
        return "pass rate" if metric.scorer == WHOLE else f"grade ({metric.scorer})"
    name = _NAMES.get(metric.name, metric.name)
    return f"{name} ({metric.scorer})" if several else name


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


def _render_epochs(found: EpochSummary) -> Iterator[Line]:
    """Say how much epochs of one sample differ, and how the same number of calls tells more."""
    total = found.between + found.within
    share = found.within / total if total else 0.0
    text = f"epochs   {found.epochs:.3g} a sample: {share:.0%} of the variance is between epochs of one sample"
    if found.best_error < 0.98 * found.error:
        text += (
            f"; as many calls as {found.best_samples:,} samples of {found.best_epochs} would bring the standard error "
            f"from {found.error:.3f} to {found.best_error:.3f}"
        )
    yield Line(text)


def _render_counts(summary: SuiteSummary) -> Iterator[Line]:
    unscored = sum(summary.unscored.values())
    causes = ", ".join(f"{cause} {count}" for cause, count in sorted(summary.unscored.items()))
    text = f"scored   {summary.scored:,}, unscored {unscored:,}" + (f" ({causes})" if causes else "")
    yield Line(text, {"red": True} if unscored else {})
    if summary.not_run:
        share = summary.not_run / (summary.not_run + summary.scored + unscored)
        yield Line(f"not run  {summary.not_run:,}: decided ({share:.0%} of the calls saved)")
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


def render_trust(
    verdicts: Sequence[Verdict], further: Sequence[Disclosure], acknowledged: Mapping[str, str]
) -> Iterator[Line]:
    """Yield a line for each factor with its further findings, and whether the numbers may be trusted.

    :param verdicts: of the six factors
    :param further: findings about seeds, data and answers
    :param acknowledged: factor to the reason why its findings are expected
    """
    trusted = is_trustworthy(verdicts)
    doubts = ", ".join(f"{verdict.factor} {verdict.state}" for verdict in verdicts if verdict.state != "clean")
    yield Line(f"trustworthy: {'yes' if trusted else f'no ({doubts})'}", {"green" if trusted else "yellow": True})
    for verdict in verdicts:
        yield Line(
            f"{verdict.factor:<3}{FACTOR_TITLES[verdict.factor]:<12} {verdict.state:<11}{verdict.message}",
            _mark_state(verdict),
        )
        # the gravest is the verdict's own sentence
        grave = [found for found in verdict.disclosures if found.severity != "note"]
        for found in verdict.disclosures:
            if found not in grave[:1]:
                yield Line(f"{'':<15} {found.severity:<11}{found.message}", _MARKUP[found.severity])
        if verdict.factor in acknowledged:
            yield Line(f"{'':<15} acknowledged: {acknowledged[verdict.factor]}")
    for found in further:
        yield Line(
            f"{found.factor:<3}{_FURTHER.get(found.factor, ''):<12} {found.severity:<11}{found.message}",
            _MARKUP[found.severity],
        )
        if found.factor in acknowledged:
            yield Line(f"{'':<15} acknowledged: {acknowledged[found.factor]}")
    yield Line("")


def _mark_state(verdict: Verdict) -> Mapping[str, bool]:
    if verdict.state == "clean":
        return {}
    return _MARKUP[verdict.disclosures[0].severity] if verdict.state == "flagged" else {"yellow": True}


def _shorten(digest: str) -> str:
    name, colon, value = digest.rpartition(":")
    return f"{name}{colon}{value[:12]}" if len(value) == 64 else digest
