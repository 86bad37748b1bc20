"""What is noted of one session for its run's manifest: its times, its machines, and what happened to its engine."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from typing import Any

from ..support.clock import find_start

__all__ = ["LOCAL", "SessionLog"]

#: the name of a process that asks itself, as in records
LOCAL = "main"
_MOST_EVENTS = 1000


class SessionLog:
    """Begins with the process; told in any thread."""

    def __init__(self) -> None:
        self._started = find_start()
        self._steady = time.monotonic() - (time.time() - self._started)
        #: what happened to the engine: changed limits and lost workers, in order
        self._events: list[dict[str, Any]] = []
        self._unnoted = 0
        #: what was seen of the machine, by worker
        self._machines: dict[str, dict[str, Any]] = {}
        #: processor time of the workers, and who has seeded generators that were seeded
        self._cpu = 0.0
        self._reseeded: Counter[str] = Counter()
        #: tokens that the servers of this host have computed, by model, before and after
        self._counters: dict[str, dict[str, int]] = {}

    def note_event(self, moment: float, worker: str, **event: object) -> None:
        """Note what happened at a worker.

        :param moment: seconds since the epoch
        """
        if len(self._events) < _MOST_EVENTS:
            self._events.append({"at": round(moment, 3), "worker": worker, **event})
        else:
            self._unnoted += 1

    def note_machine(self, worker: str, found: Mapping[str, Any]) -> None:
        """Note what a worker has seen of its machine, and at its end what it has used."""
        known = self._know(worker)
        if "fingerprint" in found:
            known["fingerprint"] = found["fingerprint"]
        if "sample" in found:
            known["samples"].append(found["sample"])
        if worker != LOCAL:
            self._cpu += found.get("cpu", 0.0)
        self._reseeded.update(found.get("reseeded", {}))

    def note_host(self, worker: str, host: str) -> None:
        """Note on which host a worker is."""
        self._know(worker)["host"] = host

    def note_computed(self, model: str, moment: str, tokens: int) -> None:
        """Note how many tokens a model's servers say they have computed.

        :param moment: ``before`` or ``after``
        """
        self._counters.setdefault(model, {})[moment] = tokens

    def describe(self) -> dict[str, Any]:
        """Return what the manifest says of it up to now, in JSON values."""
        described: dict[str, Any] = {
            "started": self._started,
            "ended": time.time(),
            # by the clock that nobody sets
            "steady": time.monotonic() - self._steady,
            "cpu": round(time.process_time() + self._cpu, 3),
            "events": self._events,
            "workers": self._machines,
            "counters": self._counters,
            "reseeded": dict(self._reseeded),
        }
        return described | ({"events_not_noted": self._unnoted} if self._unnoted else {})

    def _know(self, worker: str) -> dict[str, Any]:
        return self._machines.setdefault(worker, {"fingerprint": {}, "samples": []})
