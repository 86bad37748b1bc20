"""Runs of shards as sessions leave them, for tests of what puts them together."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from old_runs import make_answer
from run_parts import describe_suite, make_identity, write_run

from pytest_lleval.core.records import Record
from pytest_lleval.core.settings import ModelSpec, Settings
from pytest_lleval.core.shards import Shard
from pytest_lleval.execution.rundir import JOURNAL, MANIFEST, write_json

#: sample to answer, the right one being A
WHOLE = dict(zip([f"q{number}" for number in range(7)], "AABACDA", strict=True))


def write_shard(
    run: Path,
    records: Iterable[Record] | str,
    shard: str = "",
    *,
    session: Mapping[str, Any] | None = None,
    identity: Mapping[str, Any] | None = None,
    manifest: Mapping[str, Any] | None = None,
    suite: Mapping[str, Any] | None = None,
    **settings: Any,
) -> Path:
    """Write the run of one shard of `WHOLE`.

    :param records: or the names of samples, in one word each, that it has answers to
    :param shard: ``I/N``; empty for the whole
    :param session: what else its session has
    """
    if isinstance(records, str):
        records = [make_answer(name, WHOLE[name]) for name in records.split()]
    records = list(records)
    shutil.rmtree(run, ignore_errors=True)
    part = Shard(**dict(zip(("index", "count"), map(int, shard.split("/")), strict=True))) if shard else None
    described = describe_suite(samples=len(WHOLE), selected=len(WHOLE), metrics=["accuracy", "macro_accuracy"])
    if part:
        own = len({record.sample for record in records})
        described |= {"selected": own, "whole": {"samples": len(WHOLE), "digest": "c" * 64}}
    write_run(run, records, identities=[make_identity(**(identity or {}))], suites=[{**described, **(suite or {})}])
    found = json.loads((run / MANIFEST).read_text(encoding="utf-8"))
    chosen = Settings(suites=("s",), models=(ModelSpec(provider="openai", model="m"),), shard=part, **settings)
    found["settings"] = json.loads(json.dumps(chosen.encode()))
    found["sessions"] = [{"started": 100.0, "ended": 110.0, "shard": shard, **(session or {})}]
    if not records and part:
        # nobody was asked
        found["models"] = []
    write_json(run / MANIFEST, {**found, **(manifest or {})})
    return run


def read_lines(run: Path, name: str = JOURNAL) -> list[dict[str, Any]]:
    if not (run / name).is_file():
        return []
    return [json.loads(line) for line in (run / name).read_text(encoding="ascii").splitlines()]


def read_bodies(run: Path, name: str = JOURNAL) -> list[str]:
    """Return the lines of a journal without their links, in an order that no arrival changes."""
    lines = [{key: value for key, value in line.items() if key != "chain"} for line in read_lines(run, name)]
    return sorted(json.dumps(line, sort_keys=True) for line in lines)
