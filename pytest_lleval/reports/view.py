"""Everything a report shows of a run, computed from its directory alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ..analysis.summary import SuiteSummary, summarise_run
from ..analysis.tally import Tally, TallyBuilder
from ..core.canonical import canonical_prompt
from ..core.encoding import decode_identity
from ..core.errors import RunDirectoryError
from ..core.records import BackendIdentity, Disclosure, Verdict
from ..disclosure.evidence import EvidenceBuilder, RunEvidence
from ..disclosure.factors import judge_run
from ..disclosure.incidents import Incidents
from ..disclosure.stability import judge_environment
from ..disclosure.verdicts import find_unacknowledged, is_trustworthy, sort_findings
from ..execution.journal import JournalReader, read_journal
from ..execution.rundir import MANIFEST, read_manifest

__all__ = ["RunReader", "RunView", "load_view"]


class RunView(NamedTuple):
    """All that a report shows of a run."""

    suites: Sequence[SuiteSummary]
    identities: Sequence[BackendIdentity]
    #: of the six factors
    verdicts: Sequence[Verdict]
    #: of seeds, datasets and answers
    further: Sequence[Disclosure]
    #: factor to the reason why its findings are expected
    acknowledged: Mapping[str, str]
    #: the manifest's descriptions of the suites
    datasets: Sequence[Mapping[str, Any]]
    #: seconds of all the run's sessions, start-up included
    wall: float
    #: seconds of processor time of all its processes here, without model servers
    cpu: float
    directory: str
    #: the run that this one was compared with
    baseline: str | None = None

    @property
    def disclosures(self) -> tuple[Disclosure, ...]:
        """All findings, the gravest first."""
        return sort_findings([*(found for verdict in self.verdicts for found in verdict.disclosures), *self.further])

    @property
    def trustworthy(self) -> bool:
        """Whether all six factors are clean."""
        return is_trustworthy(self.verdicts)

    @property
    def unacknowledged(self) -> list[Disclosure]:
        """Findings above a note that nobody expected."""
        return find_unacknowledged(self.disclosures, self.acknowledged)


class RunReader:
    """Reads a run's journal once, as far as it is written and later from there on; in one thread at a time.

    :param run: the run directory
    :raises RunDirectoryError: when the manifest cannot be read
    """

    def __init__(self, run: Path) -> None:
        self.run = run
        manifest = read_manifest(run)
        selected = sum(suite["selected"] for suite in manifest["suites"])
        epochs = manifest["settings"].get("epochs", 1)
        self._builder = EvidenceBuilder(selected * max(1, len(manifest["models"])) * epochs)
        self._journal = JournalReader(run)
        self._incidents = Incidents()
        self._tallies = TallyBuilder()

    def advance(self) -> None:
        """Read what was written since the last time.

        :raises RunDirectoryError: when the journal cannot be read, or was changed
        """
        for record in self._journal.read():
            self._builder.add(record)
            self._incidents.add(record)
            self._tallies.add(record)

    def finish(self) -> tuple[Sequence[Tally], RunEvidence]:
        """Read the rest; return what the numbers are made of, and what was seen."""
        self.advance()
        manifest = read_manifest(self.run)
        return self._tallies.finish(), RunEvidence(
            rows=self._builder.finish(),
            identities=[decode_identity(raw) for raw in manifest["models"]],
            sessions=manifest["sessions"],
            incidents=self._incidents,
            look_up=self._look_up,
        )

    def _look_up(self, model: str, sample: str, epoch: int) -> Mapping[str, Any] | None:
        found = None
        for record in read_journal(self.run):
            if (record.model, f"{record.suite}::{record.sample}", record.epoch) == (model, sample, epoch):
                trace = record.completion and record.completion.trace
                altered = trace.altered.get("prompt") if trace else None
                # a resumed run asks failed epochs again: the last one counts
                found = altered or (canonical_prompt(record.request) if record.request else found)
        return found


def load_view(run: Path, baseline: Path | None = None, reader: RunReader | None = None) -> RunView:
    """Compute the numbers and disclosures of a run.

    :param run: the run directory
    :param baseline: of the run to compare with; the one the run itself was compared with by default
    :param reader: what has read a part of the journal already
    :raises RunDirectoryError: when its files cannot be read
    """
    manifest = read_manifest(run)
    tallies, seen = (reader or RunReader(run)).finish()
    known = [Disclosure(**raw) for raw in manifest["disclosures"]]
    if baseline is None and manifest.get("baseline"):
        baseline = Path(manifest["baseline"])
        before, problem = _read_earlier(baseline)
        if problem:
            known.append(Disclosure(factor="D", severity="warning", message=problem))
            baseline = None
    else:
        before = RunReader(baseline).finish()[1] if baseline else None
    metrics = {suite["name"]: suite["metrics"] for suite in manifest["suites"]}
    judgement = judge_run(
        seen,
        known,
        before,
        judge_environment(_join_workers(seen), baseline=_join_workers(before) if before else None),
    )
    return RunView(
        suites=summarise_run(tallies, metrics),
        identities=seen.identities,
        verdicts=judgement.verdicts,
        further=judgement.further,
        acknowledged=manifest["settings"].get("acknowledged", {}),
        datasets=manifest["suites"],
        wall=sum(session["ended"] - session["started"] for session in manifest["sessions"]),
        cpu=sum(float(session.get("cpu", 0.0)) for session in manifest["sessions"]),
        directory=str(run),
        baseline=str(baseline) if baseline else None,
    )


def _read_earlier(baseline: Path) -> tuple[RunEvidence | None, str]:
    """Return what was seen of the run this one was compared with, or why it cannot be read any more."""
    if not (baseline / MANIFEST).is_file():
        return None, f"the baseline {baseline} is gone: nothing was compared with it"
    try:
        return RunReader(baseline).finish()[1], ""
    except RunDirectoryError as error:
        return None, f"the baseline cannot be read: nothing was compared with it ({error})"


def _join_workers(run: RunEvidence) -> dict[str, Any]:
    """Return what is known of the machine of each worker, over all sessions."""
    joined: dict[str, Any] = {}
    for number, session in enumerate(run.sessions):
        for worker, found in session.get("workers", {}).items():
            # the workers of a later session may be on another machine
            joined[worker if number == 0 else f"{worker} of session {number + 1}"] = found
    return joined
