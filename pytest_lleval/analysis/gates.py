"""Judge gates: a metric against a number, or against the same of a baseline, paired by sample."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

from ..core.gates import Answer, Comparison, GateResult, Threshold
from ..core.results import Baseline, Results
from ..core.settings import Allowance
from .comparison import Compared, compare_results
from .metrics import Measure, measure_metric
from .multiplicity import holm
from .power import samples_for_rate
from .stopping import Stopped

__all__ = ["judge_gates"]

_G = TypeVar("_G", Threshold, Comparison)
#: one-sided level of comparisons, and of each side of a threshold's interval
ALPHA = 0.05
_PLAIN = ("Wilson", "Wilson, effective n")


def judge_gates(
    results: Sequence[Results],
    thresholds: Sequence[Threshold],
    comparisons: Sequence[Comparison] = (),
    baseline: Baseline | None = None,
    *,
    allowed: Allowance | None = None,
    stopped: Sequence[Stopped] = (),
) -> tuple[GateResult, ...]:
    """Judge every gate for every suite and model it is of, in the order they were written.

    A threshold passes when the bound of its 95 % interval does and fails when the other bound does not. A comparison
    passes when its metric is shown to be no worse than tolerated (one-sided, 5 %: all comparisons must pass, which
    needs no correction), and fails when it is worse, significantly after Holm's correction over all comparisons, and
    by more than tolerated. Everything else is undecided.

    :param results: of the run
    :param thresholds: metrics against numbers
    :param comparisons: metrics against the baseline's
    :param baseline: an earlier run's results
    :param allowed: epochs that may be unscored before a gate counts as unmeasured
    :param stopped: what a session that ends early has decided by then, which stands
    """
    allowed = allowed or Allowance()
    judged = [_judge_threshold(gate, part, allowed) for gate, part in _match(thresholds, results)]
    judged += [_miss(gate, gate.suite) for gate in thresholds if not any(_concerns(gate, part) for part in results)]
    compared = [
        compare_results(rule, part, baseline.find(part.suite, part.model) if baseline else None)
        for rule, part in _match(comparisons, results)
    ]
    judged += _judge_compared(compared, allowed)
    judged += [_miss(rule, rule.suite) for rule in comparisons if not any(_concerns(rule, part) for part in results)]
    early = {(found.gate, found.suite, found.model): found for found in stopped}
    return tuple(
        early[key].overrule(result) if (key := (result.gate, result.suite, result.model)) in early else result
        for result in judged
    )


def _match(gates: Iterable[_G], results: Sequence[Results]) -> list[tuple[_G, Results]]:
    return [(gate, part) for gate in gates for part in results if _concerns(gate, part)]


def _concerns(gate: Threshold | Comparison, part: Results) -> bool:
    return gate.suite is None or gate.suite == part.suite


def _miss(gate: Threshold | Comparison, suite: str | None) -> GateResult:
    return GateResult(
        gate=gate.text,
        suite=suite or "",
        model="",
        answer="unmeasured",
        message=f"nothing of {suite or 'any suite'} was scored in this run",
    )


def _check_measured(part: Results, allowed: Allowance) -> str:
    """Say why a run measures nothing that a gate may stand on; empty when it does."""
    count, epochs = sum(part.unscored.values()), sum(found.epochs for found in part.samples.values())
    if part.part:
        return (
            f"{part.part}; a gate needs the whole: `lleval merge` puts it together and judges it, `lleval gate` later"
        )
    if part.missing:
        asked = len(part.samples)
        return (
            f"{part.missing:,} samples have no record, {asked:,} were scored: the run was interrupted, or only a part "
            "of it was chosen to run; a gate needs the whole"
        )
    if not part.samples:
        causes = ", ".join(f"{cause} {count}" for cause, count in sorted(part.unscored.items()))
        return f"nothing was scored ({causes or 'nothing was asked'})"
    if not allowed.admits(count, epochs + count):
        return f"{count:,} of {epochs + count:,} answers could not be scored (--lleval-fail-on-unscored={allowed})"
    return ""


def _judge_threshold(gate: Threshold, part: Results, allowed: Allowance) -> GateResult:
    if problem := _check_measured(part, allowed):
        return _answer(gate.text, part, "unmeasured", problem)
    try:
        measure = measure_metric(gate.metric, part, gate.group)
    except KeyError:
        known = ", ".join(part.scorers)
        return _answer(gate.text, part, "unmeasured", f"there is no metric {gate.metric!r} here; scorers: {known}")
    if measure is None:
        where = f" in group {gate.group!r}" if gate.group else ""
        return _answer(gate.text, part, "unmeasured", f"nothing was measured of {gate.metric}{where}")
    answer, why = _decide_threshold(gate, measure)
    needed = _count_needed(gate, measure) if answer == "undecided" else None
    evidence = {"value": measure.value, "low": measure.low, "high": measure.high, "n": measure.n, "needed": needed}
    if needed:
        why += f"; about {needed:,} samples would decide if {_show(measure.value, measure)} is the truth"
    return _answer(gate.text, part, answer, f"{gate.metric} {_describe(measure)}: {why}", evidence)


def _decide_threshold(gate: Threshold, measure: Measure) -> tuple[Answer, str]:
    above = gate.operator == ">="
    wanted = f"{gate.operator} {_show(gate.value, measure)}"
    if gate.point:
        holds = measure.value >= gate.value if above else measure.value <= gate.value
        return ("pass" if holds else "fail"), f"the bare value is{'' if holds else ' not'} {wanted}"
    good, bad = (measure.low, measure.high) if above else (measure.high, measure.low)
    if good is not None and (good >= gate.value if above else good <= gate.value):
        return "pass", f"the {'lower' if above else 'upper'} bound is {wanted}"
    if bad is not None and (bad < gate.value if above else bad > gate.value):
        return "fail", f"the {'upper' if above else 'lower'} bound is not {wanted}"
    return "undecided", f"the interval does not tell whether it is {wanted}"


def _count_needed(gate: Threshold, measure: Measure) -> int | None:
    # clusters and groups are not independent samples, which the formula is about
    if measure.method not in _PLAIN or measure.value == gate.value or not 0 < gate.value < 1:
        return None
    needed = samples_for_rate(measure.value, gate.value, alpha=ALPHA / 2)
    return needed if needed > measure.n else None


def _describe(measure: Measure) -> str:
    value = _show(measure.value, measure)
    if measure.low is None or measure.high is None:
        return f"{value} [no interval], n={measure.n:,}"
    return f"{value} [{_show(measure.low, measure)}, {_show(measure.high, measure)}], n={measure.n:,}"


def _show(value: float, measure: Measure) -> str:
    return f"{value:.3f}" if measure.is_rate else f"{value:.4g}"


def _judge_compared(compared: Sequence[Compared], allowed: Allowance) -> list[GateResult]:
    """Correct the tests of being worse for their number, and answer."""
    measured = [found for found in compared if not found.problem]
    corrected = dict(zip(map(id, measured), holm([found.p_worse for found in measured]), strict=True))
    results = []
    for found in compared:
        problem = found.problem or _check_measured(found.part, allowed)
        if problem:
            results.append(_answer(found.rule.text, found.part, "unmeasured", problem))
            continue
        p_worse = corrected[id(found)]
        answer: Answer = "undecided"
        if found.p_tolerated <= ALPHA:
            answer = "pass"
        elif p_worse <= ALPHA and found.is_beyond:
            answer = "fail"
        message = found.describe(answer)
        evidence = {**found.evidence, "p_tolerated": found.p_tolerated, "p_worse": found.p_worse, "p_holm": p_worse}
        results.append(_answer(found.rule.text, found.part, answer, message, evidence))
    return results


def _answer(
    gate: str, part: Results, answer: Answer, message: str, evidence: Mapping[str, object] | None = None
) -> GateResult:
    return GateResult(
        gate=gate, suite=part.suite, model=part.model, answer=answer, message=message, evidence=evidence or {}
    )
