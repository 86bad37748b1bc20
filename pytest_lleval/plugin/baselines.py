"""Baselines and gates at the two ends of a session: refused before anything is asked, saved when all is known."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..analysis.metrics import METRICS, is_metric
from ..core.errors import RunDirectoryError, UnknownNameError, UsageError
from ..core.gates import Comparison, Threshold
from ..core.results import Baseline
from ..core.settings import Settings
from ..disclosure.verdicts import FACTOR_TITLES
from ..execution.asking import Plan
from ..execution.rundir import find_run, read_manifest
from ..reports.baselines import describe_run, write_baseline

if TYPE_CHECKING:
    from ..reports.view import RunView

__all__ = ["check_baseline", "check_gates", "check_target", "find_baseline", "save_baseline"]

_FIXED = (("version", "task version"), ("dataset", "dataset"), ("edition", "edition of the dataset"))


def find_baseline(root: Path, name: str) -> Path:
    """Find what to compare with: a file, or a run.

    :param root: what relative paths are relative to
    :param name: as the user wrote it
    :raises UsageError: when there is neither
    """
    if not name.strip():
        raise UsageError("--lleval-baseline: it names nothing; write a baseline file, or the path or name of a run")
    if (root / name).is_file():
        return root / name
    try:
        return find_run(root, name, "--lleval-baseline")
    except UsageError as error:
        raise UsageError(
            f"--lleval-baseline: {name!r} is neither a file nor a run; --lleval-save-baseline={name} writes one "
            f"(looked for {root / name})"
        ) from error


def check_baseline(baseline: Baseline, suites: Sequence[Mapping[str, Any]]) -> None:
    """Refuse a baseline that is of another task than this run's, before a request is sent.

    :param baseline: what is compared with
    :param suites: the descriptions of this run's suites
    :raises UsageError: naming the difference
    """
    for suite in suites:
        base = next((part for part in baseline.results if part.suite == suite["name"]), None)
        for name, words in _FIXED if base is not None else ():
            ours, theirs = suite[name], base.facts.get(name) if base else None
            if theirs is not None and ours != theirs:
                raise UsageError(
                    f"--lleval-baseline: {baseline.place} is of another {words} of {suite['name']} ({theirs!r}, not "
                    f"{ours!r}): their numbers cannot be compared; save a new one by --lleval-save-baseline"
                )


def check_gates(settings: Settings, plans: Mapping[str, Plan]) -> None:
    """Refuse gates of suites or metrics that this session does not have.

    :raises UsageError: naming the gate
    """
    if not plans:
        return
    for option, gates in (("--lleval-gate", settings.gates), ("--lleval-compare-fail", settings.comparisons)):
        for gate in gates:
            if gate.suite is not None and gate.suite not in plans and "::" not in gate.suite:
                raise UnknownNameError(f"{option} {gate.text!r}", "suite of this session", gate.suite, plans)
            chosen = [plan for name, plan in plans.items() if gate.suite in (None, name)]
            scorers = {scorer.name for plan in chosen for scorer in plan.suite.scorers}
            if chosen and gate.metric not in scorers and not is_metric(gate.metric):
                raise UsageError(
                    f"{option}: {gate.text!r}: there is no metric {gate.metric!r}; metrics are {METRICS} "
                    f"({', '.join(sorted(scorers))})"
                )
            _check_group(option, gate, chosen)
            _check_kind(option, gate, settings.epochs)


def _check_kind(option: str, gate: Threshold | Comparison, epochs: int) -> None:
    """Refuse what is known beforehand to have no number."""
    passes = re.fullmatch(r"pass[@^](\d+)", gate.metric)
    if isinstance(gate, Comparison) and (passes or gate.metric == "macro_accuracy"):
        raise UsageError(
            f"{option}: {gate.text!r}: {gate.metric} is not compared sample by sample; compare accuracy, a scorer, "
            "latency_mean, latency_pNN or cost"
        )
    if passes and not 1 <= int(passes[1]) <= epochs:
        raise UsageError(
            f"{option}: {gate.text!r} is about {passes[1]} epochs of a sample, and each has {epochs}; give "
            f"--lleval-epochs={max(1, int(passes[1]))}"
        )


def _check_group(option: str, gate: Any, plans: Sequence[Plan]) -> None:
    group = getattr(gate, "group", None)
    if group is None or not plans:
        return
    known = {sample.group for plan in plans for sample in plan.dataset.samples if sample.group}
    if group not in known:
        raise UnknownNameError(f"{option} {gate.text!r}", f"group of {gate.suite!r}", group, known)


def check_target(settings: Settings, root: Path) -> None:
    """Refuse a place that no baseline can be written to, before a request is sent.

    :raises UsageError: naming it
    """
    if settings.save_baseline is None:
        return
    file = root / settings.save_baseline
    if file.is_dir():
        raise UsageError(f"--lleval-save-baseline: {settings.save_baseline!r} is a folder; name a file in it")
    if not file.parent.is_dir():
        raise UsageError(f"--lleval-save-baseline: the folder {file.parent} does not exist; make it first")


def save_baseline(settings: Settings, root: Path, run: Path, view: RunView) -> tuple[str, str]:
    """Write the baseline file that was asked for, unless the numbers are doubtful and nobody has said why.

    :param settings: of the session
    :param root: what relative paths are relative to
    :param run: the run
    :param view: its numbers
    :returns: the file, and an empty word; or an empty word, and why none was written
    """
    file = root / str(settings.save_baseline)
    if problem := _doubt(view):
        return "", f"--lleval-save-baseline: {settings.save_baseline} was not written: {problem}"
    try:
        write_baseline(file, view.results, describe_run(read_manifest(run), view.disclosures))
    except RunDirectoryError as error:
        return "", f"--lleval-save-baseline: {error}"
    return str(settings.save_baseline), ""


def _doubt(view: RunView) -> str:
    """Say why these numbers should not be what later ones are held against; empty when they may."""
    if not any(part.samples for part in view.results):
        return "nothing was scored"
    unscored = sum(sum(part.unscored.values()) for part in view.results)
    if unscored and "A" not in view.acknowledged:
        return f"{unscored:,} answers could not be scored; mend that, or say why by --lleval-acknowledge=A:REASON"
    doubts = [found for found in view.unacknowledged if found.factor in FACTOR_TITLES]
    if doubts:
        factors = ", ".join(dict.fromkeys(found.factor for found in doubts))
        first = doubts[0]
        return (
            f"the run is flagged ({factors}: {first.message}); mend that, or say why it is expected by "
            f"--lleval-acknowledge={first.factor}:REASON"
        )
    return ""
