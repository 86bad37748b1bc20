"""Everything a report shows of a run, computed from its directory alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ..analysis.summary import SuiteSummary, summarise_run
from ..analysis.tally import Tally, TallyBuilder
from ..core.canonical import canonical_prompt
from ..core.encoding import decode_identity
from ..core.errors import RunDirectoryError, UsageError
from ..core.gates import GateResult
from ..core.records import BackendIdentity, Disclosure, Verdict
from ..core.results import Baseline, Results
from ..disclosure.audits import AuditFindings, Excluded, find_audit_findings, list_excluded, read_audit
from ..disclosure.baseline_differences import find_baseline_differences
from ..disclosure.evidence import EvidenceBuilder, RunEvidence, name_call
from ..disclosure.factors import judge_run
from ..disclosure.incidents import Incidents
from ..disclosure.sessions import list_workers, measure_wall
from ..disclosure.stability import judge_environment
from ..disclosure.verdicts import find_unacknowledged, is_trustworthy, sort_findings
from ..execution.journal import JournalReader, read_journal
from ..execution.matrix_cells import MATRIX_JOURNAL
from ..execution.rundir import MANIFEST, read_manifest
from .baselines import read_baseline
from .hostlines import tell_run
from .known import find_known_failures
from .merged import find_merged_findings
from .parts import Part, disclose_part, find_part
from .results import collect_results

if TYPE_CHECKING:
    from .matrix import MatrixView

__all__ = ["RunReader", "RunView", "load_baseline", "load_view"]


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
    #: seconds in which a session of the run was going on, start-up included
    wall: float
    #: seconds of processor time of all its processes here, without model servers
    cpu: float
    directory: str
    #: the run or file that this one was compared with
    baseline: str | None = None
    gates: Sequence[GateResult] = ()
    #: sample by sample, where a gate or a baseline needs them
    results: Sequence[Results] = ()
    #: what became of planted answers, a sentence a suite
    canaries: Sequence[str] = ()
    #: the size matrix, where one was measured
    matrix: MatrixView | None = None
    #: what became of the hosts that workers were on, a sentence an event
    hosts: Sequence[str] = ()
    #: what asking answers again has come to; None where nothing was to be
    audit: AuditFindings | None = None
    #: workers that are not believed
    excluded: Sequence[Excluded] = ()
    #: what part of a run the numbers are of; None of a whole one
    part: Part | None = None

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
        self._matrix = JournalReader(run, name=MATRIX_JOURNAL)
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
        """Read the rest, and nothing twice; return what the numbers are made of, and what was seen."""
        self.advance()
        # its calls are evidence of who has answered what as well, and no samples of any suite
        for record in self._matrix.read():
            self._builder.add(record)
            self._incidents.add(record)
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
        for record in chain(read_journal(self.run), read_journal(self.run, name=MATRIX_JOURNAL)):
            place = f"{record.suite}::{record.sample}"
            if (record.model, record.epoch) != (model, epoch) or not sample.startswith(place):
                continue
            calls = record.exchanges
            for number, call in enumerate(calls, start=1):
                if sample == (place if number == len(calls) else name_call(place, number)):
                    trace = call.completion and call.completion.trace
                    altered = trace.altered.get("prompt") if trace else None
                    # a resumed run asks failed epochs again: the last one counts
                    found = altered or canonical_prompt(call.request)
        return found


def load_view(run: Path, baseline: Path | None = None, reader: RunReader | None = None) -> RunView:
    """Compute the numbers, disclosures and gates of a run.

    :param run: the run directory
    :param baseline: the run or the baseline file to compare with; what the run itself was compared with by default
    :param reader: what has read a part of the journal already
    :raises RunDirectoryError: when its files cannot be read
    """
    manifest = read_manifest(run)
    tallies, seen = (reader or RunReader(run)).finish()
    known = [Disclosure(**raw) for raw in manifest["disclosures"]]
    earlier = _read_earlier(manifest, baseline)
    if earlier.problem:
        known.append(Disclosure(factor="D", severity="warning", message=earlier.problem))
    wanted = _wants_results(manifest, earlier)
    only = find_part(manifest, tallies)
    results = collect_results(manifest, tallies, seen, only) if wanted else ()
    if earlier.baseline is not None:
        for part in results:
            known += find_baseline_differences(part, earlier.baseline, has_prompts=earlier.seen is not None)
    known += find_known_failures(manifest, tallies)
    audit, excluded = read_audit(manifest["sessions"]), list_excluded(manifest["sessions"])
    known += find_audit_findings(audit, excluded)
    known += find_merged_findings(manifest)
    if only is not None:
        known.append(disclose_part(only))
    judgement = judge_run(
        seen,
        known,
        earlier.seen,
        judge_environment(
            dict(list_workers(seen.sessions)),
            baseline=dict(list_workers(earlier.seen.sessions)) if earlier.seen else None,
        ),
    )
    metrics = {suite["name"]: suite["metrics"] for suite in manifest["suites"]}
    return RunView(
        suites=summarise_run(tallies, metrics, {suite["name"]: suite["samples"] for suite in manifest["suites"]}),
        identities=seen.identities,
        verdicts=judgement.verdicts,
        further=judgement.further,
        acknowledged=manifest["settings"].get("acknowledged", {}),
        datasets=manifest["suites"],
        wall=measure_wall(manifest["sessions"]),
        cpu=sum(float(session.get("cpu", 0.0)) for session in manifest["sessions"]),
        directory=str(run),
        baseline=earlier.place,
        gates=_judge_gates(manifest, results, earlier.baseline) if wanted else (),
        results=results,
        canaries=[str(table["message"]) for table in manifest.get("canaries", ())],
        matrix=_load_matrix(run),
        hosts=tell_run(manifest["sessions"]),
        audit=audit,
        excluded=excluded,
        part=only,
    )


class _Earlier(NamedTuple):
    """What a run is compared with; nothing where it is compared with nothing."""

    place: str | None = None
    baseline: Baseline | None = None
    #: what was seen of it, where it is a run
    seen: RunEvidence | None = None
    #: why it cannot be read any more
    problem: str = ""


def _read_earlier(manifest: Mapping[str, Any], chosen: Path | None) -> _Earlier:
    """Read what a run is compared with; a run's own baseline may be gone by now, a chosen one may not."""
    place = chosen or (Path(manifest["baseline"]) if manifest.get("baseline") else None)
    if place is None:
        return _Earlier()
    if chosen is None and not (place / MANIFEST).is_file() and not place.is_file():
        return _Earlier(problem=f"the baseline {place} is gone: nothing was compared with it")
    try:
        return _load_earlier(place)
    except (RunDirectoryError, UsageError) as error:
        if chosen is not None:
            raise
        return _Earlier(problem=f"the baseline cannot be read: nothing was compared with it ({error})")


