"""Whether a processor stayed as fast as it was, by the reference loop of a worker's samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from ..core.records import Severity
from .series import Series, Symptom

__all__ = ["find_slowdown", "find_waiting", "measure_speed"]

_WINDOW = 3
# Measured: medians of three differ by less than 5% on a quiet machine, single values by 8%, own load or not.
_SLOWER = 1.2
# With fewer samples than a window and one more, single values are compared.
_SLOWER_SINGLE = 1.5
# Less of a slow-down counts too when the clock tells the same.
_SLOWER_CLOCKED = 1.1
_CLOCK_FELL = 0.8
# All cores busy lower the clock and share caches: then the loop is slower by this run's own doing.
_OWN_ROSE = 0.2
_WAITED = 1.3
_OWN_BUSY = 0.5
_LEAST_WAITS = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class _Stretch:
    """Medians over a few samples in a row."""

    begin: float
    end: float
    loop: float
    clock: float | None
    own: float


def measure_speed(series: Series) -> float | None:
    """Return the best of a worker's reference loops, in milliseconds per megabyte; None without any."""
    return min(series.list_known(_get_column(series)), default=None)


def find_slowdown(series: Series) -> list[Symptom]:
    """Compare the slowest stretch of a run with its fastest, by CPU time, so that waiting does not count.

    A slow-down while this run's own load rose is a note: it is the run's own doing.
    """
    stretches = _list_stretches(series)
    if len(stretches) < 2:
        return []
    fast = min(stretches, key=lambda stretch: stretch.loop)
    slow = max(stretches, key=lambda stretch: stretch.loop)
    ratio = slow.loop / fast.loop if fast.loop > 0 else 1.0
    fell = bool(fast.clock and slow.clock and slow.clock <= _CLOCK_FELL * fast.clock)
    least = _SLOWER_SINGLE if len(series.samples) <= _WINDOW else _SLOWER_CLOCKED if fell else _SLOWER
    if ratio < least:
        return []
    own = slow.own - fast.own >= _OWN_ROSE
    message = (
        f"the processor was {ratio - 1:.0%} slower around second {(slow.begin + slow.end) / 2:.0f} than around second "
        f"{(fast.begin + fast.end) / 2:.0f} (reference loop {slow.loop:.2f} and {fast.loop:.2f} ms of CPU time)"
    )
    if fell:
        message += f", its clock {slow.clock:,.0f} instead of {fast.clock:,.0f} MHz"
    if own:
        message += f"; this run's own load had risen from {fast.own:.0%} to {slow.own:.0%} of the machine"
    evidence = {"ratio": round(ratio, 3), "slow_ms": slow.loop, "fast_ms": fast.loop, "own_rise": slow.own - fast.own}
    severity: Severity = "note" if own else "warning"
    return [Symptom(kind="slowdown", severity=severity, size=ratio, message=message, evidence=evidence)]


def find_waiting(series: Series) -> list[Symptom]:
    """Tell when even the best loops had to wait for a processor while this run left most of the machine idle."""
    columns = (series.read("reference_wall_ms"), series.read("reference_cpu_ms"), series.read("own_share"))
    rows = [
        (wall, cpu)
        for wall, cpu, own in zip(*columns, strict=True)
        if wall is not None and cpu and own is not None and own < _OWN_BUSY
    ]
    if len(rows) < _LEAST_WAITS:
        return []
    wall, cpu = median(wall for wall, _ in rows), median(cpu for _, cpu in rows)
    ratio = median(wall / cpu for wall, cpu in rows)
    if ratio < _WAITED:
        return []
    message = (
        f"the reference loop had to wait for a processor: {wall:.2f} ms passed for {cpu:.2f} ms of work, "
        "and it was not this run that used the machine"
    )
    evidence = {"ratio": round(ratio, 3), "wall_ms": wall, "cpu_ms": cpu}
    return [Symptom(kind="waiting", severity="warning", size=ratio, message=message, evidence=evidence)]


def _list_stretches(series: Series) -> list[_Stretch]:
    columns = (series.seconds, series.read(_get_column(series)), series.read("cpu_mhz"), series.read("own_share"))
    rows = [
        (second, loop, clock, own)
        for second, loop, clock, own in zip(*columns, strict=True)
        if second is not None and loop is not None
    ]
    # The first sample knows nothing of the load before it: where there is load, it cannot be compared.
    if len(rows) > _WINDOW and rows[0][3] is None and max(own or 0.0 for *_, own in rows) >= _OWN_ROSE:
        rows = rows[1:]
    size = _WINDOW if len(rows) > _WINDOW else 1
    return [_summarise(rows[first : first + size]) for first in range(len(rows) - size + 1)]


def _summarise(rows: Sequence[tuple[float, float, float | None, float | None]]) -> _Stretch:
    clocks = [clock for _, _, clock, _ in rows if clock is not None]
    owns = [own for *_, own in rows if own is not None]
    return _Stretch(
        begin=rows[0][0],
        end=rows[-1][0],
        loop=median(loop for _, loop, _, _ in rows),
        clock=median(clocks) if clocks else None,
        own=median(owns) if owns else 0.0,
    )


def _get_column(series: Series) -> str:
    """Return the loop's CPU time, or its wall time on machines whose clock of CPU time is too coarse."""
    return "reference_cpu_ms" if series.list_known("reference_cpu_ms") else "reference_wall_ms"
