"""The run directory of answers that were scored again."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import Any

from ..core.encoding import dump_record, encode_disclosure
from ..core.errors import RunDirectoryError, UsageError
from ..core.records import Disclosure, Record
from ..support.digest import digest_file
from .asking import Plan
from .journal import Journal
from .rundir import JOURNAL, MANIFEST, write_json

__all__ = ["RescoredRun", "describe_rescored"]


class RescoredRun(AbstractContextManager["RescoredRun"]):
    """Writes a new run directory: the journal first, so that it is a run only when it is whole.

    :param folder: where to; new or empty
    :param place: the option it came from, for messages
    :raises UsageError: when there is something already
    :raises RunDirectoryError: when it cannot be written
    """

    def __init__(self, folder: Path, place: str) -> None:
        self.folder = folder
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise UsageError(f"{place}: {str(folder)!r} is there already and not empty; name a new directory")
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RunDirectoryError(f"{place}: {folder} cannot be made ({error.strerror or error})") from error
        self._journal = Journal(folder)

    def append(self, record: Record) -> None:
        """Add a record to the journal, with the next link of its chain."""
        self._journal.append(dump_record(record))

    def finish(self, manifest: Mapping[str, Any]) -> None:
        """Write the manifest, which makes a run of the directory."""
        self._journal.close()
        write_json(self.folder / MANIFEST, manifest)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._journal.close()
        if not (self.folder / MANIFEST).is_file():
            # half a journal is no evidence of anything
            (self.folder / JOURNAL).unlink(missing_ok=True)


def describe_rescored(
    manifest: Mapping[str, Any], run: Path, plans: Mapping[str, Plan], disclosures: Iterable[Disclosure]
) -> dict[str, Any]:
    """Return the manifest of a run that was scored again, in JSON values.

    :param manifest: of the run that has the answers
    :param run: its directory
    :param plans: the suites that score them now, by name
    :param disclosures: what is to be said of the new scores
    """
    suites = [suite for suite in manifest["suites"] if suite["name"] in plans]
    known = {found["message"]: found for found in manifest["disclosures"]}
    known |= {found.message: encode_disclosure(found) for found in disclosures}
    described = {
        **manifest,
        "settings": {**manifest["settings"], "save_baseline": None},
        "suites": [{**suite, **_describe_plan(plans[suite["name"]])} for suite in suites],
        "disclosures": list(known.values()),
        "rescored_from": {
            "run": str(run.resolve()),
            "journal": digest_file(run / JOURNAL),
            "suites": suites,
            "rescored": time.time(),
        },
    }
    # parameters are a suite's own values
    plain: dict[str, Any] = json.loads(json.dumps(described, default=str))
    return plain


def _describe_plan(plan: Plan) -> dict[str, object]:
    return {
        "version": plan.suite.version,
        "parameters": dict(plan.suite.parameters),
        "metrics": list(plan.suite.metrics),
        "dataset": plan.dataset.name,
        "edition": plan.dataset.edition,
        "origin": plan.dataset.origin,
        "digest": plan.dataset.digest,
        "samples": len(plan.dataset.samples),
    }
