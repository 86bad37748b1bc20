"""What a factor finds in a result file, what it could confirm, and what the file does not say."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from ..core.observations import Observation
from ..core.records import Disclosure, Factor, Severity, Verdict
from .verdicts import make_verdict

__all__ = [
    "Inquiry",
    "answered_rows",
    "group_rows",
    "identify_prompt",
    "list_rows",
    "measure_growth",
    "name_model",
    "rank_correlation",
    "timed_rows",
    "work_tokens",
]

Key = TypeVar("Key", bound=Hashable)
Floats = NDArray[np.float64]
_SHOWN = 10
#: of English text; sizes whose unit is not named are taken for characters, the smaller work
CHARS_PER_TOKEN = 4.0


@dataclass(kw_only=True)
class Inquiry:
    """Collects what one factor has to say of a file."""

    factor: Factor
    findings: list[Disclosure] = field(default_factory=list)
    confirmed: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)

    def flag(self, severity: Severity, message: str, **evidence: object) -> None:
        """Add a finding.

        :param message: one plain sentence
        :param evidence: row numbers, sizes and further JSON values
        """
        self.findings.append(Disclosure(factor=self.factor, severity=severity, message=message, evidence=evidence))

    def confirm(self, what: str) -> None:
        """Add what the file proves to be right."""
        self.confirmed.append(what)

    def miss(self, what: str) -> None:
        """Add what would have to be known and the file does not say."""
        self.missing.append(what)

    def conclude(self) -> Verdict:
        """Return the verdict; what is missing keeps a factor from being clean."""
        missing = self.missing or ([] if self.confirmed else ["anything about it"])
        return make_verdict(
            self.factor,
            self.findings,
            clean="; ".join(self.confirmed),
            unverified=f"the file does not say {', nor '.join(missing)}" if missing else "",
            evidence={"confirmed": list(self.confirmed), "missing": list(self.missing)},
        )


def answered_rows(rows: Iterable[Observation]) -> list[Observation]:
    """Return the rows that are not said to have failed."""
    return [row for row in rows if row.status in (None, "ok")]


def timed_rows(rows: Iterable[Observation]) -> list[Observation]:
    """Return the rows whose time is one of a model: answered, not out of a cache, longer than nothing."""
    return [row for row in answered_rows(rows) if not row.cached and row.latency is not None and row.latency > 0]


def group_rows(rows: Iterable[Observation], key: Callable[[Observation], Key]) -> dict[Key, list[Observation]]:
    """Return rows by a key, in the order they come."""
    groups: dict[Key, list[Observation]] = {}
    for row in rows:
        groups.setdefault(key(row), []).append(row)
    return groups


def identify_prompt(row: Observation) -> str:
    """Return what tells one prompt from another; empty where the file has nothing that does."""
    if row.prompt:
        return row.prompt
    if row.prompt_digest or row.sample:
        return row.prompt_digest or row.sample
    counted = next((n for n in (row.size, row.prompt_chars, row.prompt_tokens) if n is not None), None)
    return "" if counted is None else f"{counted:g}"


def work_tokens(row: Observation) -> float | None:
    """Return how many tokens of prompt there are at least, about; None where the file does not say."""
    if row.prompt_tokens is not None:
        return float(row.prompt_tokens)
    characters = row.prompt_chars if row.prompt_chars is not None else row.size
    return None if characters is None else characters / CHARS_PER_TOKEN


def list_rows(rows: Iterable[Observation]) -> list[int]:
    """Return the numbers of the first rows, as evidence."""
    return [row.row for row in rows][:_SHOWN]


def name_model(model: str) -> str:
    """Return how messages call a model."""
    return f"{model}: " if model else ""


def rank_correlation(first: Sequence[float], second: Sequence[float]) -> float:
    """Return Spearman's rank correlation, 0 where one side does not vary."""
    one, two = _rank(first), _rank(second)
    if len(one) < 2 or np.ptp(one) == 0 or np.ptp(two) == 0:
        return 0.0
    return float(np.corrcoef(one, two)[0, 1])


def _rank(values: Sequence[float]) -> Floats:
    """Return ranks, the mean of them for equal values."""
    _, places, counts = np.unique(np.asarray(values, dtype=float), return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    return np.asarray((ends - (counts - 1) / 2.0)[places], dtype=float)


def measure_growth(work: Sequence[Sequence[float]], times: Sequence[float]) -> tuple[Floats, Floats]:
    """Return the seconds each unit of each kind of work adds, and the standard errors, by least squares.

    :param work: for each kind of work its amount in every row
    :param times: seconds of every row; more rows than kinds of work and one
    """
    design = np.column_stack([np.ones(len(times)), *[np.asarray(kind, dtype=float) for kind in work]])
    observed = np.asarray(times, dtype=float)
    inverse = np.linalg.pinv(design.T @ design)
    slopes = inverse @ design.T @ observed
    spread = float(np.sum((observed - design @ slopes) ** 2)) / (len(times) - design.shape[1])
    return slopes[1:], np.sqrt(np.maximum(np.diag(inverse) * spread, 0.0))[1:]
