"""Results of runs that gates can be tried on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pytest_lleval.core.results import Baseline, Results, SampleResult

FACTS = {"version": "1", "dataset": "d", "edition": "full", "digest": "abc", "parameters": {}, "settings": {"seed": 0}}


def make_results(values: Sequence[float | None], **changes: Any) -> Results:
    """Results of as many samples as there are values, by one scorer."""
    details = {name: changes.pop(name, {}) for name in ("seconds", "costs", "groups", "epochs", "clusters", "prompts")}
    samples = {
        f"q{number:05}": SampleResult(
            (value,),
            epochs=details["epochs"].get(number, 1),
            group=details["groups"].get(number, ""),
            cluster=details["clusters"].get(number, ""),
            prompt=details["prompts"].get(number, "p"),
            seconds=details["seconds"].get(number, 0.5),
            cost=details["costs"].get(number),
        )
        for number, value in enumerate(values)
    }
    plain: dict[str, Any] = {
        "suite": "s",
        "model": "openai/m",
        "facts": FACTS,
        "scorers": ("exact",),
        "samples": samples,
    }
    return Results(**{**plain, **changes})


def make_baseline(values: Sequence[float | None], **changes: Any) -> Baseline:
    return Baseline(place="base.json", results=[make_results(values, **changes)])
