"""The verdict on the environment: whether the machines stayed the same, were alike, and are the baseline's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from statistics import median
from typing import Any

from ..core.records import Disclosure, Verdict
from .drift import find_slowdown, find_waiting, measure_speed
from .machine_differences import compare_baseline, compare_workers
from .pressure import find_foreign_load, find_heat, find_memory_pressure, find_steal, find_throttling
from .series import Series, Symptom, make_series
from .verdicts import GRAVITY, make_verdict

__all__ = ["judge_environment"]

_DETECTORS = (
    find_slowdown,
    find_waiting,
    find_foreign_load,
    find_steal,
    find_throttling,
    find_memory_pressure,
    find_heat,
)
_UNEQUAL = 1.25
_LEAST_SAMPLES = 2
_SHARES = ("own_share", "foreign_share", "steal_share", "busy_share")

Workers = Mapping[str, Mapping[str, Any]]


def judge_environment(
    workers: Workers, *, baseline: Workers | None = None, findings: Iterable[Disclosure] = ()
) -> Verdict:
    """Return the verdict of the factor "E".

    :param workers: by name, each with its ``fingerprint`` and its ``samples`` as JSON values; a ``fingerprint`` may be
        missing where only the machine's drift is known
    :param baseline: the same of the run this one is compared with
    :param findings: further findings of this factor
    """
    series = {name: make_series(worker) for name, worker in workers.items()}
    found = [*findings, *_merge_symptoms(series)]
    fingerprints = _get_fingerprints(workers)
    found += compare_workers(fingerprints)
    found += _compare_speeds(series)
    if baseline:
        found += compare_baseline(fingerprints, _get_fingerprints(baseline))
        found += _compare_speed(series, {name: make_series(worker) for name, worker in baseline.items()})
    return make_verdict(
        "E",
        found,
        clean=_tell_clean(series),
        unverified=_explain_gap(series),
        evidence={name: _summarise(each) for name, each in series.items()},
    )


def _merge_symptoms(series: Mapping[str, Series]) -> list[Disclosure]:
    """Return one finding for each kind of symptom: the worst, with all workers that have it."""
    kinds: dict[str, list[tuple[str, Symptom]]] = {}
    for name, each in series.items():
        for detect in _DETECTORS:
            for symptom in detect(each):
                kinds.setdefault(symptom.kind, []).append((name, symptom))
    return [_tell_worst(seen, alone=len(series) == 1) for seen in kinds.values()]


def _tell_worst(seen: list[tuple[str, Symptom]], *, alone: bool) -> Disclosure:
    name, worst = min(seen, key=lambda item: (GRAVITY[item[1].severity], -item[1].size))
    message = worst.message
    if not alone:
        others = f" and {len(seen) - 1} more" if len(seen) > 1 else ""
        message += f" (worker {name}{others})"
    evidence = {**worst.evidence, "workers": [name for name, _ in seen]}
    return Disclosure(factor="E", severity=worst.severity, message=message, evidence=evidence)


def _compare_speeds(series: Mapping[str, Series]) -> list[Disclosure]:
    """Find workers whose processors are not equally fast."""
    speeds = {name: speed for name, each in series.items() if (speed := measure_speed(each))}
    if len(speeds) < 2:
        return []
    slow, fast = max(speeds, key=speeds.__getitem__), min(speeds, key=speeds.__getitem__)
    ratio = speeds[slow] / speeds[fast]
    if ratio < _UNEQUAL:
        return []
    message = (
        f"the workers' processors are not equally fast: the reference loop took {speeds[slow]:.2f} ms on {slow} and "
        f"{speeds[fast]:.2f} ms on {fast} ({ratio - 1:.0%} more)"
    )
    return [Disclosure(factor="E", severity="warning", message=message, evidence=speeds)]


def _compare_speed(series: Mapping[str, Series], baseline: Mapping[str, Series]) -> list[Disclosure]:
    """Find that the reference loop is slower or faster than it was for the baseline."""
    now, then = ([speed for each in group.values() if (speed := measure_speed(each))] for group in (series, baseline))
    if not now or not then:
        return []
    ratio = median(now) / median(then)
    if 1 / _UNEQUAL < ratio < _UNEQUAL:
        return []
    message = (
        f"the processor is {abs(ratio - 1):.0%} {'slower' if ratio > 1 else 'faster'} than the baseline's: the "
        f"reference loop took {median(now):.2f} ms instead of {median(then):.2f} ms"
    )
    evidence = {"now_ms": median(now), "baseline_ms": median(then)}
    return [Disclosure(factor="E", severity="warning", message=message, evidence=evidence)]


def _get_fingerprints(workers: Workers) -> dict[str, Mapping[str, Any]]:
    fingerprints = {name: worker.get("fingerprint") for name, worker in workers.items()}
    return {name: each for name, each in fingerprints.items() if isinstance(each, Mapping)}


def _explain_gap(series: Mapping[str, Series]) -> str:
    """Tell which workers have too few samples to see a drift; empty when none has."""
    if not series:
        return "no samples of the machine were taken"
    short = [name for name, each in series.items() if not _shows_drift(each)]
    if not short:
        return ""
    named = ", ".join(short[:3]) + (f" and {len(short) - 3} more" if len(short) > 3 else "")
    return f"too few samples of the machine, or too short a time, to tell whether it stayed the same (worker {named})"


def _shows_drift(series: Series) -> bool:
    """Tell whether there are samples to compare, and a time between them long enough to tell whose load it had."""
    return (
        len(series.samples) >= _LEAST_SAMPLES
        and measure_speed(series) is not None
        and series.get_mean("foreign_share") is not None
    )


def _tell_clean(series: Mapping[str, Series]) -> str:
    seconds = max((each.duration for each in series.values()), default=0.0)
    samples = sum(len(each.samples) for each in series.values())
    foreign = [share for each in series.values() if (share := each.get_mean("foreign_share")) is not None]
    others = f"; other processes took {max(foreign):.0%} of it" if foreign else ""
    return f"the machine stayed the same for {seconds:,.0f} s ({samples} samples){others}"


def _summarise(series: Series) -> dict[str, object]:
    """Return the numbers a verdict rests on, for one worker."""
    loops = series.list_known("reference_cpu_ms") or series.list_known("reference_wall_ms")
    numbers: dict[str, float | None] = {
        "samples": len(series.samples),
        "seconds": series.duration,
        "reference_ms_best": min(loops, default=None),
        "reference_ms_median": median(loops) if loops else None,
        "reference_ms_worst": max(loops, default=None),
        "throttled_s": series.get_growth("throttled_s"),
        "temperature_c": max(series.list_known("temperature_c"), default=None),
        **{name: series.get_mean(name) for name in _SHARES},
    }
    return {
        name: round(value, 4) if isinstance(value, float) else value
        for name, value in numbers.items()
        if value is not None
    }
