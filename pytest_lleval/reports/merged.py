"""What is to be said of a run that was put together from others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..core.records import Disclosure
from ..execution.merging import REPEATED_JOURNAL

__all__ = ["find_merged_findings", "tell_merged"]


def find_merged_findings(manifest: Mapping[str, Any]) -> Iterator[Disclosure]:
    """Yield where the run comes from, and what was asked in more than one of its runs; nothing of any other run.

    :param manifest: of the run
    """
    merged = manifest.get("merged")
    if not merged:
        return
    yield Disclosure(factor="D", severity="note", message=f"put together from {tell_merged(merged)}")
    repeated, contradicted = int(merged["repeated"]), int(merged["contradicted"])
    if repeated:
        message = (
            f"{repeated:,} answers are to what another of its runs was asked as well: the first that could be scored "
            f"counts, {REPEATED_JOURNAL} has the others"
        )
        yield Disclosure(factor="A", severity="note", message=message, evidence={"repeated": repeated})
    if contradicted:
        message = (
            f"{contradicted:,} of {repeated:,} answers to what was asked in two runs are scored otherwise (first: "
            f"{merged['first_contradicted']})"
        )
        evidence = {"repeated": repeated, "contradicted": contradicted}
        yield Disclosure(factor="S", severity="warning", message=message, evidence=evidence)


def tell_merged(merged: Mapping[str, Any]) -> str:
    """Return from how many runs and shards a run was put together.

    :param merged: what its manifest says of it
    """
    count = len(merged["runs"])
    divided = f", {len(merged['present']):,} of {merged['shards']:,} shards" if merged["shards"] else ""
    return f"{count:,} run{'s' if count > 1 else ''}{divided}"
