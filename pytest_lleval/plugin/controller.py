"""The part of a process that keeps the evidence: attaches, writes the journal, decides at the end."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psutil
import pytest

from ..core.encoding import dump_record, load_record
from ..core.errors import RunDirectoryError
from ..core.records import Record
from ..core.settings import Settings
from ..disclosure.environment import capture_environment
from ..execution.asking import Asker
from ..execution.attaching import attach_models, start_services
from ..execution.journal import Journal, read_journal
from ..execution.manifest import compare_experiments, make_manifest
from ..execution.planning import RunPlan, make_probes
from ..execution.rundir import MANIFEST, REPORT, create_run, find_run, read_manifest, write_json
from ..reports.machine import encode_report
from ..reports.view import RunView, load_view
from .downloads import DownloadProgress

__all__ = ["Controller"]


class Controller:
    """Keeps the evidence of a run; there is one, in the process the user started."""

    def __init__(self, config: pytest.Config, settings: Settings, plan: RunPlan, stack: ExitStack) -> None:
        self._config = config
        self._settings = settings
        self._plan = plan
        self._stack = stack
        self._started = psutil.Process().create_time()
        self.connections: dict[str, dict[str, str]] = {}
        #: what a resumed run has already, by case, then by epoch
        self._earlier: dict[str, dict[int, Record]] = {}
        #: the cases the session will run; None until something was collected
        self._selected: frozenset[str] | None = None
        self._reported: set[str] = set()
        self._journal: Journal | None = None
        self._manifest: dict[str, Any] = {}
        self.run: Path | None = None
        self.view: RunView | None = None
        #: whether any of the models is a mock
        self.asks_mock = False
        #: selected cases whose turn never came, so that pytest never reported them
        self.missing: list[str] = []
        #: why the evidence could not be completed; empty when it could
        self.problem = ""

    @property
    def done(self) -> frozenset[tuple[str, int]]:
        """Case and epoch of what the run has already."""
        return frozenset((case, epoch) for case, epochs in self._earlier.items() for epoch in epochs)

    @property
    def selected(self) -> frozenset[str]:
        """The cases the session will run; all of them while nothing was collected, for then all are missing."""
        return frozenset(case.id for case in self._plan.cases) if self._selected is None else self._selected

    def open(self) -> None:
        """Attach the models, then open the run directory.

        :raises LlevalError: when either cannot be done
        """
        resumed = self._find_resumed()
        self.connections = start_services(self._settings.models, self._stack, DownloadProgress(self._config))
        asker = Asker(plans=self._plan.plans, backends={}, settings=self._settings)
        identities = attach_models(self._settings.models, self.connections, make_probes(self._plan, asker))
        root = Path(self._config.rootpath)
        self._manifest = make_manifest(self._settings, self._plan, identities, capture_environment(root))
        self.asks_mock = any(identity.kind == "mock" for identity in identities)
        if resumed:
            self._take_over(resumed)
        self.run = resumed or create_run(root, self._settings.run_dir)
        self._journal = Journal(self.run)
        self._write_manifest()

    def _find_resumed(self) -> Path | None:
        if self._settings.resume is None:
            return None
        return find_run(Path(self._config.rootpath), self._settings.resume)

    def _take_over(self, run: Path) -> None:
        """Refuse another experiment; keep what the run has scored."""
        manifest = read_manifest(run)
        compare_experiments(manifest, self._manifest, str(run))
        self._manifest["created"] = manifest["created"]
        self._manifest["sessions"] = manifest["sessions"]
        for record in read_journal(run):
            if record.outcome == "scored":
                self._earlier.setdefault(record.case, {})[record.epoch] = record

    def _write_manifest(self) -> None:
        """Write the manifest with this session counted up to now."""
        if self.run is not None:
            sessions = [*self._manifest["sessions"], {"started": self._started, "ended": time.time()}]
            write_json(self.run / MANIFEST, {**self._manifest, "sessions": sessions})

    def select(self, node_ids: Sequence[str]) -> None:
        """Hear which items the session will run."""
        self._selected = frozenset(case.id for case in self._plan.cases).intersection(node_ids)

    def record_lines(self, case: str, lines: Sequence[str]) -> list[Record]:
        """Journal the records of one case and return them, together with those it had before.

        :raises pytest.exit.Exception: when the journal cannot be written; the session ends at once
        """
        self._reported.add(case)
        records = [load_record(line) for line in lines]
        self.append_lines(lines)
        known = {record.epoch for record in records}
        earlier = self._earlier.get(case, {})
        return records + [record for epoch, record in earlier.items() if epoch not in known]

    def note_skipped(self, node_id: str) -> None:
        """Hear of an item that was skipped: a marker said so, nothing is missing."""
        self._reported.add(node_id)

    def append_lines(self, lines: Sequence[str]) -> None:
        """Journal lines.

        :raises pytest.exit.Exception: when the journal cannot be written; the session ends at once
        """
        if self._journal is None:
            raise RuntimeError("a record arrived before the journal was open")
        try:
            for line in lines:
                self._journal.append(line)
        except RunDirectoryError as error:
            self._journal = None
            pytest.exit(str(error), returncode=pytest.ExitCode.TESTS_FAILED)

    def finish(self, exitstatus: int, left: Sequence[Record]) -> int:
        """Close the journal, compute the report, and return the session's exit status.

        :param exitstatus: pytest's
        :param left: records whose case never got its turn
        """
        if self.run is None:
            return exitstatus
        self.missing = sorted(self.selected - self._reported)
        try:
            self._conclude(self.run, left)
        except RunDirectoryError as error:
            self.problem = str(error)
        if (self.missing or self.problem) and exitstatus == pytest.ExitCode.OK:
            return pytest.ExitCode.TESTS_FAILED
        return exitstatus

    def _conclude(self, run: Path, left: Sequence[Record]) -> None:
        if self._journal is not None:
            for record in left:
                self._journal.append(dump_record(record))
        self.close()
        self._write_manifest()
        self.view = load_view(run)
        write_json(run / REPORT, encode_report(self.view))

    def close(self) -> None:
        """Close the journal; safe to call twice."""
        if self._journal is not None:
            self._journal.close()
            self._journal = None
