"""LLM evaluations as pytest tests people can trust.

Public are the names in ``__all__``; deeper imports carry no promise. Nothing is imported before it is used, so that
the plugin costs an unrelated pytest session next to nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .core.records import Completion, Generation, Message, Request, Sample, Score
    from .scoring.scorers import (
        choice,
        choice_logprob,
        exact,
        includes,
        number_flexible,
        number_strict,
        pattern,
    )
    from .suites.definition import Dataset, Suite
    from .suites.planting import PlantedAnswer
    from .suites.registry import suite

__all__ = [
    "Completion",
    "Dataset",
    "Generation",
    "Message",
    "PlantedAnswer",
    "Request",
    "Sample",
    "Score",
    "Suite",
    "__version__",
    "choice",
    "choice_logprob",
    "exact",
    "includes",
    "number_flexible",
    "number_strict",
    "pattern",
    "suite",
]

_HOMES = {
    "core.records": ("Completion", "Generation", "Message", "Request", "Sample", "Score"),
    "scoring.scorers": (
        "choice",
        "choice_logprob",
        "exact",
        "includes",
        "number_flexible",
        "number_strict",
        "pattern",
    ),
    "suites.definition": ("Dataset", "Suite"),
    "suites.planting": ("PlantedAnswer",),
    "suites.registry": ("suite",),
}


def __getattr__(name: str) -> object:
    if name == "__version__":
        from importlib.metadata import version

        return version("pytest-lleval")
    for home, names in _HOMES.items():
        if name in names:
            from importlib import import_module

            return getattr(import_module(f"{__name__}.{home}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
