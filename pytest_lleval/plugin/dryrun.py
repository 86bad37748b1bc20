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
from ..providers.registry import open_provider
from .collection import CaseItem
from .downloads import DownloadProgress
from .session import RunSession

__all__ = ["report_dry_run"]


def report_dry_run(run: RunSession, session: pytest.Session) -> bool:
    """Count cases and input tokens with each model's tokenizer and print them."""
    cases = [item.case for item in session.items if isinstance(item, CaseItem)]
    reporter = run.config.pluginmanager.get_plugin("terminalreporter")
    asker = Asker(plans=run.load_plan().plans, callers={}, settings=run.settings)
    try:
        with ExitStack() as stack:
            connections = start_services(run.settings.models, stack, DownloadProgress(run.config))
            lines = [_describe(run, spec, connections, asker, cases) for spec in run.settings.models]
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


async def _count_tokens(
    spec: ModelSpec, connection: dict[str, str] | None, requests: Sequence[Request]
) -> tuple[int, str]:
    provider = open_provider(spec, connection)
    try:
        counts = [await provider.count_tokens(request) for request in requests]
    finally:
        await provider.aclose()
    return sum(count for count, _ in counts), counts[0][1] if counts else "nothing to count"
