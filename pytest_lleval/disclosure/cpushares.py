"""Whose the machine's CPU time was: this run's, other processes', or other virtual machines'."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass

import psutil

__all__ = ["CpuMeter", "CpuShares"]

# Counters of the system advance in ticks of 10 ms; over a shorter time a share would be made of a few of them.
_SHORTEST_SECONDS = 0.2


@dataclass(frozen=True, kw_only=True, slots=True)
class CpuShares:
    """Shares in 0..1 of the machine's whole CPU time since the last reading; None where they cannot be told."""

    seconds: float | None = None
    busy: float | None = None
    own: float | None = None
    foreign: float | None = None
    steal: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class _Spent:
    """CPU seconds of one process, and of its children that have ended and were waited for."""

    itself: float
    ended: float


_UNBORN = _Spent(itself=0.0, ended=0.0)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Reading:
    at: float
    total: float
    busy: float
    #: `busy` without interrupts, which may be anybody's
    processes: float
    steal: float
    spent: dict[psutil.Process, _Spent]


class CpuMeter:
    """Tells the shares of the time between two readings.

    :param root_pid: the process whose descendants are this run, besides this process and its own; the default and a
        process that is not there mean this process
    :param clock: seconds that only grow
    """

    def __init__(self, root_pid: int | None = None, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._cpus = psutil.cpu_count() or 1
        self._roots = [
            process
            for pid in dict.fromkeys((root_pid or os.getpid(), os.getpid()))
            if (process := _find_process(pid)) is not None
        ]
        self._adopted: list[tuple[psutil.Process, dict[psutil.Process, _Spent]]] = []
        self._last: _Reading | None = None

    def adopt(self, pid: int) -> None:
        """Count a process and its descendants as this run's from now on, e.g. a model server someone else started."""
        root = _find_process(pid)
        if root is not None:
            before: dict[psutil.Process, _Spent] = {}
            _add_tree(before, root)
            self._adopted.append((root, before))

    def read(self) -> CpuShares:
        """Return the shares since the last reading; all None for the first and for one that follows at once."""
        self._take_adopted()
        last, reading = self._last, self._take()
        if reading is None:
            return CpuShares()
        if last is None:
            self._last = reading
            return CpuShares()
        seconds = reading.at - last.at
        if seconds < _SHORTEST_SECONDS:
            return CpuShares(seconds=seconds)
        self._last = reading
        return self._compare(last, reading, seconds)

    def _take_adopted(self) -> None:
        """Let what others have adopted since take part in the next reading, from its adoption on."""
        while self._adopted:
            root, before = self._adopted.pop(0)
            self._roots.append(root)
            if self._last is not None:
                self._last.spent.update(before | self._last.spent)

    def _compare(self, last: _Reading, now: _Reading, seconds: float) -> CpuShares:
        total = now.total - last.total
        own = _clip(_count_spent(last, now) / (seconds * self._cpus))
        if total <= 0:
            return CpuShares(seconds=seconds, own=own)
        return CpuShares(
            seconds=seconds,
            busy=_clip((now.busy - last.busy) / total),
            own=own,
            foreign=_clip((now.processes - last.processes) / total - own),
            steal=_clip((now.steal - last.steal) / total),
        )

    def _take(self) -> _Reading | None:
        try:
            times = psutil.cpu_times()
        except (psutil.Error, OSError, ValueError, RuntimeError):
            return None
        at = self._clock()
        fields = times._asdict()
        # Linux counts guests' time as user time too.
        total = sum(fields.values()) - fields.get("guest", 0.0) - fields.get("guest_nice", 0.0)
        steal = fields.get("steal", 0.0)
        interrupts = sum(fields.get(name, 0.0) for name in ("irq", "softirq", "interrupt", "dpc"))
        busy = total - times.idle - fields.get("iowait", 0.0) - steal
        spent = self._read_spent()
        return _Reading(at=at, total=total, busy=busy, processes=busy - interrupts, steal=steal, spent=spent)

    def _read_spent(self) -> dict[psutil.Process, _Spent]:
        """Return what each process of the run has used; one that was its once stays so when its parent ends."""
        spent: dict[psutil.Process, _Spent] = {}
        for root in self._roots:
            if root not in spent:
                _add_tree(spent, root)
        for process in self._last.spent if self._last else ():
            if process not in spent and _is_running(process):
                _add_spent(spent, process)
        return spent


def _count_spent(last: _Reading, now: _Reading) -> float:
    """Return the CPU seconds of the run's processes between two readings, those that have ended included."""
    seconds = ended = 0.0
    for process, spent in now.spent.items():
        before = last.spent.get(process, _UNBORN)
        seconds += spent.itself - before.itself
        ended += spent.ended - before.ended
    # A parent that waited for a child has all the child's time, of which the last reading knew a part.
    ended -= sum(spent.itself + spent.ended for process, spent in last.spent.items() if process not in now.spent)
    return max(0.0, seconds) + max(0.0, ended)


def _find_process(pid: int) -> psutil.Process | None:
    try:
        return psutil.Process(pid)
    except (psutil.Error, ValueError, OverflowError):
        return None


def _add_tree(spent: dict[psutil.Process, _Spent], root: psutil.Process) -> None:
    _add_spent(spent, root)
    try:
        children = root.children(recursive=True)
    except (psutil.Error, OSError):
        return
    for child in children:
        _add_spent(spent, child)


def _add_spent(spent: dict[psutil.Process, _Spent], process: psutil.Process) -> None:
    try:
        times = process.cpu_times()
    except (psutil.Error, OSError):
        return
    ended = getattr(times, "children_user", 0.0) + getattr(times, "children_system", 0.0)
    spent[process] = _Spent(itself=times.user + times.system, ended=ended)


def _is_running(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running())
    except (psutil.Error, OSError):
        return False


def _clip(share: float) -> float:
    return min(1.0, max(0.0, share))
