"""The samples one worker took of its machine, in columns, and what can be wrong in them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..core.records import Severity

__all__ = ["Interval", "Series", "Symptom", "make_series", "read_number"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Symptom:
    """One thing that is wrong with a worker's machine; those of a kind on several workers are told together."""

    kind: str
    severity: Severity
    #: how bad, to find the worst of a kind
    size: float
    message: str
    evidence: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Interval:
    """A value of the time between two samples, in seconds since the first sample."""

    begin: float
    end: float
    value: float

    @property
    def length(self) -> float:
        """Seconds between the samples."""
        return self.end - self.begin


@dataclass(frozen=True, kw_only=True, slots=True)
class Series:
    """The samples of one worker in their order."""

    samples: tuple[Mapping[str, Any], ...]
    #: of each sample, since the first
    seconds: tuple[float, ...]
    #: bytes of memory the worker may use
    memory: float | None = None

    @property
    def duration(self) -> float:
        """Seconds from the first to the last sample."""
        return self.seconds[-1] if self.seconds else 0.0

    def read(self, name: str) -> list[float | None]:
        """Return a number of each sample; None where it has none."""
        return [read_number(sample, name) for sample in self.samples]

    def list_known(self, name: str) -> list[float]:
        """Return a number of those samples that have it."""
        return [value for value in self.read(name) if value is not None]

    def list_intervals(self, name: str) -> list[Interval]:
        """Return a share of the times between samples, where it is known."""
        values = self.read(name)
        return [
            Interval(begin=begin, end=end, value=value)
            for begin, end, value in zip(self.seconds, self.seconds[1:], values[1:], strict=False)
            if value is not None and end > begin
        ]

    def get_growth(self, name: str) -> float:
        """Return by how much a number that counts up has grown; 0 when it is not known."""
        known = self.list_known(name)
        return max(0.0, known[-1] - known[0]) if known else 0.0

    def get_mean(self, name: str) -> float | None:
        """Return the mean of a share over the time it is known for."""
        intervals = self.list_intervals(name)
        seconds = sum(each.length for each in intervals)
        return sum(each.value * each.length for each in intervals) / seconds if seconds else None


def make_series(worker: Mapping[str, Any]) -> Series:
    """Put a worker's samples in order.

    :param worker: its ``fingerprint`` and its ``samples``, as JSON values; what is no sample is left out
    """
    given = worker.get("samples")
    samples = [
        sample
        for sample in (given if isinstance(given, Sequence) and not isinstance(given, str) else ())
        if isinstance(sample, Mapping) and read_number(sample, "at") is not None
    ]
    samples.sort(key=lambda sample: float(sample["at"]))
    seconds = tuple(float(sample["at"]) - float(samples[0]["at"]) for sample in samples)
    fingerprint = worker.get("fingerprint")
    fingerprint = fingerprint if isinstance(fingerprint, Mapping) else {}
    sizes = [read_number(fingerprint, name) for name in ("memory_bytes", "memory_limit_bytes")]
    memory = min((size for size in sizes if size is not None), default=None)
    return Series(samples=tuple(samples), seconds=seconds, memory=memory)


def read_number(values: Mapping[str, Any], name: str) -> float | None:
    """Return a finite number out of JSON values; None when there is none of this name."""
    value = values.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)
