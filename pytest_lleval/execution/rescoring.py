"""Stored completions scored again, by the scorers of a suite as it is now."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import cached_property

from ..core.canonical import canonical_prompt
from ..core.errors import LlevalError, UsageError
from ..core.records import Case, Completion, Disclosure, Record, Sample, Score
from ..core.settings import Settings
from ..support.seeding import seeded
from .asking import Asker, Plan, score_completion

__all__ = ["Rescorer", "Stored"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Stored:
    """What was found in the stored records of a suite before they are scored again."""

    #: epochs with a completion
    answered: int = 0
    #: those with log probabilities
    with_logprobs: int = 0
    #: those whose prompt is another than the suite would ask now, and those that do not even hold their sample's input
    changed: int = 0
    foreign: tuple[str, ...] = ()


class Rescorer:
    """Scores the records of one suite again; asks no model.

    :param plan: the suite with its dataset, as they are now
    :param settings: of the run
    :param place: the command, for messages
    """

    def __init__(self, plan: Plan, settings: Settings, place: str) -> None:
        self.plan = plan
        self._place = place
        self._asker = Asker(plans={plan.suite.name: plan}, callers={}, settings=settings)

    @cached_property
    def _samples(self) -> Mapping[str, Sample]:
        return {sample.id: sample for sample in self.plan.dataset.samples}

    def check(self, records: Iterable[Record]) -> Stored:
        """Look at all stored records of the suite before one is scored.

        :raises UsageError: when samples are not in the dataset, or the answers are not to what the suite asks
        """
        found, missing = Stored(), []
        for record in records:
            if record.sample not in self._samples:
                missing.append(record.sample)
            elif record.completion is not None:
                found = self._look(record, record.completion, found)
        name, dataset = self.plan.suite.name, self.plan.dataset
        if missing:
            samples = sorted(set(missing))
            raise UsageError(
                f"{self._place}: {len(samples):,} samples of the run are not in {dataset.name}, edition "
                f"{dataset.edition}, e.g. {samples[0]!r}; choose the suite with the dataset the run was made of"
            )
        if found.foreign:
            raise UsageError(
                f"{self._place}: {len(found.foreign):,} of {found.answered:,} stored prompts do not ask what suite "
                f"{name!r} has under the same id in edition {dataset.edition}, e.g. {found.foreign[0]!r}; choose the "
                "suite with the dataset the run was made of"
            )
        if self.plan.suite.generation.top_logprobs and found.answered and not found.with_logprobs:
            raise UsageError(
                f"{self._place}: suite {name!r} scores log probabilities, and none of the {found.answered:,} stored "
                "answers has any; ask the model again, or choose a scorer of texts, e.g. --arg method=generate"
            )
        return found

    def _look(self, record: Record, completion: Completion, found: Stored) -> Stored:
        same = self._is_same_prompt(record)
        return Stored(
            answered=found.answered + 1,
            with_logprobs=found.with_logprobs + bool(completion.logprobs),
            changed=found.changed + (not same),
            foreign=found.foreign if same or self._holds_input(record) else (*found.foreign, record.sample),
        )

    def _is_same_prompt(self, record: Record) -> bool:
        case = Case(id=record.case, suite=record.suite, model=record.model, sample=self._samples[record.sample])
        built = self._asker.build(case, record.epoch)
        return record.request is not None and canonical_prompt(built) == canonical_prompt(record.request)

    def _holds_input(self, record: Record) -> bool:
        if record.request is None:
            return False
        texts = [record.request.prompt, *(message.content for message in record.request.messages)]
        wanted = " ".join(self._samples[record.sample].input.split())
        return any(wanted in " ".join(text.split()) for text in texts)

    def rescore(self, record: Record) -> Record:
        """Return a record with the scores and the target its sample has now.

        What could not be scored stays so, unless there is an answer and only its scorer had failed.
        """
        completion = record.completion
        if completion is None or record.cause not in (None, "error"):
            return record
        sample = self._samples[record.sample]
        fresh = replace(record, group=sample.group, cluster=sample.cluster, target=sample.targets)
        try:
            scores = self._score(record, sample, completion)
        except LlevalError as error:
            return replace(fresh, outcome="unscored", cause="error", error=str(error), scores=())
        return replace(fresh, outcome="scored", cause=None, error="", scores=scores)

    def _score(self, record: Record, sample: Sample, completion: Completion) -> tuple[Score, ...]:
        suite = self.plan.suite
        seed = (record.request.generation.seed if record.request else None) or 0
        # what a scorer of a user's draws is the same as in the session
        with seeded(seed, f"suite {suite.name!r}") if self.plan.draws else nullcontext():
            return score_completion(suite, sample, completion)

    def disclose(self, stored: Stored, described: Mapping[str, object], run: str) -> tuple[Disclosure, ...]:
        """Return what is to be said of the new scores.

        :param stored: what was found in the records
        :param described: the suite as the run's manifest has it
        :param run: the run
        """
        suite, dataset = self.plan.suite, self.plan.dataset
        again = f"{suite.name}: scored again by version {suite.version} of the suite, from the answers stored in {run}"
        found = [Disclosure(factor="A", severity="note", message=again), *dataset.disclosures]
        if described.get("digest") != dataset.digest:
            message = f"{suite.name}: the dataset has changed since the answers were given (another digest)"
            found.append(Disclosure(factor="D", severity="warning", message=message))
        if stored.changed:
            counts = f"{stored.changed:,} of {stored.answered:,}"
            message = f"{suite.name}: {counts} answers are to other prompts than the suite asks now"
            found.append(Disclosure(factor="F1", severity="warning", message=message))
        return tuple(found)
