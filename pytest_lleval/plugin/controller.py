"""The part of a process that keeps the evidence: attaches, writes the journal, decides at the end."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pytest

from ..core.errors import RunDirectoryError
from ..core.records import BackendIdentity, Case, Record
from ..core.settings import Settings
from ..execution.acceptance import accept_line, seal_record
from ..execution.aside import run_aside
from ..execution.asking import Asker
from ..execution.attaching import attach_models, start_services
from ..execution.cache import open_cache
from ..execution.context import Attached, RunContext
from ..execution.journal import Journal
from ..execution.ledger import Entry, Ledger, Source, make_entry, parse_line
from ..execution.manifest import make_manifest
from ..execution.planning import RunPlan, add_chat_probe, make_probes
from ..execution.prices import check_budget
from ..execution.rundir import MANIFEST, REPORT, claim_run, create_run, write_json
from ..providers.registry import import_providers, read_computed
from .downloads import DownloadProgress
from .following import JournalFollower
from .inspection import Inspection
from .limits import find_limits
from .resuming import adopt_manifest, find_resumed, read_earlier
from .rulebook import Rulebook
from .sessionlog import SessionLog
from .state import find_hosts

if TYPE_CHECKING:
    from ..distribution.audits import Place
    from ..reports.view import RunView
    from .hosting import HostCrew
    from .stopping import Stopper

__all__ = ["Controller"]

#: as whose limits are noted those of all workers together
_ALL = "all"


class Controller:
    """Keeps the evidence of a run; there is one, in the process the user started.

    Records arrive in other threads than pytest's: of the pipeline, or of the workers' lines.
    """

    def __init__(self, config: pytest.Config, settings: Settings, plan: RunPlan, stack: ExitStack) -> None:
        self._config = config
        self._settings = settings
        self._plan = plan
        self._stack = stack
        self._guard = threading.Lock()
        self._journal: Journal | None = None
        self._manifest: dict[str, Any] = {}
        self._log = SessionLog()
        self._connections: dict[str, dict[str, str]] = {}
        #: whether any finding above a note fails the session
        self.strict = settings.strict
        self.rules = Rulebook(settings, Path(config.rootpath), config.invocation_params.dir)
        self._follower: JournalFollower | None = None
        self._attaching: Future[tuple[BackendIdentity, ...]] | None = None
        self._concluding: Future[None] | None = None
        self.attached = Attached()
        self.ledger = Ledger(plan.cases, settings.epochs)
        #: whether workers are believed
        self.inspection = Inspection(settings)
        self.limits = find_limits(config)
        #: ends suites whose gates are decided; None where they are asked to the end
        self.stopper: Stopper | None = None
        self.run: Path | None = None
        self.view: RunView | None = None
        #: whether any of the models is a mock
        self.asks_mock = False
        #: selected cases without all their records
        self.missing: list[str] = []
        #: why the evidence could not be completed; empty when it could
        self.problem = ""
        #: the workers that ended before their time, with the reason
        self.lost: list[tuple[str, str]] = []
        #: records that came from workers that had been given up
        self.late = 0
        #: the hosts that take part; None where there are none
        self.hosts: HostCrew | None = find_hosts(config)

    def make_context(self, workers: int, share: Mapping[str, int] | None = None) -> RunContext:
        """Return what a process that asks must know.

        :param workers: how many processes share the run
        :param share: the requests it may have in flight, by model name; an even share if none
        """
        return RunContext(
            settings=self._settings,
            digests={name: plan.dataset.digest for name, plan in self._plan.plans.items()},
            connections=self._connections,
            done=self.ledger.done,
            workers=workers,
            share=share or {},
            root=os.getpid(),
        )

    def prepare(self) -> None:
        """Look at what needs no answer, start the model servers of this host, and begin to attach the models.

        :raises LlevalError: when something is not what it should be
        """
        find_resumed(Path(self._config.rootpath), self._settings)
        self.rules.prepare(self._plan)
        if self._settings.stop_decided:
            from .stopping import Stopper  # with numpy, which a session without it loads beside its start

            self.stopper = Stopper(self._settings, self._plan, self.rules.compared, self.ledger)
        check_budget(self._settings)
        open_cache(self._settings.cache)
        models = () if self._plan.has_nothing else self._settings.models
        self._connections = start_services(models, self._stack, DownloadProgress(self._config))
        probes = make_probes(self._plan, Asker(plans=self._plan.plans, callers={}, settings=self._settings))
        if self._settings.matrix is not None:
            probes = add_chat_probe(probes)
        import_providers(models)
        # beside it the workers start
        self._attaching = run_aside(lambda: attach_models(models, self._connections, probes))

    def prepare_tests(self) -> None:
        """Get ready for a session that asks no suite: what its tests are and whom they ask is adopted as they report.

        :raises LlevalError: when something is not what it should be
        """
        self.rules.prepare(self._plan)
        self._attaching = Future()
        self._attaching.set_result(())

    @property
    def is_open(self) -> bool:
        """Whether the models have proven themselves and the run directory is open."""
        return self.run is not None

    def open(self) -> None:
        """Wait until the models have proven themselves, then open the run directory.

        :raises LlevalError: when they do not, or it cannot be opened
        """
        if self._attaching is None:
            raise RuntimeError("a session is opened before it was prepared")
        from ..disclosure.environment import capture_environment  # takes a while, which is there now

        root = Path(self._config.rootpath)
        environment, disclosed = capture_environment(root), check_budget(self._settings)
        identities = self._attaching.result()
        self._manifest = make_manifest(self._settings, self._plan, identities, environment, disclosed)
        self._manifest |= self.rules.describe()
        self.asks_mock = any(identity.kind == "mock" for identity in identities)
        self.attached = Attached.describe(identities)
        resumed = find_resumed(root, self._settings)
        self.run = resumed or create_run(root, self._settings.run_dir)
        self._stack.enter_context(claim_run(self.run))
        if resumed:
            adopt_manifest(resumed, self._manifest)
            for record in read_earlier(resumed, self.limits.quota):
                self.ledger.enter_earlier(make_entry(record))
                self._watch_gates(record.case)
        self._journal = Journal(self.run)
        self.inspection.open(self.run, self._journal.size)
        self._read_counters("before")
        self._write_manifest()
        self._follower = JournalFollower(self.run)

    def _read_counters(self, moment: str) -> None:
        elsewhere = self.hosts.read_computed() if self.hosts is not None else None
        for spec in self._settings.models:
            count = read_computed(spec, self._connections.get(spec.name))
            if count is not None and elsewhere is not None:
                count = count + elsewhere[spec.name] if spec.name in elsewhere else None
            if count is not None:
                self._log.note_computed(spec.name, moment, count)

    def _write_manifest(self) -> None:
        """Write the manifest with this session counted up to now."""
        if self.run is None:
            return
        shard = str(self._settings.shard or "")
        session = {**self._log.describe(), "shard": shard, **self.inspection.describe()}
        if self.limits.quota is not None:
            session["limits"] = self.limits.quota.snapshot()
        if self.hosts is not None:
            session |= {"hosts": self.hosts.describe(), "host_events": self.hosts.events, "late": self.late}
        write_json(self.run / MANIFEST, {**self._manifest, "sessions": [*self._manifest["sessions"], session]})

    def enter_record(self, record: Record) -> None:
        """Enter a record that was made in this process."""
        raw, line = seal_record(record)
        with self._guard:
            self._enter(raw, line, None)

    def enter_lines(self, lines: Iterable[str], source: Source | None) -> list[str]:
        """Enter the records a worker has sent; return the cases they complete.

        :raises ViolationError: for what no honest worker sends
        """
        completed = []
        accepted = [(accept_line(line), line) for line in lines]
        with self._guard:
            for raw, line in accepted:
                entry = self._enter(raw, line, source)
                self.inspection.take(entry, raw, source)
                if entry is not None and self.ledger.is_complete(entry.case):
                    completed.append(entry.case)
        return completed

    def _enter(self, raw: Mapping[str, Any], line: str, source: Source | None) -> Entry | None:
        """Journal a record unless it is there already; an answer that cannot be kept must not count."""
        if self._journal is None:
            return None
        return self._append(self.ledger.enter(raw, source), line)

    def adopt(self, key: Literal["suites", "models"], described: Mapping[str, Any]) -> None:
        """Hear what a test is, or who answers it, as the manifest describes it, before the first record of it."""
        name = "name" if key == "suites" else "spec"
        if all(known[name] != described[name] for known in self._manifest[key]):
            self._manifest[key].append(dict(described))
            if key == "suites":
                self._manifest["disclosures"] += described["disclosures"]
            self._write_manifest()

    def adopt_record(self, line: str) -> Entry | None:
        """Enter the record of a test; None when it is there already or cannot be kept."""
        with self._guard:
            return self._append(self.ledger.adopt(parse_line(line)), line)

    def void(self, places: Sequence[Place], reason: str) -> list[str]:
        """Believe nothing of workers any more; return the cases that must be asked again."""
        with self._guard:
            size = self._journal.size if self._journal is not None else 0
            cases = self.inspection.void(places, reason, self.ledger, size)
        for place in places:
            self.limits.drop(place.worker)
        self._write_manifest()
        return cases

    def _append(self, entry: Entry | None, line: str) -> Entry | None:
        if entry is None or self._journal is None:
            return None
        try:
            self._journal.append(line)
        except RunDirectoryError as error:
            self._journal = None
            self.ledger.withdraw(entry)
            self.problem = str(error)
            return None
        if self.stopper is not None and entry.cause != "decided":
            self._watch_gates(entry.case)
        return entry

    def _watch_gates(self, case_id: str) -> None:
        case = self.ledger.find_case(case_id)
        if self.stopper is not None and case is not None and self.ledger.is_complete(case_id):
            self.stopper.enter(case)

    def note_matrix(self, described: Mapping[str, Any]) -> None:
        """Hear what the size matrix measures, and later how it has ended, as the manifest describes it."""
        self._manifest["matrix"] = dict(described)
        self._write_manifest()

    def check(self) -> None:
        """End the session when the journal cannot be written; called in pytest's own thread.

        :raises pytest.exit.Exception: with the reason
        """
        if self.problem:
            pytest.exit(self.problem, returncode=pytest.ExitCode.TESTS_FAILED)

    def find_case(self, node_id: str) -> Case | None:
        """Return the case of a node id; None when it is of another test."""
        return self.ledger.find_case(node_id)

    def note_limit(self, worker: str, model: str, moment: float, limit: int, cause: str) -> None:
        """Hear how many requests a worker may have in flight to a model now."""
        self._log.note_event(moment, worker, model=model, limit=limit, cause=cause)

    def share_limits(self, workers: int) -> None:
        """Search for what servers take, for so many workers together."""
        self.limits.share(workers, self._note_common_limit)

    def _note_common_limit(self, model: str, limit: int, cause: str) -> None:
        self.note_limit(_ALL, model, time.time(), limit, cause)

    def note_machine(self, worker: str, found: Mapping[str, Any]) -> None:
        """Hear what a worker has seen of its machine, and at its end what it has used; called in any thread."""
        self._log.note_machine(worker, found)

    def note_host(self, worker: str, host: str) -> None:
        """Hear on which host a worker is."""
        self._log.note_host(worker, host)

    def note_lost(self, worker: str, reason: str) -> None:
        """Hear that a worker has ended before its time."""
        self.lost.append((worker, reason))
        self._log.note_event(time.time(), worker, lost=reason)
        self.limits.drop(worker)

    def stop(self) -> None:
        """Begin to compute the report when nothing is missing; meanwhile xdist ends its workers."""
        self._read_counters("after")
        if self.run is not None and not self.ledger.find_missing():
            self._concluding = run_aside(self._conclude)

    def finish(self, exitstatus: int) -> int:
        """Close the journal, compute the report, and return the session's exit status.

        :param exitstatus: pytest's
        """
        if self.run is None:
            return exitstatus
        self.missing = self.ledger.find_missing()
        try:
            (self._concluding or run_aside(self._conclude)).result()
        except RunDirectoryError as error:
            self.problem = self.problem or str(error)
        doubted = self.strict and (self.view is None or bool(self.view.unacknowledged))
        failed = self.missing or self.problem or self.ledger.violations or self.inspection.failure or doubted
        if (failed or (self.view and not self.rules.holds(self.view))) and exitstatus == pytest.ExitCode.OK:
            return pytest.ExitCode.TESTS_FAILED
        return exitstatus

    def _conclude(self) -> None:
        if self.run is None:
            return
        from ..reports.machine import encode_report  # takes a while; nothing that shows is needed before
        from ..reports.view import load_view

        self.close()
        self._write_manifest()
        reader = self._follower.finish() if self._follower else None
        if self.inspection.excluded:
            # it has read what is void now
            reader = None
        self.view = load_view(self.run, self.rules.baseline, reader)
        write_json(self.run / REPORT, encode_report(self.view))
        self.rules.conclude(self.run, self.view)

    def close(self) -> None:
        """Close the journal; safe to call twice."""
        if self._follower is not None:
            self._follower.finish()
        self.limits.close()
        with self._guard:
            journal, self._journal = self._journal, None
        if journal is not None:
            journal.close()
        self.inspection.close()
