"""Stop when decided: a suite's gates watched sample by sample, in an order fixed by the seed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..core.errors import UsageError
from ..core.gates import Comparison, GateResult, Threshold
from ..core.results import Baseline, Results
from .betting import confidence_sequence
from .metrics import find_scorer
from .sequential import DifferenceWatch, ThresholdWatch, Verdict

__all__ = ["GateWatch", "Stopped", "SuiteWatch", "check_decidable", "replay_watch", "share_alpha"]

_ALPHA = 0.05
_PRIMARY = ("accuracy", "pass_rate")


@dataclass(frozen=True, kw_only=True, slots=True)
class Stopped:
    """What a gate came to that was watched at every sample."""

    gate: str
    suite: str
    model: str
    verdict: Verdict | None
    #: how many samples it took, or were looked at in vain
    samples: int
    #: the confidence sequence of what the gate is about, which holds at whatever moment one stops
    low: float
    high: float

    def overrule(self, result: GateResult) -> GateResult:
        """Return a gate's result with the answer of the sequence, the only one whose errors are bounded."""
        if result.answer == "unmeasured":
            return result
        found = f"anytime-valid [{self.low:.3f}, {self.high:.3f}]"
        how = f"decided after {self.samples:,} samples" if self.verdict else f"not decided by {self.samples:,} samples"
        evidence = {**result.evidence, "decided_after": self.samples, "sequence": [self.low, self.high]}
        numbers = result.message.partition(": ")[0]
        return replace(
            result, answer=self.verdict or "undecided", message=f"{numbers}: {how}, {found}", evidence=evidence
        )


class GateWatch:
    """Watches one gate of one suite and model.

    :param gate: the gate
    :param suite: of the run
    :param model: of the run
    :param base: the baseline's results; None for a threshold
    :param alpha: the error level
    """

    def __init__(
        self, gate: Threshold | Comparison, suite: str, model: str, base: Results | None, *, alpha: float = _ALPHA
    ) -> None:
        self._gate = gate
        self._place = suite, model
        self._base = base
        self._values: list[float] = []
        self._alpha = alpha
        self._mirrored = isinstance(gate, Threshold) and gate.operator == "<="
        if isinstance(gate, Threshold):
            threshold = 1 - gate.value if self._mirrored else gate.value
            self._watch: ThresholdWatch | DifferenceWatch = ThresholdWatch(min(1.0, max(0.0, threshold)), alpha)
        else:
            self._watch = DifferenceWatch(_find_tolerance(gate, base), alpha)

    @property
    def verdict(self) -> Verdict | None:
        """The verdict, which stays once there is one."""
        return self._watch.verdict

    def update(self, sample: str, group: str, scores: Mapping[str, float]) -> None:
        """Take the next sample of the order.

        :param sample: its id
        :param group: its group
        :param scores: the mean over epochs of each scorer's values, the primary one's first
        """
        value = self._read(sample, group, scores)
        if value is not None and self._watch.verdict is None:
            self._values.append(value)
            self._watch.update(1 - value if self._mirrored else value)

    def _read(self, sample: str, group: str, scores: Mapping[str, float]) -> float | None:
        gate = self._gate
        if isinstance(gate, Threshold) and gate.group is not None and gate.group != group:
            return None
        name = next(iter(scores), "") if gate.metric in _PRIMARY else gate.metric
        if name not in scores:
            return None
        if not isinstance(gate, Comparison):
            return scores[name]
        before = self._base.samples.get(sample) if self._base else None
        scorer = find_scorer(gate.metric, self._base.scorers) if self._base else None
        value = before.scores[scorer] if before is not None and scorer is not None else None
        return None if value is None else scores[name] - value

    def finish(self) -> Stopped:
        """Return what the gate came to."""
        compared = isinstance(self._gate, Comparison)
        bounds = (-1.0, 1.0) if compared else (0.0, 1.0)
        found = confidence_sequence(self._values, 2 * self._alpha if compared else self._alpha, bounds=bounds)
        suite, model = self._place
        return Stopped(
            gate=self._gate.text,
            suite=suite,
            model=model,
            verdict=self._watch.verdict,
            samples=self._watch.samples,
            low=found.low,
            high=found.high,
        )


class SuiteWatch:
    """Watches all gates of one suite and model; takes samples in any order and looks at them in the fixed one.

    Answers that take long are often wrong: those that happen to be in first are no random draw.

    :param order: the ids of the samples as they are asked
    :param gates: at least one
    """

    def __init__(self, order: Sequence[str], gates: Sequence[GateWatch]) -> None:
        self._order = order
        self._gates = gates
        self._next = 0
        self._waiting: dict[str, tuple[str, Mapping[str, float]]] = {}

    @property
    def decided(self) -> bool:
        """Whether every gate is decided."""
        return all(gate.verdict is not None for gate in self._gates)

    def enter(self, sample: str, group: str, scores: Mapping[str, float]) -> None:
        """Take a sample that is complete; one without scores is passed over when its turn comes."""
        self._waiting[sample] = group, scores
        while self._next < len(self._order) and self._order[self._next] in self._waiting:
            name = self._order[self._next]
            found = self._waiting.pop(name)
            self._next += 1
            for gate in self._gates:
                gate.update(name, *found)


def check_decidable(gates: Iterable[Threshold | Comparison]) -> None:
    """Refuse gates that cannot be watched sample by sample.

    :raises UsageError: naming the first
    """
    for gate in gates:
        point = isinstance(gate, Threshold) and gate.point
        if point or gate.metric == "cost" or gate.metric.startswith(("latency_", "macro_", "pass@", "pass^")):
            raise UsageError(
                f"--lleval-stop=decided: {gate.text!r} cannot be decided sample by sample, only intervals of the mean "
                "of a scorer's values can (accuracy, pass_rate or a scorer's name): leave one of the two out"
            )


def replay_watch(
    results: Results,
    gates: Sequence[Threshold | Comparison],
    baseline: Baseline | None,
    position: Callable[[str], Any],
) -> list[Stopped]:
    """Decide the gates of a run again, as they were decided while it ran.

    :param results: of a suite and model
    :param gates: those that are about it
    :param baseline: what it was compared with
    :param position: where in the fixed order a sample comes, by its id
    """
    base = baseline.find(results.suite, results.model) if baseline else None
    compared = sum(isinstance(gate, Comparison) for gate in gates)
    watches = [
        GateWatch(gate, results.suite, results.model, base, alpha=share_alpha(gate, compared))
        for gate in gates
        if isinstance(gate, Threshold) or base is not None
    ]
    for sample in sorted(results.samples, key=position):
        found = results.samples[sample]
        scores = {name: value for name, value in zip(results.scorers, found.scores, strict=True) if value is not None}
        for watch in watches:
            watch.update(sample, found.group, scores)
    return [watch.finish() for watch in watches]


def share_alpha(gate: Threshold | Comparison, compared: int) -> float:
    """Return a gate's error level: comparisons share theirs (Bonferroni), for each may raise a false alarm."""
    return _ALPHA / max(1, compared) if isinstance(gate, Comparison) else _ALPHA


def _find_tolerance(gate: Comparison, base: Results | None) -> float:
    if not gate.relative or base is None:
        return min(1.0, gate.tolerance)
    scorer = find_scorer(gate.metric, base.scorers)
    values = [found.scores[scorer] for found in base.samples.values()] if scorer is not None else []
    known = [value for value in values if value is not None]
    return min(1.0, gate.tolerance * sum(known) / len(known)) if known else min(1.0, gate.tolerance)
