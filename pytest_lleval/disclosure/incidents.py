"""What is seldom in a record and worth a word each time: failed attempts, cut answers, second answers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from ..core.records import Record, SeedCheck

__all__ = ["Incidents", "gather_incidents"]


class Incidents:
    """Takes records one by one."""

    def __init__(self) -> None:
        #: failed attempts by cause; seconds they and the waiting after them took
        self.failures: Counter[str] = Counter()
        self.failed_seconds = 0.0
        #: answers that were cut off by the token limit before an answer was found in them; the first of them by name
        self.cut = 0
        self.first_cut = ""
        #: by model
        self.seed_checks: dict[str, list[SeedCheck]] = {}

    def add(self, record: Record) -> None:
        """Take a record."""
        for failure in (*record.failures, *(each for call in record.earlier for each in call.failures)):
            self.failures[f"HTTP {failure.status}" if failure.status else "no answer"] += 1
            self.failed_seconds += failure.seconds + failure.waited
        if record.seed_check:
            self.seed_checks.setdefault(record.model, []).append(record.seed_check)
        done, primary = record.completion, record.primary
        if done and done.stop_reason == "length" and primary and primary.answer is None and not primary.value:
            self.cut += 1
            self.first_cut = min(self.first_cut or record.sample, record.sample)


def gather_incidents(records: Iterable[Record]) -> Incidents:
    """Return the incidents of records."""
    found = Incidents()
    for record in records:
        found.add(record)
    return found
