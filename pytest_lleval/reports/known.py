"""What a run shows of the failures that were known before it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ..analysis.tally import DECIDED, Tally
from ..core.records import Disclosure
from ..execution.known_failures import decode_known_failures
from ..execution.known_findings import Happened, disclose_known_failures, examine_known_failures

__all__ = ["find_known_failures"]


def find_known_failures(manifest: Mapping[str, Any], tallies: Sequence[Tally]) -> tuple[Disclosure, ...]:
    """Return the findings about a run's known failures.

    :param manifest: of the run
    :param tallies: its records
    """
    raw = manifest.get("known_failures")
    if not raw:
        return ()
    settings = manifest["settings"]
    whole = not (settings.get("limit") or settings.get("sample_ids") or settings.get("stop_decided"))
    findings = examine_known_failures(
        decode_known_failures(raw), _list_happened(tallies), full=whole and _is_whole(manifest, tallies)
    )
    if settings.get("shard"):
        # what does not fail any more here may fail in another shard
        findings = replace(findings, mended=())
    return disclose_known_failures(findings)


def _is_whole(manifest: Mapping[str, Any], tallies: Sequence[Tally]) -> bool:
    """Tell whether every sample of every dataset was asked."""
    asked = {part.suite: len(set(part["sample"])) for part in tallies}
    return all(asked.get(suite["name"], 0) >= suite["samples"] for suite in manifest["suites"])


def _list_happened(tallies: Sequence[Tally]) -> Iterator[Happened]:
    for part in tallies:
        values = part.score(part.scorers[0]) if part.scorers else [None] * len(part)
        rows = zip(part["case"], part["sample"], part["cause"], values, strict=True)
        for case, sample, cause, value in rows:
            if part.name("cause", int(cause)) != DECIDED:
                yield Happened(case, part.suite, sample, part.model, None if cause else float(value))
