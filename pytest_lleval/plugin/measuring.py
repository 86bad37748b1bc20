"""Runs the schedule of the size matrix in pytest's own process, and keeps its evidence."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import combinations
from typing import Any

from ..analysis.cells import CellTimes, count_needed
from ..analysis.crossover import find_crossover
from ..analysis.refining import propose_sizes
from ..core.encoding import decode_identity
from ..core.records import Completion, Record
from ..core.settings import Settings
from ..disclosure.fingerprint import capture_fingerprint
from ..disclosure.samples import Expected, flag_answer
from ..disclosure.sampling import EnvironmentSampler
from ..execution.acceptance import write_line
from ..execution.context import Attached
from ..execution.journal import Journal
from ..execution.matrix import CellSeries, MatrixEngine, MatrixModel
from ..execution.matrix_cells import MATRIX_JOURNAL, MatrixCell
from ..execution.matrix_models import list_extra, open_matrix_models
from ..execution.planning import label_models
from ..reports.matrix import MatrixView, load_matrix
from .controller import Controller
from .outlets import LocalOutlet

__all__ = ["CurveRules", "measure_matrix"]


class CurveRules:
    """Says by the curves so far how much is enough.

    :param settings: of the run, with a matrix
    :param attached: what is known of its models
    """

    def __init__(self, settings: Settings, attached: Attached) -> None:
        if settings.matrix is None:
            raise ValueError("the settings ask for no matrix")
        self._matrix = settings.matrix
        identities = (decode_identity(raw) for raw in attached.identities)
        self._expected = {identity.spec: Expected.of(identity) for identity in identities}

    def wants_more(self, series: CellSeries) -> bool:
        """Tell whether a cell's median is not sure enough yet, and its calls are answered."""
        if series.timeouts + series.errors > len(series.seconds) or len(series.seconds) < 2:
            return False
        return count_needed(_take_times(series).ordered, self._matrix.target) > 0

    def propose(self, series: Sequence[CellSeries]) -> Mapping[str, Sequence[int]]:
        """Return sizes inside the intervals of crossovers, by model."""
        proposed: dict[str, set[int]] = {}
        by_model: dict[str, list[CellSeries]] = {}
        for one in series:
            by_model.setdefault(one.cell.model, []).append(one)
        for names in combinations(by_model, 2):
            sides = [[_take_times(one) for one in by_model[name] if one.seconds or one.timeouts] for name in names]
            if not all(sides):
                continue
            done = {one.cell.size.tokens for name in names for one in by_model[name]}
            sizes = propose_sizes(find_crossover(*sides), done)
            for name in names:
                proposed.setdefault(name, set()).update(sizes)
        tried = {name: {one.cell.size.tokens for one in cells} for name, cells in by_model.items()}
        return {name: sorted(sizes - tried[name]) for name, sizes in proposed.items()}

    def flag(self, model: str, completion: Completion) -> tuple[str, ...]:
        """Return the factors that an answer makes doubtful by itself."""
        return flag_answer(completion, self._expected[model]) if model in self._expected else ()


def _take_times(series: CellSeries) -> CellTimes:
    return CellTimes(
        model=series.cell.model,
        size=series.cell.size.tokens,
        seconds=tuple(series.seconds),
        timeouts=series.timeouts,
        errors=series.errors,
    )


def measure_matrix(
    controller: Controller, settings: Settings, cells: Sequence[MatrixCell], show: Callable[[str], None], alone: str
) -> MatrixView:
    """Measure cells, one call at a time, and return what came of it.

    :param controller: keeps the evidence; its run is open
    :param settings: of the run, with a matrix
    :param cells: to measure
    :param show: hears in words how far it has come
    :param alone: what is to be said of workers that were not used
    """
    if settings.matrix is None or controller.run is None:
        raise RuntimeError("a matrix is measured before its run was opened")
    outlet = LocalOutlet(controller)
    names = frozenset(cell.model for cell in cells)
    models = open_matrix_models(controller.make_context(1), controller.attached, outlet, names)
    described = _describe(settings, cells, alone)
    with _watch_machine(outlet), Journal(controller.run, MATRIX_JOURNAL) as journal:
        keeper = _Keeper(journal)
        engine = MatrixEngine(models, settings, CurveRules(settings, controller.attached), keeper.keep, show)
        controller.note_matrix(described)
        began = time.monotonic()
        described["ended"] = "interrupted"
        try:
            described["ended"] = asyncio.run(_run(engine, models, cells, outlet))
        except (Exception, SystemExit) as error:
            described["ended"] = f"ended by {type(error).__name__}: {error}"[:300]
            raise
        finally:
            described |= {"seconds": round(time.monotonic() - began, 3), "unstreamed": keeper.list_unstreamed()}
            described["unsupported"] = _list_unsupported(engine.series)
            controller.note_matrix(described)
    view = load_matrix(controller.run)
    if view is None:
        raise RuntimeError("the matrix was measured, and its run knows nothing of it")
    return view


async def _run(
    engine: MatrixEngine, models: Mapping[str, MatrixModel], cells: Sequence[MatrixCell], outlet: LocalOutlet
) -> str:
    outlet.bind(asyncio.get_running_loop(), 1)
    try:
        return await engine.run(cells)
    finally:
        for model in models.values():
            await model.caller.backend.provider.aclose()


class _Keeper:
    """Journals the records of calls, and notes whose answers do not come in pieces."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._streamed: dict[str, bool] = {}

    def keep(self, record: Record) -> None:
        self._journal.append(write_line(record))
        if record.completion is not None:
            seen = record.completion.timing.first_token is not None
            self._streamed[record.model] = self._streamed.get(record.model, False) or seen

    def list_unstreamed(self) -> list[str]:
        return [model for model, seen in self._streamed.items() if not seen]


def _describe(settings: Settings, cells: Sequence[MatrixCell], alone: str) -> dict[str, Any]:
    """Return what the manifest says of a matrix."""
    names = {cell.model for cell in cells}
    shared = settings.matrix is not None and settings.matrix.shared_prefix
    return {
        "cells": [[cell.model, cell.size.name, cell.size.tokens] for cell in cells],
        # a list, because the order of the models is the user's
        "labels": [[model, label] for model, label in label_models(settings.models).items() if model in names],
        "sent": {spec.name: list_extra(spec, shared_prefix=shared) for spec in settings.models if spec.name in names},
        "alone": alone,
        "ended": None,
    }


def _list_unsupported(series: Sequence[CellSeries]) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for one in series:
        if one.unsupported:
            found.setdefault(one.cell.model, {})[str(one.cell.size.tokens)] = one.unsupported
    return found


@contextmanager
def _watch_machine(outlet: LocalOutlet) -> Iterator[None]:
    outlet.note_machine({"fingerprint": capture_fingerprint()})
    sampler = EnvironmentSampler(lambda sample: outlet.note_machine({"sample": sample}))
    sampler.start()
    try:
        yield
    finally:
        sampler.stop()
