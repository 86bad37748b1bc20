"""What a session knows of its eval cases: the tests that are marked, and what each of their items stands for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, NamedTuple

import pytest

from ..core.encoding import encode_disclosure
from ..core.records import Disclosure
from ..core.settings import ModelSpec
from ..execution.manifest import TESTS
from ..suites.datasets import Row, RowSet
from .marks import CaseMark
from .versions import digest_function

__all__ = [
    "EPOCH",
    "MODEL",
    "ROW",
    "CasePlace",
    "CaseRows",
    "CaseSuite",
    "Casebook",
    "Part",
    "find_place",
    "open_casebook",
]

#: parameters of ours that no function asks for
ROW, MODEL, EPOCH = "_lleval_row", "_lleval_model", "_lleval_epoch"


@dataclass(frozen=True, kw_only=True)
class CaseRows:
    """The rows of a test's dataset, and where they come from."""

    found: RowSet
    edition: str
    #: after groups, sample ids and limit
    chosen: tuple[Row, ...]
    disclosures: tuple[Disclosure, ...] = ()


@dataclass(frozen=True, kw_only=True)
class CaseSuite:
    """A marked test, which is a suite of its own."""

    #: its node id without parameters
    name: str
    mark: CaseMark
    #: the models its cases are for; the first is that of a test without parameters
    models: tuple[ModelSpec, ...]
    function: Any
    rows: CaseRows | None = None
    #: arguments that are filled from columns, or by the user's own parameters
    bound: frozenset[str] = frozenset()

    @cached_property
    def source(self) -> str:
        """The digest of what the test does."""
        return digest_function(self.function)

    def describe(self, selected: int, known: int) -> dict[str, Any]:
        """Return what identifies it, in the form of a plan's description of a suite.

        :param selected: its samples that will run
        :param known: its samples that were collected
        """
        rows = self.rows
        return {
            "name": self.name,
            "kind": TESTS,
            "version": self.source[:12],
            "parameters": {},
            "metrics": ["pass_rate"],
            "dataset": rows.found.name if rows else "none",
            "edition": rows.edition if rows else "the test itself",
            # a list has no place but the test's file, and several tests may share it
            "origin": rows.found.origin if rows and rows.edition != "inline" else self.name.partition("::")[0],
            "digest": rows.found.digest if rows else self.source,
            "samples": max(known, len(rows.found.rows) if rows else 0),
            "selected": selected,
            "collected": known,
            "gates": [asdict(gate) for gate in self.mark.gates],
            "tags": list(self.mark.tags),
            "disclosures": [encode_disclosure(found) for found in rows.disclosures] if rows else [],
        }


class Part(NamedTuple):
    """A parameter of ours: a row, a model or a number, and what it adds to the item's id."""

    value: Any
    label: str


class CasePlace(NamedTuple):
    """What one item stands for."""

    suite: CaseSuite
    sample: str
    row: Row | None
    epoch: int
    spec: ModelSpec


class Casebook:
    """The marked tests of a process, and how many samples of each will run."""

    def __init__(self) -> None:
        self.suites: dict[str, CaseSuite] = {}
        #: datasets that were read, by what names them, with what was named: its id is only its own while it lives
        self.datasets: dict[object, tuple[object, CaseRows]] = {}
        self._known: dict[str, set[str]] = defaultdict(set)
        self._selected: dict[str, set[str]] = defaultdict(set)

    def find(self, item: pytest.Item) -> CasePlace | None:
        """Return what an item stands for; None for one that is no eval case."""
        if not isinstance(item, pytest.Function) or item.parent is None:
            return None
        suite = self.suites.get(f"{item.parent.nodeid}::{item.originalname}")
        if suite is None:
            return None
        parameters = item.callspec.params if hasattr(item, "callspec") else {}
        parts = {name: part for name in (ROW, MODEL, EPOCH) if isinstance(part := parameters.get(name), Part)}
        return CasePlace(
            suite=suite,
            sample=_name_sample(item, parts),
            row=parts[ROW].value if ROW in parts else None,
            epoch=parts[EPOCH].value if EPOCH in parts else 1,
            spec=parts[MODEL].value if MODEL in parts else suite.models[0],
        )

    def note(self, items: Iterable[pytest.Item], *, selected: bool) -> None:
        """Hear what was collected, and later what of it will run."""
        counts = self._selected if selected else self._known
        for item in items:
            if place := self.find(item):
                counts[place.suite.name].add(place.sample)

    def describe(self, suite: CaseSuite) -> dict[str, Any]:
        """Return the description of a suite for the manifest."""
        return suite.describe(len(self._selected[suite.name]), len(self._known[suite.name]))


def _name_sample(item: pytest.Function, parts: Mapping[str, Part]) -> str:
    """Return the sample an item is of: its row, with the user's own parameters in brackets, which no row's id has."""
    own = item.callspec.id if hasattr(item, "callspec") else ""
    if parts:
        before, found, after = own.partition("-".join(part.label for part in parts.values()))
        own = "-".join(filter(None, (before.rstrip("-"), after.lstrip("-")))) if found else own
    if ROW in parts:
        name: str = parts[ROW].value.sample.id
        return f"{name}[{own}]" if own else name
    return own or item.originalname


_CASEBOOK_KEY: pytest.StashKey[Casebook] = pytest.StashKey()


def open_casebook(config: pytest.Config) -> Casebook:
    """Return the casebook of a process, opened when the first mark is met."""
    if _CASEBOOK_KEY not in config.stash:
        config.stash[_CASEBOOK_KEY] = Casebook()
    return config.stash[_CASEBOOK_KEY]


def find_place(item: pytest.Item) -> CasePlace | None:
    """Return what an item stands for; None for one that is no eval case."""
    book = item.config.stash.get(_CASEBOOK_KEY, None)
    return book.find(item) if book is not None else None
