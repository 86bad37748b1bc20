"""The results of one suite asked of one model, sample by sample: what gates judge and baseline files hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from .records import Disclosure

__all__ = ["Baseline", "Results", "SampleResult"]


class SampleResult(NamedTuple):
    """What one sample came to; None where something is not known."""

    #: the mean over epochs of each scorer's values, in the order of `Results.scorers`
    scores: tuple[float | None, ...]
    epochs: int = 1
    group: str = ""
    cluster: str = ""
    #: 16 digits of the digest of its first epoch's prompt
    prompt: str = ""
    #: seconds of a call that was not answered from the cache, mean over epochs
    seconds: float | None = None
    input_tokens: float | None = None
    output_tokens: float | None = None
    #: USD of all its epochs
    cost: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Results:
    """The results of one suite asked of one model."""

    suite: str
    model: str
    #: what they depend on: ``version``, ``dataset``, ``digest``, ``parameters``, ``served_model``, ``settings`` …
    facts: Mapping[str, Any]
    #: the first one's values make the accuracy
    scorers: tuple[str, ...]
    #: by id
    samples: Mapping[str, SampleResult]
    #: epochs that could not be scored, by cause
    unscored: Mapping[str, int] = field(default_factory=dict)
    #: samples that were to be asked and have no record: of a run that was interrupted, or run in part
    missing: int = 0
    #: which part of a run they are, or what it lacks, in a sentence; empty of a whole one
    part: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Baseline:
    """The results of an earlier run, with what made them doubtful."""

    #: the file or run directory
    place: str
    results: Sequence[Results]
    disclosures: Sequence[Disclosure] = ()

    def find(self, suite: str, model: str) -> Results | None:
        """Return the results of a suite: of the same model, else of the only one there is."""
        found = [part for part in self.results if part.suite == suite]
        same = [part for part in found if part.model == model]
        return same[0] if same else found[0] if len(found) == 1 else None
