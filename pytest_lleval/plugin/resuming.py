"""What a session takes over of the run it goes on with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ..core.errors import UsageError
from ..core.records import Completion, FailedAttempt, Record, Request, Usage
from ..core.settings import Settings
from ..core.shards import Shard
from ..execution.audit import AUDIT_JOURNAL
from ..execution.journal import JournalReader, read_journal
from ..execution.manifest import compare_experiments, refuse_tests
from ..execution.merging import REPEATED_JOURNAL
from ..execution.quota import Need, Quota, is_charged
from ..execution.rundir import find_run, read_manifest

__all__ = ["adopt_manifest", "find_resumed", "read_earlier"]


def find_resumed(root: Path, settings: Settings) -> Path | None:
    """Return the run to go on with; None for a fresh one.

    :param root: the project's
    :raises LlevalError: when there is none, or it cannot be gone on with
    """
    if settings.resume is None:
        return None
    run = find_run(root, settings.resume)
    manifest = read_manifest(run)
    refuse_tests(manifest, str(run))
    _refuse_other_shard(Shard.decode(manifest["settings"].get("shard")), settings.shard, run)
    return run


def _refuse_other_shard(was: Shard | None, wanted: Shard | None, run: Path) -> None:
    if was != wanted:
        have, want = (f"shard {shard}" if shard else "the whole" for shard in (was, wanted))
        way = f"leave --lleval-shard out, or give {was}" if was else "leave --lleval-shard out"
        raise UsageError(f"--lleval-resume: {run} is {have} of its suites, this session takes {want}; {way}")


def adopt_manifest(run: Path, fresh: dict[str, Any]) -> None:
    """Put into a fresh manifest what the run's has of its beginning and its sessions.

    :raises UsageError: when the run is another experiment
    """
    manifest = read_manifest(run)
    compare_experiments(manifest, fresh, str(run))
    fresh["created"] = manifest["created"]
    fresh["sessions"] = manifest["sessions"]
    if "canaries" in manifest:
        fresh.setdefault("canaries", manifest["canaries"])
    if "merged" in manifest:
        fresh["merged"] = manifest["merged"]


def read_earlier(run: Path, quota: Quota | None) -> Iterator[Record]:
    """Yield what the run has scored, and have the quota count all it has spent.

    That includes audits, answers that are void, and what runs that were put together were both asked.
    """
    # what was asked says what a call may have cost whose server reported nothing
    outline = quota is None
    for record, counts in JournalReader(run, outline=outline).read_all():
        _charge(record, quota)
        if counts and record.outcome == "scored":
            yield record
    for name in (AUDIT_JOURNAL, REPEATED_JOURNAL) if quota is not None else ():
        for record in read_journal(run, name=name):
            _charge(record, quota)


def _charge(record: Record, quota: Quota | None) -> None:
    if quota is None:
        return
    for exchange in record.earlier:
        _charge_call(quota, record.model, exchange.request, exchange.completion, exchange.failures)
    if record.request is not None:
        _charge_call(quota, record.model, record.request, record.completion, record.failures)


def _charge_call(
    quota: Quota, model: str, request: Request, completion: Completion | None, failures: Sequence[FailedAttempt]
) -> None:
    need = Need.estimate(model, request)
    for failure in failures:
        if is_charged(failure.status):
            quota.charge(need, Usage())
    if completion is not None and not completion.cached:
        quota.charge(need, completion.usage)
