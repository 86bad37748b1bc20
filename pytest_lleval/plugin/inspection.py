"""Whether workers are believed: the audit of their answers, and what is void of those that were found lying."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..core.errors import RunDirectoryError
from ..core.settings import Settings
from ..execution.audit import AUDIT_JOURNAL
from ..execution.journal import Journal
from ..execution.ledger import Entry, Ledger, Source

if TYPE_CHECKING:
    from ..distribution.audits import Place
    from .auditing import Auditor

__all__ = ["Inspection"]

_ALONE = "that needs a second worker: give -n 2 or more, or hosts"


class Inspection:
    """One a session, in the process that keeps the evidence.

    :param settings: of the session
    """

    def __init__(self, settings: Settings) -> None:
        self._share = settings.audit
        self._guard = threading.Lock()
        self._run: Path | None = None
        self._journal: Journal | None = None
        #: bytes of the run's journal when the session began
        self._began = 0
        #: asks answers again; None where nothing is audited
        self.auditor: Auditor | None = None
        #: why nothing is, where it was asked for
        self.unaudited = _ALONE if self._share else ""
        #: workers that are not believed, as the manifest describes them
        self.excluded: list[dict[str, Any]] = []

    def open(self, run: Path, size: int) -> None:
        """Hear where the run's journal is, and how many bytes it has already."""
        self._run, self._began = run, size

    def begin(
        self,
        workers: int,
        exact: Iterable[str],
        *,
        convict: Callable[[str, str], None],
        wake: Callable[[], None],
    ) -> None:
        """Begin to audit, where that was asked for and can be done.

        :param workers: how many there are
        :param exact: models whose answers are the same to the same request, by their nature
        :param convict: hears of a worker that lies, and why that is known
        :param wake: wakes the main thread
        """
        if not self._share or workers < 2:
            return
        from .auditing import Auditor, AuditTerms  # only where answers are audited

        terms = AuditTerms(
            share=self._share, workers=workers, exact=frozenset(exact), convict=convict, keep=self._keep, wake=wake
        )
        self.auditor, self.unaudited = Auditor(terms), ""

    def refuse(self, reason: str) -> None:
        """Hear why nothing is audited."""
        if self._share:
            self.unaudited = reason

    def choose(self, ledger: Ledger, epochs: int) -> None:
        """Hear what will be asked."""
        if self.auditor is not None:
            done = ledger.done
            keys = ((case, epoch) for case in ledger.selected for epoch in range(1, epochs + 1))
            self.auditor.choose(key for key in keys if key not in done)

    def _keep(self, line: str) -> None:
        with self._guard:
            if self._run is None:
                return
            try:
                self._journal = self._journal or Journal(self._run, AUDIT_JOURNAL)
                self._journal.append(line)
            except RunDirectoryError:
                # the run's own journal is on the same disk, and says so
                self._run = None

    def take(self, entry: Entry | None, raw: Mapping[str, Any], source: Source | None) -> None:
        """Hear of a worker's record that was journaled."""
        if self.auditor is not None and entry is not None and source is not None:
            self.auditor.take(raw, source.worker, source.machine)

    def void(self, places: Sequence[Place], reason: str, ledger: Ledger, size: int) -> list[str]:
        """Void all that workers have sent in this session; return the cases that must be asked again.

        :param places: of the workers; the first one is to blame
        :param reason: why
        :param size: bytes of the run's journal
        """
        names = [place.worker for place in places]
        cases: dict[str, None] = {}
        for place in places:
            found = ledger.void(place.worker)
            cases.update(dict.fromkeys(found))
            self.excluded.append(
                {
                    "at": round(time.time(), 3),
                    "worker": place.worker,
                    "host": place.machine,
                    "reason": reason if place is places[0] else f"on the same host as worker {names[0]}",
                    "cases": len(found),
                    "tests": 0,
                    # where its lines are in the journal
                    "begin": self._began,
                    "end": size,
                }
            )
        if self.auditor is not None:
            self.auditor.void(names)
        return list(cases)

    def note_tests(self, worker: str, tests: int) -> None:
        """Hear how many tests an excluded worker has run, which nobody runs again."""
        for entry in self.excluded:
            if entry["worker"] == worker:
                entry["tests"] += tests

    def describe(self) -> dict[str, Any]:
        """Return what the manifest says of it."""
        described: dict[str, Any] = {}
        if self.excluded:
            described["excluded"] = self.excluded
        if self.auditor is not None:
            described["audit"] = {"share": self._share, **self.auditor.describe()}
        elif self.unaudited:
            described["audit"] = {"share": self._share, "unavailable": self.unaudited}
        return described

    @property
    def failure(self) -> str:
        """Why a session must not end well whatever its numbers are; empty where it may."""
        tests = sum(entry["tests"] for entry in self.excluded)
        if tests:
            return f"{tests:,} tests were run by workers that are not believed: run them again"
        undecided = self.auditor.count_undecided() if self.auditor is not None else 0
        if undecided:
            return f"workers contradict each other in {undecided:,} answers, and no third one could decide who lies"
        return ""

    def close(self) -> None:
        """Close the audit's journal; safe to call twice."""
        with self._guard:
            journal, self._journal, self._run = self._journal, None, None
        if journal is not None:
            journal.close()
