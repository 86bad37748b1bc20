"""The gates of a run, judged from its manifest and results: the same in the session and later."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from ..analysis.gates import judge_gates
from ..analysis.stopping import Stopped, replay_watch
from ..core.gates import Comparison, GateResult, Threshold
from ..core.results import Baseline, Results
from ..core.settings import Allowance
from ..execution.planning import find_position

__all__ = ["judge_run_gates", "list_gates"]


def list_gates(manifest: Mapping[str, Any]) -> tuple[list[Threshold], list[Comparison]]:
    """Return the gates of a run: those of its settings, and those its tests brought along."""
    settings = manifest["settings"]
    thresholds = [Threshold(**raw) for raw in settings.get("gates", ())]
    thresholds += [Threshold(**raw) for suite in manifest["suites"] for raw in suite.get("gates", ())]
    return thresholds, [Comparison(**raw) for raw in settings.get("comparisons", ())]


def judge_run_gates(
    manifest: Mapping[str, Any], results: Sequence[Results], baseline: Baseline | None
) -> tuple[GateResult, ...]:
    """Judge the gates of a run.

    :param manifest: of the run
    :param results: of the run
    :param baseline: what it is compared with
    """
    thresholds, comparisons = list_gates(manifest)
    settings = manifest["settings"]
    stopped: list[Stopped] = []
    if settings.get("stop_decided"):
        for part in results:
            every: list[Threshold | Comparison] = [*thresholds, *comparisons]
            gates = [gate for gate in every if gate.suite in (None, part.suite)]
            stopped += replay_watch(part, gates, baseline, partial(find_position, settings["seed"], part.suite))
    return judge_gates(
        results,
        thresholds,
        comparisons,
        baseline,
        allowed=Allowance(**settings.get("unscored_allowed", {})),
        stopped=stopped,
    )
