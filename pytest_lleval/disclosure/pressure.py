"""Whether somebody else used a worker's machine, or something held it back: load, limits, memory, heat."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from ..core.records import Severity
from .series import Interval, Series, Symptom, read_number

__all__ = ["find_foreign_load", "find_heat", "find_memory_pressure", "find_steal", "find_throttling"]

# Half a core of two: measured on a quiet machine of two cores, other processes stay below 0.1 but for moments.
_HEAVY = 0.25
# Less hurts where nothing of the machine is left.
_HEAVY_FULL = 0.15
_FULL = 0.9
_LEAST_SECONDS = 2.0
_LEAST_PART = 0.1
_NOTABLE = 0.1
_STEAL, _STEAL_NOTABLE = 0.05, 0.02
_THROTTLED_PART = 0.01
_MEMORY_PART = 0.05
_MEGABYTE = 1_000_000
_SWAPPED, _SWAPPED_NOTABLE = 64 * _MEGABYTE, 4 * _MEGABYTE
_MARGIN_C = 5.0
_GPU_PART = 0.2
_POWER_CAP = "power cap"


def find_foreign_load(series: Series) -> list[Symptom]:
    """Tell when processes outside of this run took much of the machine, from when to when."""
    foreign = series.list_intervals("foreign_share")
    busy = {each.end: each.value for each in series.list_intervals("busy_share")}
    heavy = [
        each
        for each in foreign
        if each.value >= _HEAVY or (each.value >= _HEAVY_FULL and busy.get(each.end, 0.0) >= _FULL)
    ]
    return _judge_load("foreign", "other processes took", series, foreign, heavy)


def find_steal(series: Series) -> list[Symptom]:
    """Tell when the hypervisor gave this machine's CPU time to others."""
    steal = series.list_intervals("steal_share")
    heavy = [each for each in steal if each.value >= _STEAL]
    return _judge_load("steal", "the hypervisor gave others", series, steal, heavy, notable=_STEAL_NOTABLE)


def find_throttling(series: Series) -> list[Symptom]:
    """Tell how often and how long a CPU limit of the control group stopped this run."""
    count, seconds = series.get_growth("throttled"), series.get_growth("throttled_s")
    if not count:
        return []
    part = seconds / series.duration if series.duration else 1.0
    severity: Severity = "warning" if part >= _THROTTLED_PART else "note"
    message = (
        f"the CPU limit of the control group stopped processes {count:,.0f} times, for {seconds:,.1f} s in all "
        f"({part:.0%} of {series.duration:,.0f} s)"
    )
    evidence = {"throttled": int(count), "throttled_s": round(seconds, 3)}
    return [Symptom(kind="throttling", severity=severity, size=part, message=message, evidence=evidence)]


def find_memory_pressure(series: Series) -> list[Symptom]:
    """Tell when memory was all but used up, or was written to and read from disk."""
    found = []
    least = min(series.list_known("memory_available_bytes"), default=None)
    if least is not None and series.memory and least < _MEMORY_PART * series.memory:
        message = f"only {least / _MEGABYTE:,.0f} MB of {series.memory / _MEGABYTE:,.0f} MB of memory were left"
        evidence = {"available_bytes": int(least), "memory_bytes": int(series.memory)}
        found.append(Symptom(kind="memory", severity="warning", size=-least, message=message, evidence=evidence))
    read, written = series.get_growth("swap_in_bytes"), series.get_growth("swap_out_bytes")
    if read + written >= _SWAPPED_NOTABLE:
        severity: Severity = "warning" if read + written >= _SWAPPED else "note"
        message = f"memory was swapped: {written / _MEGABYTE:,.0f} MB out, {read / _MEGABYTE:,.0f} MB in"
        evidence = {"swap_in_bytes": int(read), "swap_out_bytes": int(written)}
        found.append(Symptom(kind="swap", severity=severity, size=read + written, message=message, evidence=evidence))
    return found


