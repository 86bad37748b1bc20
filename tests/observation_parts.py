"""Rows of result files, clean unless a test plants a fault."""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from pytest_lleval.core.observations import Observation, Observations
from pytest_lleval.core.records import Verdict

SIZES = tuple(128 << power for power in range(9))
WORDS = ("the", "model", "reads", "a", "question", "and", "answers", "some", "other", "thing", "it", "has", "learned")


def gather(rows: Iterable[Observation], **changes: Any) -> Observations:
    """A file of rows, numbered as they come."""
    numbered = tuple(replace(row, row=number) for number, row in enumerate(rows, 1))
    values: dict[str, Any] = {"place": "results.csv", "format": "CSV table", "rows": numbered}
    return Observations(**{**values, **changes})


def sweep(*, noise: float = 0.1, repeats: int = 3, model: str = "m", **changes: Any) -> list[Observation]:
    """Times of a real model over sizes of 128 to 32,768 tokens."""
    rng = random.Random(f"{noise}{repeats}{model}")
    return [
        Observation(
            row=1,
            model=model,
            size=float(size),
            latency=(0.4 + size / 2000) * math.exp(rng.gauss(0, noise)),
            **changes,
        )
        for _ in range(repeats)
        for size in SIZES
    ]


def chat(*, rows: int = 60, noise: float = 0.15, model: str = "m", **changes: Any) -> list[Observation]:
    """Answers of a real model to questions, with their texts, tokens and times."""
    rng = random.Random(f"{rows}{noise}{model}")
    return [_answer(number, model, noise, rng, changes) for number in range(rows)]


def _answer(number: int, model: str, noise: float, rng: random.Random, changes: Mapping[str, Any]) -> Observation:
    asked = random.Random(number)
    prompt = f"Question {number}: " + " ".join(asked.choices(WORDS, k=asked.randint(10, 300)))
    output = " ".join(rng.choices(WORDS, k=rng.randint(10, 150)))
    tokens = 12 + len(prompt) * 10 // 43, max(1, int(len(output) / 4.3 * math.exp(rng.gauss(0, 0.05))))
    values: dict[str, Any] = {
        "sample": str(number),
        "prompt": prompt,
        "prompt_chars": len(prompt),
        "prompt_tokens": tokens[0],
        "output": output,
        "output_chars": len(output),
        "output_tokens": tokens[1],
        "latency": (0.3 + tokens[0] / 8000 + tokens[1] / 60) * math.exp(rng.gauss(0, noise)),
        "status": "ok",
    }
    return Observation(row=1, model=model, **{**values, **changes})


def letters(*, rows: int = 100, model: str = "m", **changes: Any) -> list[Observation]:
    """One-letter answers of a real model to questions with choices."""
    rng = random.Random(f"{rows}{model}")
    found = chat(rows=rows, model=model)
    return [
        replace(
            row,
            output=rng.choice("ABCD"),
            output_chars=1,
            output_tokens=1,
            latency=(0.3 + (row.prompt_tokens or 0) / 20_000) * math.exp(rng.gauss(0, 0.25)),
            **changes,
        )
        for row in found
    ]


def messages_of(verdict: Verdict, severity: str = "") -> str:
    """All findings of a verdict as one text."""
    return "\n".join(found.message for found in verdict.disclosures if severity in ("", found.severity))
