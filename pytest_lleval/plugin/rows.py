"""The rows of a marked test's dataset: of a suite, a file, a list or a function, read once a session."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from ..core.settings import Settings
from ..suites.dataset_files import SUFFIXES
from ..suites.datasets import Row, RowSet, load_rows
from ..suites.definition import Dataset
from ..suites.registry import ChosenSuite, find_suites, list_names
from ..suites.selection import select_samples
from ..suites.sources import load_dataset
from .casebook import Casebook, CaseRows
from .downloads import DownloadProgress
from .marks import CaseMark
from .state import load_settings

__all__ = ["load_case_rows"]


def load_case_rows(config: pytest.Config, book: Casebook, mark: CaseMark, folder: Path) -> CaseRows:
    """Return the rows of a mark's dataset.

    :param config: of the session, whose limit and sample ids hold
    :param book: keeps what was read
    :param mark: with its dataset
    :param folder: where relative paths start: that of the test's file
    :raises LlevalError: when the dataset is not what it should be
    """
    named = mark.dataset
    key: object = id(named)
    if isinstance(named, (str, Path)):
        key = str(named) if _is_suite(named) else str(folder / named)
    if key not in book.datasets:
        book.datasets[key] = named, _load(config, mark, folder)
    return book.datasets[key][1]


def _is_suite(named: object) -> bool:
    return isinstance(named, str) and not named.lower().endswith(SUFFIXES) and named.partition("/")[0] in list_names()


def _load(config: pytest.Config, mark: CaseMark, folder: Path) -> CaseRows:
    settings = load_settings(config)
    if isinstance(mark.dataset, str) and _is_suite(mark.dataset):
        (chosen,) = find_suites([mark.dataset], {})
        return _load_suite(config, chosen, mark, settings)
    found = load_rows(mark.dataset, folder=folder, place=mark.place, suites=list_names())
    edition = Path(found.origin).suffix.removeprefix(".") if isinstance(mark.dataset, (str, Path)) else "inline"
    dataset = Dataset(name=found.name, edition=edition, samples=[row.sample for row in found.rows])
    return CaseRows(found=found, edition=edition, chosen=_select(dataset, found, settings))


def _load_suite(config: pytest.Config, chosen: ChosenSuite, mark: CaseMark, settings: Settings) -> CaseRows:
    dataset = load_dataset(chosen, DownloadProgress(config))
    found = load_rows(list(dataset.samples), folder=Path(), place=mark.place)
    found = replace(found, name=dataset.name, origin=dataset.origin, digest=dataset.digest)
    return CaseRows(
        found=found,
        edition=dataset.edition,
        chosen=_select(dataset, found, settings, [chosen.group] if chosen.group else []),
        disclosures=dataset.disclosures,
    )


def _select(dataset: Dataset, found: RowSet, settings: Settings, groups: Sequence[str] = ()) -> tuple[Row, ...]:
    """Return the rows the session's limit and sample ids leave; none where all ids are of other datasets."""
    ids = [row.sample.id for row in found.rows]
    patterns = [name for name in settings.sample_ids if any(one == name or fnmatchcase(one, name) for one in ids)]
    if settings.sample_ids and not patterns:
        return ()
    # an id that a node id could not hold has changed on the way
    samples = [row.sample for row in found.rows]
    safe = replace(dataset, samples=samples, fewshot={})
    chosen = {sample.id for sample in select_samples(safe, groups=groups, sample_ids=patterns, limit=settings.limit)}
    return tuple(row for row in found.rows if row.sample.id in chosen)