def _load_earlier(place: Path) -> _Earlier:
    if place.is_file():
        return _Earlier(place=str(place), baseline=read_baseline(place))
    tallies, seen = RunReader(place).finish()
    manifest = read_manifest(place)
    results = collect_results(manifest, tallies, seen, find_part(manifest, tallies))
    baseline = Baseline(place=str(place), results=results)
    return _Earlier(place=str(place), baseline=baseline, seen=seen)


def load_baseline(place: Path) -> Baseline:
    """Read the results to compare with, from a baseline file or a run.

    :raises LlevalError: when it cannot be read
    """
    found = _load_earlier(place).baseline
    if found is None:
        raise RunDirectoryError(f"{place}: holds no results")
    return found


def _wants_results(manifest: Mapping[str, Any], earlier: _Earlier) -> bool:
    settings = manifest["settings"]
    return bool(
        earlier.baseline is not None
        or settings.get("gates")
        or settings.get("comparisons")
        or settings.get("save_baseline")
        or any(suite.get("gates") for suite in manifest["suites"])
    )


def _judge_gates(
    manifest: Mapping[str, Any], results: Sequence[Results], baseline: Baseline | None
) -> tuple[GateResult, ...]:
    from .gating import judge_run_gates  # every session would start later for it

    return judge_run_gates(manifest, results, baseline)


def _load_matrix(run: Path) -> MatrixView | None:
    if not (run / MATRIX_JOURNAL).is_file():
        return None
    from .matrix import load_matrix  # every session would start later for it

    return load_matrix(run)
