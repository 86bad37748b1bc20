"""Everything a report shows of a run, computed from its directory alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ..analysis.summary import SuiteSummary, latest_records, summarise_run
from ..core.encoding import decode_identity
from ..core.records import BackendIdentity, Disclosure
from ..disclosure.factors import find_disclosures
from ..execution.journal import read_journal
from ..execution.rundir import read_manifest

__all__ = ["RunView", "load_view"]


class RunView(NamedTuple):
    """All that a report shows of a run."""

    suites: Sequence[SuiteSummary]
    identities: Sequence[BackendIdentity]
    disclosures: Sequence[Disclosure]
    #: the manifest's descriptions of the suites
    datasets: Sequence[Mapping[str, Any]]
    #: seconds of all the run's sessions, start-up included
    wall: float
    directory: str


def load_view(run: Path) -> RunView:
    """Compute the numbers and disclosures of a run.

    :param run: the run directory
    :raises RunDirectoryError: when its files cannot be read
    """
    manifest = read_manifest(run)
    records = list(latest_records(read_journal(run, outline=True)).values())
    identities = [decode_identity(raw) for raw in manifest["models"]]
    described = [Disclosure(**raw) for raw in manifest["disclosures"]]
    metrics = {suite["name"]: suite["metrics"] for suite in manifest["suites"]}
    return RunView(
        suites=summarise_run(records, metrics),
        identities=identities,
        disclosures=find_disclosures(records, identities, described),
        datasets=manifest["suites"],
        wall=sum(session["ended"] - session["started"] for session in manifest["sessions"]),
        directory=str(run),
    )
