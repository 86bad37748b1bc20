"""From settings to the cases of a run, in the same order in every process."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from sys import intern
from typing import NamedTuple

from ..core.contracts import Progress
from ..core.errors import DatasetError, SuiteError
from ..core.records import Case, Disclosure, Generation, Request, Sample
from ..core.settings import ModelSpec, Settings
from ..providers.canary import make_probe
from ..suites.definition import Dataset
from ..suites.registry import ChosenSuite, find_suites
from ..suites.selection import select_samples
from ..suites.sharding import digest_choice, take_shard
from ..suites.sources import load_dataset
from ..support.seeds import derive_seed
from .asking import Asker, Plan

__all__ = ["RunPlan", "add_chat_probe", "find_position", "label_models", "make_probes", "plan_run"]

#: control characters, line separators, marks that turn the direction of writing, and pytest's own separators
_UNFIT = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\\[\\]]|::")
_PROBE_TOKENS = 16


class Choice(NamedTuple):
    """The samples of a suite that were chosen."""

    samples: int
    #: the sha256 over their ids
    digest: str


@dataclass(frozen=True, kw_only=True)
class RunPlan:
    """What a run will ask."""

    plans: Mapping[str, Plan]
    cases: tuple[Case, ...]
    #: of a shard, what was chosen of each suite before it took its part
    whole: Mapping[str, Choice] = field(default_factory=dict)

    def spread(self, count: int) -> frozenset[str]:
        """Return the ids of so many cases of each suite and model, evenly spread; the same in every process."""
        parts: dict[tuple[str, str], list[str]] = {}
        for case in self.cases:
            parts.setdefault((case.suite, case.model), []).append(case.id)
        return frozenset(
            names[number * len(names) // min(count, len(names))]
            for names in parts.values()
            for number in range(min(count, len(names)))
        )

    @property
    def has_nothing(self) -> bool:
        """Whether it is of a shard without a sample, since there are more shards: nobody is needed who answers."""
        return bool(self.whole) and not self.cases

    @property
    def disclosures(self) -> tuple[Disclosure, ...]:
        """What the datasets have to disclose."""
        return tuple(found for plan in self.plans.values() for found in plan.dataset.disclosures)

    def describe(self) -> list[dict[str, object]]:
        """Return what identifies each suite, for the manifest."""
        return [self._describe(name, plan) for name, plan in self.plans.items()]

    def _describe(self, name: str, plan: Plan) -> dict[str, object]:
        described: dict[str, object] = {
            "name": name,
            "version": plan.suite.version,
            "parameters": dict(plan.suite.parameters),
            "metrics": list(plan.suite.metrics),
            "dataset": plan.dataset.name,
            "edition": plan.dataset.edition,
            "origin": plan.dataset.origin,
            "digest": plan.dataset.digest,
            "samples": len(plan.dataset.samples),
            "selected": len({case.sample.id for case in self.cases if case.suite == name}),
        }
        return {**described, "whole": self.whole[name]._asdict()} if name in self.whole else described


def plan_run(settings: Settings, progress: Progress | None = None) -> RunPlan:
    """Load the datasets of the suites asked for and lay out their cases.

    :param settings: of the run
    :param progress: hears of downloads
    :raises LlevalError: of any kind, when a suite, an argument or a dataset is not what it should be
    """
    plans: dict[str, Plan] = {}
    cases: list[Case] = []
    labels = label_models(settings.models)
    suites = _join_groups(find_suites(settings.suites, settings.arguments))
    _check_names(suites)
    datasets = {name: load_dataset(chosen[0], progress) for name, chosen in suites.items()}
    selected = _select(settings, suites, datasets)
    whole: dict[str, Choice] = {}
    if settings.shard is not None:
        whole = {name: Choice(len(samples), digest_choice(samples)) for name, samples in selected.items()}
        selected = take_shard(selected, settings.shard)
    for name, chosen in suites.items():
        samples = selected[name]
        if settings.stop_decided:
            samples = sorted(samples, key=lambda sample: find_position(settings.seed, name, sample.id))
        plans[name] = Plan(suite=chosen[0].suite, dataset=datasets[name])
        for model, label in labels.items():
            for sample in samples:
                # reports, records and xdist's lists name them again and again
                intern(sample.id)
                case_id = intern(f"{name}::{_fit_node_id(sample.id)}[{label}]")
                cases.append(Case(id=case_id, suite=name, model=model, sample=sample))
    _refuse_twins(cases)
    return RunPlan(plans=plans, cases=tuple(cases), whole=whole)


def _select(
    settings: Settings, suites: Mapping[str, Sequence[ChosenSuite]], datasets: Mapping[str, Dataset]
) -> Mapping[str, Sequence[Sample]]:
    """Return what groups, sample ids and limit leave of each suite."""
    patterns = _share_patterns(settings.sample_ids, datasets)
    return {
        name: select_samples(
            datasets[name],
            groups=[entry.group for entry in chosen if entry.group],
            sample_ids=patterns[name],
            limit=settings.limit,
        )
        if patterns[name] or not settings.sample_ids
        else ()
        for name, chosen in suites.items()
    }


def find_position(seed: int, suite: str, sample: str) -> tuple[int, str]:
    """Return where a sample comes in the random order of a suite that ends when it is decided.

    :param seed: of the run, which fixes the order
    """
    return derive_seed(seed, suite, "order", sample), sample


def make_probes(plan: RunPlan, asker: Asker) -> tuple[Request, ...]:
    """Return one small request of each kind the run will send."""
    probes: dict[tuple[str, bool], Request] = {}
    for name in plan.plans:
        first = next((case for case in plan.cases if case.suite == name), None)
        if first is None:
            continue
        request = asker.build(first)
        probes.setdefault((request.kind, request.generation.top_logprobs > 0), _shrink(request))
    return tuple(probes.values())


def add_chat_probe(probes: Sequence[Request]) -> tuple[Request, ...]:
    """Return probes with one of a chat among them, which is what the size matrix sends."""
    if any(probe.kind == "chat" for probe in probes):
        return tuple(probes)
    return (*probes, make_probe("chat", Generation(max_tokens=_PROBE_TOKENS)))


def _shrink(request: Request) -> Request:
    generation = Generation(
        temperature=request.generation.temperature,
        top_p=request.generation.top_p,
        max_tokens=_PROBE_TOKENS,
        seed=request.generation.seed,
        top_logprobs=request.generation.top_logprobs,
    )
    return make_probe(request.kind, generation)


def _check_names(names: Iterable[str]) -> None:
    """Refuse names that would break node ids apart."""
    for name in names:
        if not name or _fit_node_id(name) != name:
            raise SuiteError(f"suite {name!r}: its name must be printable, without '[', ']' and '::'; rename it")


def _join_groups(chosen: Sequence[ChosenSuite]) -> dict[str, list[ChosenSuite]]:
    joined: dict[str, list[ChosenSuite]] = {}
    for entry in chosen:
        joined.setdefault(entry.suite.name, []).append(entry)
    return joined


def _share_patterns(patterns: Sequence[str], datasets: Mapping[str, Dataset]) -> dict[str, list[str]]:
    """Give each suite the sample patterns that fit it; a pattern that fits none goes to all, to be refused by name."""
    shared: dict[str, list[str]] = {name: [] for name in datasets}
    for pattern in patterns:
        fit = [
            name
            for name, data in datasets.items()
            if any(sample.id == pattern or fnmatchcase(sample.id, pattern) for sample in data.samples)
        ]
        for name in fit or datasets:
            shared[name].append(pattern)
    return shared


def label_models(models: Sequence[ModelSpec]) -> dict[str, str]:
    """Return a short name for each model's node ids, by model name; the whole name where two would be the same."""
    labels = [_fit_node_id(spec.label) for spec in models]
    return {
        spec.name: label if labels.count(label) == 1 else _fit_node_id(spec.name)
        for spec, label in zip(models, labels, strict=True)
    }


def _fit_node_id(text: str) -> str:
    """Make a word fit for a node id: printable, encodable, without pytest's separators."""
    return _UNFIT.sub("_", text.encode("utf-8", "backslashreplace").decode("utf-8"))


def _refuse_twins(cases: Sequence[Case]) -> None:
    seen: dict[str, Case] = {}
    for case in cases:
        twin = seen.setdefault(case.id, case)
        if twin is not case:
            raise DatasetError(
                f"suite {case.suite!r}",
                f"samples {twin.sample.id!r} and {case.sample.id!r} have the same node id {case.id!r}; rename one",
            )
