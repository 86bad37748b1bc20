"""How a run is described whose answers were scored again."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ..core.encoding import encode_disclosure
from ..core.records import Disclosure
from ..support.digest import digest_file
from .asking import Plan
from .rundir import JOURNAL

__all__ = ["describe_rescored"]


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
