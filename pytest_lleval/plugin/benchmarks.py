"""Hands the times of the size matrix to pytest-benchmark, so that its JSON, its table and its comparisons have them."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any

import pytest

from ..reports.matrix_cells import CellView

__all__ = ["feed_benchmark"]


def feed_benchmark(item: pytest.Item, cell: CellView) -> None:
    """Make a cell a benchmark of its item, with one round for each of its calls.

    :param item: of the cell
    :param cell: with times
    """
    session = getattr(item.config, "_benchmarksession", None)
    option = item.config.option
    # beside workers it disables itself; a cell never runs beside one
    off = option.benchmark_disable and not option.benchmark_enable
    if session is None or off or session.skip or not cell.seconds:
        return
    # without types, and not always there
    parts: Any = importlib.import_module("pytest_benchmark.fixture")
    options = {**session.options, "timer": parts.NameWrapper(_replay(cell.seconds)), "cprofile": False}
    fixture = parts.BenchmarkFixture(
        item,
        add_stats=session.benchmarks.append,
        logger=session.logger,
        warner=item.warn,
        disabled=False,
        **{**options, "group": f"matrix {cell.size}"},
    )
    fixture.extra_info.update(_describe(cell))
    fixture.pedantic(_do_nothing, rounds=len(cell.seconds), iterations=1)


def _do_nothing() -> None:
    """Stand for a call that was timed before."""


def _replay(seconds: Sequence[float]) -> Callable[[], float]:
    """Return a clock that shows each of these times between two looks at it."""
    looks = chain.from_iterable((0.0, value) for value in seconds)

    def calls_of_the_matrix() -> float:
        return next(looks)

    return calls_of_the_matrix


def _describe(cell: CellView) -> dict[str, Any]:
    return {
        "model": cell.model,
        "prompt_tokens": cell.tokens,
        "output_tokens": cell.output_tokens,
        "first_token": cell.first_token.value if cell.first_token else None,
        "per_token": cell.per_token.value if cell.per_token else None,
        "accuracy": cell.accuracy,
        "errors": cell.errors + cell.timeouts,
        # numbers do not travel without what makes them doubtful
        "flags": [f"{flag.code}: {flag.message}" for flag in cell.flags],
    }
