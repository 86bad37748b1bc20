"""``lleval audit``: judge a result file that others produced by the six factors. Asks no model."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ..bridges.columns import parse_mapping
from ..bridges.detect import FORMATS, read_observations
from ..core.encoding import encode_disclosure
from ..core.observations import Observations
from ..core.records import Verdict
from ..disclosure.foreign import judge_observations
from ..disclosure.verdicts import FACTOR_TITLES, is_trustworthy
from ..reports.escaping import escape_text
from .output import say

__all__ = ["add_audit_command"]

_FLAGGED = 1


def add_audit_command(audit: argparse.ArgumentParser) -> None:
    """Add the arguments of ``lleval audit``."""
    audit.add_argument(
        "file", metavar="FILE", help="a run of ours, a result of lm-eval or promptfoo, or a table in JSON, JSONL or CSV"
    )
    audit.add_argument("--format", default="auto", metavar="|".join(FORMATS), help="default: auto, the content decides")
    audit.add_argument(
        "--map",
        action="append",
        default=[],
        metavar="KEY=COLUMN[UNIT],…",
        help="which column of a table is what, e.g. latency=took[ms],size=n; KEY= alone for none",
    )
    audit.add_argument("--json", action="store_true", help="print the verdicts with their evidence as JSON")
    audit.set_defaults(run=_audit_file)


def _audit_file(parsed: argparse.Namespace) -> int:
    mapping = parse_mapping(parsed.map)
    seen = read_observations(Path(parsed.file), parsed.format, mapping)
    verdicts = judge_observations(seen)
    if parsed.json:
        say(json.dumps(_encode_audit(seen, verdicts), indent=1))
    else:
        for line in _render_audit(seen, verdicts):
            say(escape_text(line))
    return _FLAGGED if any(verdict.state == "flagged" for verdict in verdicts) else 0


def _render_audit(seen: Observations, verdicts: Sequence[Verdict]) -> Iterator[str]:
    yield f"file     {seen.place}"
    yield f"format   {seen.format}, {len(seen.rows):,} rows, {_count_models(seen)}"
    for use in seen.columns:
        unit = f" in {use.unit}" if use.unit else ""
        yield f"column   {use.key}{unit} is {use.column!r}" + (f" ({use.assumed})" if use.assumed else "")
    for note in seen.notes:
        yield f"note     {note}"
    yield ""
    for verdict in verdicts:
        yield f"{verdict.factor:<3} {verdict.state:<11} {_introduce(verdict)}"
        alone = verdict.state == "flagged" and len(verdict.disclosures) == 1
        for found in () if alone else verdict.disclosures:
            yield f"{'':<15} {found.severity}: {found.message}"
    yield ""
    yield f"trustworthy  {'yes' if is_trustworthy(verdicts) else 'no'}"
    missing = [(verdict.factor, lacking) for verdict in verdicts if (lacking := _list_missing(verdict))]
    if missing:
        yield "the file does not say"
        yield from (f"  {factor:<3} {'; '.join(lacking)}" for factor, lacking in missing)


def _count_models(seen: Observations) -> str:
    named = [model for model in seen.models if model]
    return f"{len(named)} models" if len(named) > 1 else f"model {named[0]}" if named else "no model named"


def _introduce(verdict: Verdict) -> str:
    return f"{FACTOR_TITLES[verdict.factor]}: {verdict.message}"


def _list_missing(verdict: Verdict) -> list[str]:
    missing = verdict.evidence.get("missing")
    return [str(what) for what in missing] if isinstance(missing, list) else []


def _encode_audit(seen: Observations, verdicts: Sequence[Verdict]) -> dict[str, Any]:
    return {
        "file": seen.place,
        "format": seen.format,
        "rows": len(seen.rows),
        "models": list(seen.models),
        "columns": [
            {"key": use.key, "column": use.column, "unit": use.unit, "assumed": use.assumed} for use in seen.columns
        ],
        "notes": list(seen.notes),
        "trustworthy": is_trustworthy(verdicts),
        "factors": [
            {
                "factor": verdict.factor,
                "state": verdict.state,
                "message": verdict.message,
                "findings": [encode_disclosure(found) for found in verdict.disclosures],
                "evidence": dict(verdict.evidence),
            }
            for verdict in verdicts
        ],
    }
