"""Our own journals: a run directory, or the ``samples.jsonl`` in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from ..core.encoding import decode_identity
from ..core.errors import RunDirectoryError, UsageError
from ..core.observations import Observation, Observations
from ..core.records import BackendIdentity, Completion, Record, Request
from ..execution.journal import read_journal
from ..execution.rundir import JOURNAL, MANIFEST, read_manifest
from .cells import as_mapping, describe_failure, read_text
from .reading import Content

__all__ = ["holds_journal", "holds_run", "read_run"]

_MARKS = frozenset({"schema", "case", "suite", "sample", "outcome", "worker"})


def holds_run(directory: Path) -> bool:
    """Tell whether a directory is one of a run."""
    return (directory / JOURNAL).is_file()


def holds_journal(content: Content) -> bool:
    """Tell whether a file is one of our journals."""
    first = content.lines[0][1] if content.lines else content.document
    return set(as_mapping(first)) >= _MARKS


def read_run(place: Path) -> Observations:
    """Read a run.

    :param place: the run directory or its journal
    :raises UsageError: when it is neither
    :raises RunDirectoryError: when the journal is broken, with the line
    """
    run = place if place.is_dir() else place.parent
    if not holds_run(run) or (place.is_file() and place.name != JOURNAL):
        raise UsageError(f"{place}: is no run of ours: name its directory, or the {JOURNAL} in it")
    identities, facts, notes = _read_identities(run)
    records = list(read_journal(run))
    if not records:
        raise RunDirectoryError(f"{run / JOURNAL}: has no records")
    return Observations(
        place=str(place),
        format="our journal",
        rows=tuple(_read_record(row, record, identities.get(record.model)) for row, record in enumerate(records, 1)),
        facts=facts,
        notes=notes,
        mocks=tuple(identity.spec for identity in identities.values() if identity.kind == "mock"),
    )


def _read_identities(
    run: Path,
) -> tuple[dict[str, BackendIdentity], Mapping[str, tuple[str, ...]], tuple[str, ...]]:
    """Return who was attached, the facts of the machine, and what is missing."""
    if not (run / MANIFEST).is_file():
        return {}, {}, (f"{MANIFEST} is not beside the journal: who was attached, and where, is not known",)
    manifest = read_manifest(run)
    try:
        identities = {raw["spec"]: decode_identity(raw) for raw in manifest.get("models", [])}
    except (KeyError, TypeError, AttributeError) as error:
        raise RunDirectoryError(f"{run / MANIFEST}: the description of a model is broken ({error})") from error
    environment = as_mapping(manifest.get("environment"))
    facts = {name: (read_text(value),) for name, value in environment.items() if value not in (None, "", {})}
    return identities, facts, ()


def _read_record(row: int, record: Record, identity: BackendIdentity | None) -> Observation:
    prompt = _render_prompt(record.request) if record.request else None
    asked = Observation(
        row=row,
        model=record.model,
        provider=identity.provider if identity else "",
        requested=identity.served_model if identity else "",
        sample=f"{record.suite}/{record.sample}",
        prompt=prompt,
        prompt_chars=None if prompt is None else len(prompt),
        started=record.started or None,
    )
    if record.completion is None:
        return replace(asked, status=describe_failure(record.error), error=record.error)
    return _add_completion(asked, record.completion)


def _add_completion(asked: Observation, completion: Completion) -> Observation:
    """Add what came back; the time of an answer out of the cache is left out, as our own reports do."""
    timing = completion.timing
    timed = not completion.cached
    return replace(
        asked,
        served=completion.model,
        fingerprint=completion.fingerprint or "",
        response_id=completion.response_id or "",
        prompt_tokens=completion.usage.input_tokens,
        output=completion.text,
        output_chars=len(completion.text),
        output_tokens=completion.usage.output_tokens,
        latency=timing.total if timed else None,
        first_byte=timing.first_byte if timed else None,
        status="ok",
        cached=completion.cached,
    )


def _render_prompt(request: Request) -> str:
    """Return what was asked as one text, the roles of a chat included."""
    if request.messages:
        return "\n".join(f"{message.role}: {message.content}" for message in request.messages)
    return request.prompt
