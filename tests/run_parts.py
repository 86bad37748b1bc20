"""Records, identities and finished run directories for tests of what is computed from them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from pytest_lleval.core.encoding import SCHEMA_VERSION, dump_record, encode_disclosure, encode_identity
from pytest_lleval.core.records import (
    BackendIdentity,
    Completion,
    Disclosure,
    Message,
    Record,
    Request,
    Score,
    Timing,
    Usage,
)
from pytest_lleval.disclosure.evidence import RunEvidence, build_evidence
from pytest_lleval.disclosure.incidents import gather_incidents
from pytest_lleval.execution.journal import Journal
from pytest_lleval.execution.rundir import MANIFEST, write_json

MOCK_NOTE = Disclosure(factor="F3", severity="critical", message="a mock answers, no model was asked: mock/fixed:A")


def make_identity(**changes: Any) -> BackendIdentity:
    values: dict[str, Any] = {
        "spec": "openai/m",
        "provider": "openai",
        "kind": "real",
        "requested_model": "m",
        "served_model": "m-2026",
        "fingerprint": "fp1",
    }
    return BackendIdentity(**{**values, **changes})


MOCK = make_identity(
    spec="mock/fixed:A",
    provider="mock",
    kind="mock",
    requested_model="fixed:A",
    served_model="fixed:A",
    fingerprint=None,
    disclosures=(MOCK_NOTE,),
)


def make_request(text: str = "What is it?", **changes: Any) -> Request:
    return Request(messages=(Message(role="user", content=text),), **changes)


def make_completion(**changes: Any) -> Completion:
    values: dict[str, Any] = {
        "text": "A",
        "model": "m-2026",
        "fingerprint": "fp1",
        "stop_reason": "stop",
        "usage": Usage(input_tokens=10, output_tokens=2),
        "timing": Timing(total=0.5),
    }
    return Completion(**{**values, **changes})


def make_record(
    sample: str, value: float | None = 1.0, *, group: str = "", epoch: int = 1, suite: str = "s", **changes: Any
) -> Record:
    """A scored record, or one that failed by an error when `value` is None."""
    values: dict[str, Any] = {
        "case": f"{suite}::{sample}[m]",
        "suite": suite,
        "sample": sample,
        "group": group,
        "model": "openai/m",
        "epoch": epoch,
        "outcome": "unscored" if value is None else "scored",
        "cause": "error" if value is None else None,
        "error": "the server was gone" if value is None else "",
        "scores": () if value is None else (Score(name="exact", value=value, answer="A"),),
        "completion": None if value is None else make_completion(),
        "request": make_request(f"What is {sample}?"),
    }
    return Record(**{**values, **changes})


def make_evidence(
    records: Iterable[Record], identities: Sequence[BackendIdentity] | None = None, **changes: Any
) -> RunEvidence:
    """What the factors look at, of records that were really asked."""
    records = list(records)
    rows = build_evidence(records, len(records))
    changes = {"incidents": gather_incidents(records), **changes}
    return RunEvidence(rows=rows, identities=identities or [make_identity()], **changes)


def describe_suite(**changes: Any) -> dict[str, Any]:
    values: dict[str, Any] = {
        "name": "s",
        "version": "1",
        "parameters": {},
        "metrics": ["accuracy"],
        "dataset": "s",
        "edition": "full",
        "origin": "here",
        "digest": "d" * 64,
        "samples": 10,
        "selected": 2,
    }
    return {**values, **changes}


def write_run(
    run: Path,
    records: Iterable[Record],
    *,
    identities: Sequence[BackendIdentity] = (),
    suites: Sequence[dict[str, Any]] = (),
    disclosures: Sequence[Disclosure] = (),
    sessions: Sequence[tuple[float, float]] = ((0.0, 2.0),),
) -> Path:
    """Write the directory of a run as a session leaves it, without its report."""
    run.mkdir(parents=True, exist_ok=True)
    manifest = {
        "schema": SCHEMA_VERSION,
        "created": 0.0,
        "settings": {},
        "suites": list(suites or [describe_suite()]),
        "models": [encode_identity(identity) for identity in identities or [make_identity()]],
        "disclosures": [encode_disclosure(found) for found in disclosures],
        "environment": {},
        "sessions": [{"started": started, "ended": ended} for started, ended in sessions],
    }
    write_json(run / MANIFEST, manifest)
    with Journal(run) as journal:
        for record in records:
            journal.append(dump_record(record))
    return run
