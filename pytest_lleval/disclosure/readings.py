"""One look at the machine: how fast it is, who is using it, and whether it is held back."""

from __future__ import annotations

import dataclasses
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from ..support.clock import read_time
from .cgroups import find_cgroup
from .cpushares import CpuMeter
from .gpus import read_gpus
from .reference import measure_reference

__all__ = ["EnvironmentSample", "MachineReader"]

_UNREADABLE = (psutil.Error, OSError, ValueError, RuntimeError, AttributeError, NotImplementedError, Warning)
# Firmware tells critical temperatures of 0, -273 and 255 degrees, too.
_CREDIBLE_CRITICAL = range(60, 131)
_CPU_SENSORS = ("coretemp", "k10temp", "zenpower", "cpu", "soc", "x86_pkg", "acpitz")


@dataclass(frozen=True, kw_only=True, slots=True)
class EnvironmentSample:
    """The machine at one moment, and since the sample before; None where it cannot be told.

    Shares are of the whole machine, 0..1. `swap_in_bytes`, `swap_out_bytes`, `throttled` and `throttled_s` count up
    from a start of their own.
    """

    #: seconds since 1970
    at: float
    #: since the sample before
    interval_s: float | None = None
    #: per megabyte hashed, see `Reference`
    reference_wall_ms: float | None = None
    reference_cpu_ms: float | None = None
    cpu_mhz: float | None = None
    #: average of the last minute
    load: float | None = None
    busy_share: float | None = None
    #: this run's processes, on this machine
    own_share: float | None = None
    #: all other processes
    foreign_share: float | None = None
    #: taken by the hypervisor for others
    steal_share: float | None = None
    memory_available_bytes: int | None = None
    swap_in_bytes: int | None = None
    swap_out_bytes: int | None = None
    #: how often, and for how many seconds, a CPU limit of the control group stopped it
    throttled: int | None = None
    throttled_s: float | None = None
    #: of the hottest sensor
    temperature_c: float | None = None
    #: from the processor's temperature to the critical one
    temperature_margin_c: float | None = None
    gpus: tuple[dict[str, object], ...] = ()
    #: CPU time this sample took
    cost_ms: float | None = None

    def to_json(self) -> dict[str, object]:
        """Return the sample as JSON values, without what is not known."""
        fields = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return {
            name: round(value, 4) if isinstance(value, float) and name != "at" else value
            for name, value in (fields | {"gpus": list(self.gpus) or None}).items()
            if value is not None
        }


class MachineReader:
    """Takes samples of this machine.

    :param root_pid: the process whose descendants are this run, see `CpuMeter`
    """

    def __init__(self, root_pid: int | None = None) -> None:
        self._meter = CpuMeter(root_pid)
        self._cgroup = find_cgroup()

    def adopt(self, pid: int) -> None:
        """Count a process and its descendants as this run's from now on."""
        self._meter.adopt(pid)

    def read(self) -> EnvironmentSample:
        """Take one sample; what cannot be read is None."""
        began = time.thread_time()
        shares = self._meter.read()
        reference = measure_reference()
        throttled, throttled_s = self._cgroup.read_throttling() or (None, None)
        hottest, margin = _read_temperatures()
        swap_in, swap_out = _read_swap()
        return EnvironmentSample(
            at=read_time(),
            interval_s=shares.seconds,
            reference_wall_ms=reference.wall_ms,
            reference_cpu_ms=reference.cpu_ms,
            cpu_mhz=_read_frequency(),
            load=_read_load(),
            busy_share=shares.busy,
            own_share=shares.own,
            foreign_share=shares.foreign,
            steal_share=shares.steal,
            memory_available_bytes=self._read_memory(),
            swap_in_bytes=swap_in,
            swap_out_bytes=swap_out,
            throttled=throttled,
            throttled_s=throttled_s,
            temperature_c=hottest,
            temperature_margin_c=margin,
            gpus=tuple(read_gpus()),
            cost_ms=(time.thread_time() - began) * 1000,
        )

    def _read_memory(self) -> int | None:
        memory = _try(psutil.virtual_memory)
        known = [memory.available if memory else None, self._cgroup.read_memory_left()]
        return min((size for size in known if size is not None), default=None)


def _read_frequency() -> float | None:
    frequency = _try(psutil.cpu_freq) if hasattr(psutil, "cpu_freq") else None
    return float(frequency.current) if frequency and frequency.current else None


def _read_load() -> float | None:
    # On Windows psutil imitates it with a thread that never ends.
    averages = _try(psutil.getloadavg) if sys.platform != "win32" else None
    return float(averages[0]) if averages else None


def _read_swap() -> tuple[int | None, int | None]:
    if sys.platform == "linux" and not Path("/proc/vmstat").exists():  # psutil would warn
        return None, None
    swap = _try(psutil.swap_memory)
    return (int(swap.sin), int(swap.sout)) if swap else (None, None)


def _read_temperatures() -> tuple[float | None, float | None]:
    """Return the highest temperature, and the smallest distance of a processor's from its critical one."""
    sensors = _try(psutil.sensors_temperatures) if hasattr(psutil, "sensors_temperatures") else None
    entries = [(chip, entry) for chip, found in (sensors or {}).items() for entry in found if entry.current]
    margins = [
        entry.critical - entry.current
        for chip, entry in entries
        if entry.critical and int(entry.critical) in _CREDIBLE_CRITICAL and chip.lower().startswith(_CPU_SENSORS)
    ]
    return max((float(entry.current) for _, entry in entries), default=None), min(margins, default=None)


def _try(question: Callable[[], Any]) -> Any:
    try:
        return question()
    except _UNREADABLE:
        return None
