"""A thread that looks at the machine again and again while a run goes on."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Protocol

from .readings import EnvironmentSample, MachineReader

__all__ = ["EnvironmentSampler", "SampleReader", "plan_samples"]

# Dense at first, so that a run of a few seconds has samples to compare.
_OFFSETS = (1.0, 2.5, 5.0, 8.0, 12.0, 20.0, 30.0)
_PERIOD = 30.0
_STOP_SECONDS = 2.0


class SampleReader(Protocol):
    """Takes samples of a machine."""

    def read(self) -> EnvironmentSample:
        """Take one sample; never raises."""
        ...

    def adopt(self, pid: int) -> None:
        """Count a process and its descendants as this run's from now on."""
        ...


class EnvironmentSampler:
    """Takes a sample at its start, on a schedule, and when it is stopped.

    Every process of a run that asks models has one of its own, for the machine it is on. One sample costs about 5 ms
    of CPU time. A child made by forking has the object without its thread, and its `stop` does nothing.

    :param on_sample: told each sample as JSON values, in the sampler's thread; what it raises is dropped
    :param root_pid: the process whose descendants are this run, e.g. the controller's; the default and a process that
        is not on this machine mean this process
    :param offsets: seconds after the start at which samples are due
    :param period: seconds between samples after the last offset
    :param reader: takes the samples, in place of this machine's
    """

    def __init__(
        self,
        on_sample: Callable[[dict[str, object]], None],
        *,
        root_pid: int | None = None,
        offsets: Sequence[float] = _OFFSETS,
        period: float = _PERIOD,
        reader: SampleReader | None = None,
    ) -> None:
        self._on_sample = on_sample
        self._reader = reader or MachineReader(root_pid)
        self._pauses = plan_samples(offsets, period)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lleval-environment", daemon=True)
        self._owner: int | None = None

    def start(self) -> None:
        """Begin, with a first sample at once; a second call does nothing."""
        if self._owner is None:
            self._owner = os.getpid()
            with suppress(RuntimeError):  # no more threads: a run without samples, which the verdict tells
                self._thread.start()

    def stop(self) -> None:
        """Take a last sample and end, within a few milliseconds; further calls do nothing."""
        if self._owner == os.getpid() and not self._ended.is_set():
            self._ended.set()
            if self._thread.is_alive():
                self._thread.join(_STOP_SECONDS)

    def adopt(self, pid: int) -> None:
        """Count a process and its descendants as this run's from now on, e.g. a model server of the user's.

        :param pid: a process on this machine; one that is not there is ignored
        """
        self._reader.adopt(pid)

    def _run(self) -> None:
        self._take()
        for pause in self._pauses:
            if self._ended.wait(pause):
                break
            self._take()
        self._take()

    def _take(self) -> None:
        # A line to the controller that broke must not end this thread with a traceback in the middle of a run.
        with suppress(Exception):
            self._on_sample(self._reader.read().to_json())


def plan_samples(
    offsets: Sequence[float], period: float, clock: Callable[[], float] = time.monotonic
) -> Iterator[float]:
    """Yield for ever the seconds to wait until the next sample is due; times that passed meanwhile are left out.

    :param offsets: seconds after the first call at which samples are due, ascending
    :param period: seconds between later ones
    :param clock: seconds that only grow
    """
    began = clock()
    due = list(offsets)
    last = due[-1] if due else 0.0
    while True:
        passed = clock() - began
        due = [offset for offset in due if offset > passed]
        if due:
            yield due[0] - passed
        else:
            yield period - (passed - last) % period
