"""The options of a local model: how many slots, threads and tokens its server gets."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ..core.errors import UsageError
from ..core.settings import ModelSpec

__all__ = ["BATCHED", "REPRODUCIBLE", "LocalOptions", "count_processors", "read_options"]

REPRODUCIBLE: Final = "local"
BATCHED: Final = "local-batched"

_DEFAULT_SLOTS: Final = {REPRODUCIBLE: 1, BATCHED: 8}
_DEFAULT_CONTEXT: Final = 8192
_SMALLEST: Final = {"slots": 1, "threads": 1, "context": 256, "gpu_layers": 0}
#: options of the client that asks the server, read by `RemoteProvider`
_CLIENT_OPTIONS: Final = ("client", "timeout", "max_retries", "attach_timeout", "omit")
_QUOTA_FILE: Final = Path("/sys/fs/cgroup/cpu.max")


@dataclass(frozen=True, kw_only=True, slots=True)
class LocalOptions:
    """What the server of a local model is started with."""

    #: requests answered at once; one alone is reproducible
    slots: int
    threads: int
    #: tokens of prompt and answer together, for each slot; the model's own limit is the upper bound
    context: int
    #: whether the user chose `context`, so that less is an error
    context_asked: bool
    #: layers kept on a GPU; None leaves it to llama.cpp
    gpu_layers: int | None


def read_options(spec: ModelSpec) -> LocalOptions:
    """Read the options of a model table.

    :param spec: a model of the provider ``local`` or ``local-batched``
    :raises UsageError: for an option that is unknown, not a whole number, or too small
    """
    values = _check_options(spec)
    return LocalOptions(
        slots=values.get("slots", _DEFAULT_SLOTS[spec.provider]),
        threads=values.get("threads", 0) or count_processors(),
        context=values.get("context", _DEFAULT_CONTEXT),
        context_asked="context" in values,
        gpu_layers=values.get("gpu_layers"),
    )


def count_processors() -> int:
    """Count the CPUs this process may use: its affinity, and the quota of its container where there is one."""
    return max(1, min(_count_usable(), _read_quota(_QUOTA_FILE)))


def _check_options(spec: ModelSpec) -> Mapping[str, int]:
    if spec.base_url:
        raise UsageError(
            f"{spec.name}: {spec.provider} starts a server of its own and takes no address; "
            f"for a server that runs already write openai/{spec.model}@{spec.base_url}"
        )
    checked: dict[str, int] = {}
    for key, value in spec.options.items():
        if key in _CLIENT_OPTIONS:
            continue
        if key not in _SMALLEST:
            known = ", ".join([*_SMALLEST, *_CLIENT_OPTIONS])
            raise UsageError(f"{spec.name}: no option is called {key!r}; known: {known}")
        if isinstance(value, bool) or not isinstance(value, int) or value < _SMALLEST[key]:
            raise UsageError(
                f"{spec.name}: {key} = {value!r} is not a whole number of at least {_SMALLEST[key]} "
                f"(as {', '.join(_SMALLEST)} must be)"
            )
        checked[key] = value
    return checked


def _count_usable() -> int:
    affinity = getattr(os, "sched_getaffinity", None)
    if affinity is not None:
        return len(affinity(0))
    counter = getattr(os, "process_cpu_count", os.cpu_count)
    return counter() or 1


def _read_quota(path: Path) -> int:
    # cgroup v2: "QUOTA PERIOD" in microseconds, or "max PERIOD"
    usable = _count_usable()
    try:
        quota, period = path.read_text(encoding="ascii").split()
    except (OSError, ValueError):
        return usable
    return usable if quota == "max" else max(1, int(quota) // int(period))
