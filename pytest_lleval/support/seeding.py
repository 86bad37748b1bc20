"""Global random generators, seeded for a while, and who seeds them meanwhile without being asked to."""

from __future__ import annotations

import importlib
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

__all__ = ["RESEEDED", "seed_globals", "seeded", "unwatch", "watch_module"]

#: how often a place has seeded a global generator that was seeded for it
RESEEDED: Counter[str] = Counter()
_PLACE: ContextVar[str | None] = ContextVar("pytest_lleval_seeded", default=None)
#: what seeds for its own good reasons
_TOLERATED = ("hypothesis", "_hypothesis_pytestplugin", "pytest_randomly", "pytest_lleval", "random", "numpy", "torch")
#: module, attribute of the function that seeds, and of those that read and set the state
_GENERATORS = (
    ("random", "seed", "getstate", "setstate"),
    ("numpy.random", "seed", "get_state", "set_state"),
    ("torch", "manual_seed", "get_rng_state", "set_rng_state"),
)
_MOST_BITS = 32


class _Watched:
    """Stands in for a function that seeds a global generator, and counts who calls it."""

    def __init__(self, seed: Callable[..., Any]) -> None:
        self.original = seed
        self.__doc__ = seed.__doc__

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        place = _PLACE.get()
        caller = str(sys._getframe(1).f_globals.get("__name__", ""))  # noqa: SLF001  # the public way takes all frames
        if place is not None and caller.partition(".")[0] not in _TOLERATED:
            RESEEDED[place] += 1
        return self.original(*args, **kwargs)


def _find_seeders() -> Iterator[tuple[Any, str, Callable[..., Any]]]:
    """Yield module, name and original function of what seeds the global generators that are loaded."""
    for name, seed, *_ in _GENERATORS:
        module = _find_module(name)
        if module is not None and hasattr(module, seed):
            found = getattr(module, seed)
            yield module, seed, found.original if isinstance(found, _Watched) else found


def _find_module(name: str) -> Any:
    """Return a module whose package somebody has imported; numpy loads the module of its generators late."""
    return importlib.import_module(name) if name.partition(".")[0] in sys.modules else None


def seed_globals(seed: int) -> None:
    """Seed every global generator that is loaded: of `random`, numpy and torch."""
    for _, _, original in _find_seeders():
        original(seed % (1 << _MOST_BITS))


@contextmanager
def seeded(seed: int, place: str) -> Iterator[None]:
    """Seed the global generators for a block, put them back as they were after it, and watch who seeds them inside.

    :param seed: for all of them
    :param place: who is answerable for what happens inside, for `RESEEDED`
    """
    # a function that imports it itself would draw from an unseeded generator the first time
    importlib.import_module("numpy.random")
    states = [(module, setter, getattr(module, getter)()) for module, getter, setter in _find_states()]
    _watch()
    token = _PLACE.set(place)
    seed_globals(seed)
    try:
        yield
    finally:
        _PLACE.reset(token)
        for module, setter, state in states:
            getattr(module, setter)(state)


def _find_states() -> Iterator[tuple[Any, str, str]]:
    for name, _, getter, setter in _GENERATORS:
        module = _find_module(name)
        if module is not None and hasattr(module, getter):
            yield module, getter, setter


def _watch() -> None:
    for module, name, original in _find_seeders():
        if not isinstance(getattr(module, name), _Watched):
            setattr(module, name, _Watched(original))


def watch_module(module: Any) -> None:
    """Watch the functions that seed where a module has imported them by name."""
    originals = {id(original): getattr(owner, name) for owner, name, original in _find_seeders()}
    for name, value in list(vars(module).items()):
        if id(value) in originals:
            setattr(module, name, originals[id(value)])


def unwatch() -> None:
    """Put the functions that seed back in their places."""
    for module, name, original in _find_seeders():
        setattr(module, name, original)