def find_heat(series: Series) -> list[Symptom]:
    """Tell when a processor was about as hot as it may get, or a GPU slowed itself down."""
    found = []
    margins = sorted(series.list_known("temperature_margin_c"))
    if margins and (margin := margins[min(1, len(margins) - 1)]) <= _MARGIN_C:
        message = f"the processor came within {max(0.0, margin):.0f} °C of its critical temperature"
        found.append(
            Symptom(
                kind="heat", severity="warning", size=-margin, message=message, evidence={"margin_c": round(margin, 1)}
            )
        )
    return found + _find_gpu_throttling(series)


def _find_gpu_throttling(series: Series) -> list[Symptom]:
    counts: Counter[str] = Counter()
    watched = 0
    for sample in series.samples:
        reasons = _list_throttles(sample)
        watched += reasons is not None
        counts.update(reasons or ())
    found = []
    for reason, count in sorted(counts.items()):
        if count < max(min(2, watched), _GPU_PART * watched):
            continue
        severity: Severity = "note" if reason == _POWER_CAP else "warning"
        temperature = max((value for sample in series.samples for value in _list_temperatures(sample)), default=None)
        hot = "" if temperature is None else f", at up to {temperature:.0f} °C"
        message = f"a GPU lowered its clock in {count} of {watched} samples: {reason}{hot}"
        evidence = {"samples": watched, reason: count}
        found.append(
            Symptom(kind=f"gpu {reason}", severity=severity, size=count / watched, message=message, evidence=evidence)
        )
    return found


def _list_gpus(sample: Mapping[str, object]) -> list[Mapping[str, object]]:
    gpus = sample.get("gpus")
    return [gpu for gpu in gpus if isinstance(gpu, Mapping)] if isinstance(gpus, list | tuple) else []


def _list_throttles(sample: Mapping[str, object]) -> set[str] | None:
    """Return the reasons any GPU gives; None when none was asked."""
    told = [gpu["throttles"] for gpu in _list_gpus(sample) if isinstance(gpu.get("throttles"), list | tuple)]
    return {str(reason) for reasons in told for reason in reasons} if told else None  # type: ignore[attr-defined]  # lists


def _list_temperatures(sample: Mapping[str, object]) -> list[float]:
    return [value for gpu in _list_gpus(sample) if (value := read_number(gpu, "temperature_c")) is not None]


def _judge_load(
    kind: str,
    words: str,
    series: Series,
    known: Sequence[Interval],
    heavy: Sequence[Interval],
    *,
    notable: float = _NOTABLE,
) -> list[Symptom]:
    """Tell of a load when it was heavy for long enough, in a note when it was less than that but not nothing."""
    watched = sum(each.length for each in known)
    if not watched:
        return []
    mean = sum(each.value * each.length for each in known) / watched
    seconds = sum(each.length for each in heavy)
    if heavy and seconds >= max(_LEAST_PART * watched, min(_LEAST_SECONDS, watched)):
        share = sum(each.value * each.length for each in heavy) / seconds
        message = f"{words} {share:.0%} of the machine {_tell_when(known, heavy)}"
        severity: Severity = "warning"
    elif heavy or mean >= notable:
        share, severity = mean, "note"
        message = f"{words} {mean:.0%} of the machine on average"
        if heavy:
            message += f", at most {max(each.value for each in heavy):.0%}, for {seconds:.1f} of {watched:.0f} s"
    else:
        return []
    evidence = {"mean": round(mean, 4), "share": round(share, 4), "seconds": round(seconds, 1)}
    evidence["own_mean"] = round(series.get_mean("own_share") or 0.0, 4)
    return [Symptom(kind=kind, severity=severity, size=share * max(seconds, 1.0), message=message, evidence=evidence)]


def _tell_when(known: Sequence[Interval], heavy: Sequence[Interval]) -> str:
    if len(heavy) == len(known):
        return "all the time"
    first, last = heavy[0], heavy[-1]
    inside = [each for each in known if each.begin >= first.begin and each.end <= last.end]
    if len(inside) != len(heavy):
        return f"for {sum(each.length for each in heavy):.0f} of {sum(each.length for each in known):.0f} s"
    if last is known[-1]:
        return f"from second {first.begin:.0f} on"
    return f"from second {first.begin:.0f} to {last.end:.0f}"
