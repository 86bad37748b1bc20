"""Say what would be sent, and send nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import ExitStack

import pytest

from ..core.errors import LlevalError
from ..core.records import Case, Request
from ..core.settings import ModelSpec
from ..execution.asking import Asker
from ..execution.attaching import start_services
from ..execution.matrix_cells import MatrixCell
from ..providers.registry import open_provider
from .collection import CaseItem
from .downloads import DownloadProgress
from .matrix import MatrixItem
from .session import RunSession

__all__ = ["report_dry_run"]


def report_dry_run(run: RunSession, session: pytest.Session) -> bool:
    """Count cases and input tokens with each model's tokenizer and print them."""
    cases = [item.case for item in session.items if isinstance(item, CaseItem)]
    cells = [item.cell for item in session.items if isinstance(item, MatrixItem)]
    reporter = run.config.pluginmanager.get_plugin("terminalreporter")
    asker = Asker(plans=run.load_plan().plans, callers={}, settings=run.settings)
    try:
        with ExitStack() as stack:
            connections = start_services(run.settings.models, stack, DownloadProgress(run.config))
            lines = []
            if cases or not cells:
                lines = [_describe(run, spec, connections, asker, cases) for spec in run.settings.models]
            lines += _describe_cells(run, cells)
            lines += _describe_shard(run)
    except LlevalError as error:
        raise pytest.UsageError(str(error)) from error
    if reporter is not None:
        reporter.section("lleval dry run: nothing was sent")
        for line in lines:
            reporter.write_line(line)
    return True


def _describe(
    run: RunSession, spec: ModelSpec, connections: dict[str, dict[str, str]], asker: Asker, cases: Sequence[Case]
) -> str:
    requests = [asker.build(case) for case in cases if case.model == spec.name]
    tokens, tokenizer = asyncio.run(_count_tokens(spec, connections.get(spec.name), requests))
    epochs = run.settings.epochs
    limits = [request.generation.max_tokens for request in requests]
    output = f"up to {sum(n for n in limits if n) * epochs:,}" if all(limits) else "no limit set"
    return (
        f"{spec.name}: {len(requests):,} cases, {len(requests) * epochs:,} requests, "
        f"{tokens * epochs:,} tokens in ({tokenizer}), {output} tokens out"
    )


def _describe_shard(run: RunSession) -> list[str]:
    """Say of how much this is a part."""
    if run.settings.shard is None:
        return []
    plan = run.load_plan()
    own = len({(case.suite, case.sample.id) for case in plan.cases})
    whole = sum(found.samples for found in plan.whole.values())
    return [f"shard {run.settings.shard}: {own:,} of the {whole:,} samples that were chosen"]


def _describe_cells(run: RunSession, cells: Sequence[MatrixCell]) -> list[str]:
    """Say what the size matrix would send at least: its prompts have the tokens they are asked for."""
    matrix = run.settings.matrix
    if matrix is None or not cells:
        return []
    # each cell is warmed up, and where a cache of prefixes is measured each call comes after one that fills it
    calls = 1 + matrix.repeats * (2 if matrix.shared_prefix else 1)
    tokens = sum(cell.size.tokens for cell in cells) * calls
    return [
        f"matrix: {len(cells):,} cells, at least {len(cells) * calls:,} requests, {tokens:,} tokens in, up to "
        f"{len(cells) * calls * matrix.output:,} tokens out; sizes beyond a model's context are not sent"
    ]


async def _count_tokens(
    spec: ModelSpec, connection: dict[str, str] | None, requests: Sequence[Request]
) -> tuple[int, str]:
    provider = open_provider(spec, connection)
    try:
        counts = [await provider.count_tokens(request) for request in requests]
    finally:
        await provider.aclose()
    return sum(count for count, _ in counts), counts[0][1] if counts else "nothing to count"
