"""The seed of one test, and what it seeds."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any

import pytest

from ..core.errors import LlevalError
from ..support.seeding import RESEEDED, seeded, watch_module
from ..support.seeds import derive_seed
from .state import load_settings

if TYPE_CHECKING:
    import numpy as np

__all__ = ["NOTES", "TestSeed", "derive_test_seed", "open_seed"]

#: user properties that carry what is to be disclosed from the test's process to the one that tells
NOTES = "lleval_note"


class TestSeed:
    """An integer in ``[0, 2**31)`` that depends on the run's seed and the test alone.

    :param value: the seed
    """

    __test__ = False  # no test class, whatever its name

    def __init__(self, value: int) -> None:
        self.value = value

    def __int__(self) -> int:
        """Return the seed."""
        return self.value

    __index__ = __int__

    @cached_property
    def generator(self) -> np.random.Generator:
        """A generator of numpy's new kind, of the test's own."""
        import numpy as np

        return np.random.default_rng(self.value)

    def __repr__(self) -> str:
        return f"TestSeed({self.value})"


def derive_test_seed(item: pytest.Item) -> int:
    """Return the seed of a test: from the run's seed and its node id, whichever worker runs it when.

    :raises pytest.UsageError: for a seed that is no number
    """
    try:
        root = load_settings(item.config).seed
    except LlevalError as error:
        raise pytest.UsageError(str(error)) from error
    if item.get_closest_marker("lleval") is not None:
        from .casebook import find_place  # of eval cases

        if place := find_place(item):
            # whichever model is asked
            return derive_seed(root, "tests", place.suite.name, place.sample, place.epoch)
    return derive_seed(root, "tests", item.nodeid, 1)


@contextmanager
def open_seed(item: pytest.Item) -> Iterator[TestSeed]:
    """Seed everything for a test, and look whether it seeds anything itself.

    :param item: the test
    """
    seed = TestSeed(derive_test_seed(item))
    _seed_hypothesis(item, seed.value)
    before = RESEEDED[item.nodeid]
    with seeded(seed.value, item.nodeid):
        if module := getattr(item, "module", None):
            watch_module(module)
        yield seed
    count = RESEEDED[item.nodeid] - before
    if count:
        message = f"{item.nodeid} seeds a global random generator itself ({count:,} times)"
        item.user_properties.append((NOTES, f"S warning {message}"))
        if item.config.getoption("lleval_strict") or item.config.getini("lleval_strict"):
            pytest.fail(f"{message}: take lleval_seed instead", pytrace=False)


def _seed_hypothesis(item: pytest.Item, seed: int) -> None:
    """Seed a Hypothesis test, unless it has a seed of its own."""
    hypothesis: Any = sys.modules.get("hypothesis")
    function: Any = getattr(item, "obj", None)
    function = getattr(function, "__func__", function)
    if hypothesis is None or not getattr(function, "is_hypothesis_test", False):
        return
    if getattr(function, "_hypothesis_internal_use_seed", None) is None:
        hypothesis.seed(seed)(function)
