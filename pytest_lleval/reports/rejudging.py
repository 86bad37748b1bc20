"""The gates of a run judged again, by its own rules or by others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

from ..analysis.metrics import METRICS, is_metric
from ..analysis.stopping import check_decidable
from ..core.errors import UnknownNameError, UsageError
from ..core.gates import Comparison, GateResult, Threshold
from ..core.results import Baseline, Results
from ..core.settings import Allowance
from ..execution.rundir import read_manifest
from .gating import judge_run_gates, list_gates
from .results import collect_results
from .view import RunReader, RunView, load_baseline, load_view

__all__ = ["Rejudged", "Rules", "rejudge_run"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Rules:
    """What is asked of a run instead of what it was asked itself; empty where nothing is."""

    thresholds: tuple[Threshold, ...] = ()
    comparisons: tuple[Comparison, ...] = ()
    baseline: Path | None = None
    #: epochs that may be unscored
    allowed: Allowance | None = None
    #: the command, for messages
    place: str = "lleval gate"

    @property
    def has_gates(self) -> bool:
        """Whether they replace the run's gates."""
        return bool(self.thresholds or self.comparisons)


class Rejudged(NamedTuple):
    """The answers of the gates, with the run's numbers and what makes them doubtful."""

    gates: Sequence[GateResult]
    view: RunView


def rejudge_run(run: Path, rules: Rules) -> Rejudged:
    """Judge the gates of a run, by the code that does so at the end of a session.

    :param run: the run directory
    :param rules: what is asked of it; gates replace all of the run's, anything else applies to whichever are judged
    :raises UsageError: when there is no gate, or one asks for what the run does not have
    :raises RunDirectoryError: when its files cannot be read
    """
    manifest = read_manifest(run)
    changed = _change_manifest(manifest, rules)
    baseline = _check_baseline(run, changed, rules)
    reader = RunReader(run)
    tallies, seen = reader.finish()
    view = load_view(run, rules.baseline, reader)
    if changed == manifest:
        return Rejudged(view.gates, view)
    results = view.results or collect_results(manifest, tallies, seen, view.part)
    _check_names(changed, results, rules.place)
    return Rejudged(judge_run_gates(changed, results, baseline), view)


def _change_manifest(manifest: Mapping[str, Any], rules: Rules) -> Mapping[str, Any]:
    """Return a run's manifest as if these rules had been its own."""
    settings, suites = dict(manifest["settings"]), manifest["suites"]
    if rules.has_gates:
        settings["gates"] = [asdict(gate) for gate in rules.thresholds]
        settings["comparisons"] = [asdict(rule) for rule in rules.comparisons]
        suites = [{**suite, "gates": []} if "gates" in suite else suite for suite in suites]
    if rules.allowed is not None:
        settings["unscored_allowed"] = asdict(rules.allowed)
    return {**manifest, "settings": settings, "suites": suites}


def _check_baseline(run: Path, manifest: Mapping[str, Any], rules: Rules) -> Baseline | None:
    """Return what the gates compare with; refuse comparisons without one, and one without comparisons."""
    thresholds, comparisons = list_gates(manifest)
    if not thresholds and not comparisons:
        raise UsageError(
            f"{rules.place}: {run} was made without gates; name some, e.g. --gate='accuracy>=0.6', or "
            "--compare-fail=accuracy:2% with --baseline=RUN"
        )
    if rules.has_gates and manifest["settings"].get("stop_decided"):
        # the run ended when its own gates were decided: only answers that hold at any moment stand for others
        check_decidable([*thresholds, *comparisons])
    if rules.baseline is not None and not comparisons:
        raise UsageError(
            f"{rules.place}: no gate compares with --baseline={rules.baseline}; add one, e.g. "
            "--compare-fail=accuracy:2%"
        )
    own = manifest.get("baseline")
    if rules.baseline is None and comparisons and not own:
        raise UsageError(
            f"{rules.place}: {comparisons[0].text!r} has nothing to compare with; name a run or a file by --baseline"
        )
    place = rules.baseline or (Path(own) if own else None)
    if not comparisons or place is None or (not rules.has_gates and not place.exists()):
        return None
    return load_baseline(place)


def _check_names(manifest: Mapping[str, Any], results: Sequence[Results], place: str) -> None:
    """Refuse gates of suites, metrics and groups that the run does not have."""
    thresholds, comparisons = list_gates(manifest)
    suites = [suite["name"] for suite in manifest["suites"]]
    gates: list[Threshold | Comparison] = [*thresholds, *comparisons]
    for gate in gates:
        if gate.suite is not None and gate.suite not in suites:
            raise UnknownNameError(f"{place} {gate.text!r}", "suite of the run", gate.suite, suites)
        parts = [part for part in results if gate.suite in (None, part.suite)]
        scorers = {scorer for part in parts for scorer in part.scorers}
        if scorers and gate.metric not in scorers and not is_metric(gate.metric):
            raise UsageError(
                f"{place}: {gate.text!r}: there is no metric {gate.metric!r}; metrics are {METRICS} "
                f"({', '.join(sorted(scorers))})"
            )
        group = gate.group if isinstance(gate, Threshold) else None
        known = _list_groups(parts)
        if known and group is not None and group not in known:
            raise UnknownNameError(f"{place} {gate.text!r}", f"group of {gate.suite!r}", group, known)


def _list_groups(results: Iterable[Results]) -> set[str]:
    return {found.group for part in results for found in part.samples.values() if found.group}
