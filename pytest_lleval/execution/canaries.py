"""Whether a suite can fail and can pass: planted answers go through its own scorers before anything is asked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from typing import TypeVar

from ..core.errors import LlevalError, SuiteError
from ..core.records import Sample
from ..suites.planting import PlantedAnswer, PlantedKind, plant_answers
from ..support.seeding import seeded
from .asking import Plan, score_completion
from .planning import RunPlan

__all__ = ["PlantedScore", "PlantedTable", "check_canaries"]

_T = TypeVar("_T")
#: of each suite
_SAMPLES = 8
_SHOWN = 80
_WAY_OUT = "mend the scorer, or give the suite planted answers that fit it (canaries= of Suite)"


@dataclass(frozen=True, kw_only=True, slots=True)
class PlantedScore:
    """What the suite's first scorer gave to one planted answer."""

    sample: str
    kind: PlantedKind
    text: str
    value: float


@dataclass(frozen=True, kw_only=True, slots=True)
class PlantedTable:
    """What became of the planted answers of one suite."""

    suite: str
    scorer: str
    scores: tuple[PlantedScore, ...]

    @property
    def message(self) -> str:
        """One sentence for the summary."""
        judged = [score for score in self.scores if score.kind != "truncated"]
        return f"{len(judged):,} planted answers of {self.suite} scored as they should be"

    def encode(self) -> dict[str, object]:
        """Return the table as JSON values, for the manifest."""
        return {
            "suite": self.suite,
            "scorer": self.scorer,
            "message": self.message,
            "samples": len({score.sample for score in self.scores}),
            "kinds": dict(Counter(score.kind for score in self.scores)),
            "scores": [asdict(score) for score in self.scores],
        }


def check_canaries(plan: RunPlan) -> tuple[PlantedTable, ...]:
    """Score planted answers of each suite that has cases in the run.

    :raises SuiteError: for the first suite that takes one for what it is not, or whose scorer fails at one
    """
    tables: list[PlantedTable] = []
    for name, chosen in plan.plans.items():
        samples = list({case.sample.id: case.sample for case in plan.cases if case.suite == name}.values())
        if samples:
            tables.append(_check_suite(chosen, samples))
    return tuple(tables)


def _check_suite(plan: Plan, samples: Sequence[Sample]) -> PlantedTable:
    if not plan.suite.scorers:
        raise SuiteError(f"suite {plan.suite.name!r} cannot pass: it has no scorer; give it one (scorers=)")
    chosen = _spread_samples(samples)
    scores = tuple(
        PlantedScore(sample=sample.id, kind=answer.kind, text=answer.text, value=_score(plan, sample, answer))
        for sample in chosen
        for answer in _plant(plan, sample, chosen)
    )
    table = PlantedTable(suite=plan.suite.name, scorer=plan.suite.scorers[0].name, scores=scores)
    problem = _find_problem(table)
    if problem:
        raise SuiteError(f"suite {table.suite!r} {problem} (scorer {table.scorer!r}{_find_place(plan)}); {_WAY_OUT}")
    return table


def _spread_samples(samples: Sequence[Sample]) -> list[Sample]:
    """Return a few samples of as many groups as possible, from all over them."""
    groups: dict[str, list[Sample]] = {}
    for sample in samples:
        groups.setdefault(sample.group, []).append(sample)
    members = list(_spread(list(groups.values()), min(_SAMPLES, len(groups))))
    return [
        sample
        for number, group in enumerate(members)
        for sample in _spread(group, _SAMPLES // len(members) + (number < _SAMPLES % len(members)))
    ]


def _spread(items: Sequence[_T], count: int) -> Iterator[_T]:
    count = min(count, len(items))
    return (items[(2 * number + 1) * len(items) // (2 * count)] for number in range(count))


def _plant(plan: Plan, sample: Sample, others: Sequence[Sample]) -> list[PlantedAnswer]:
    if plan.suite.canaries is None:
        return list(plant_answers(sample, others))
    place = f"suite {plan.suite.name!r}: its canaries for sample {sample.id!r}"
    try:
        planted = list(plan.suite.canaries(sample))
    except LlevalError:
        raise
    except Exception as error:  # a user's function may raise anything
        raise SuiteError(f"{place} failed: {type(error).__name__}: {error}") from error
    strange: list[object] = [answer for answer in planted if not isinstance(answer, PlantedAnswer)]
    if strange:
        raise SuiteError(f"{place} hold {strange[0]!r:.80}; return PlantedAnswer objects")
    return planted


def _score(plan: Plan, sample: Sample, answer: PlantedAnswer) -> float:
    try:
        with seeded(0, f"suite {plan.suite.name!r}") if plan.draws else nullcontext():
            return score_completion(plan.suite, sample, answer.completion)[0].value
    except SuiteError as error:
        planted = _name_answer(answer.kind, answer.text, sample.id)
        raise SuiteError(f"{error}; it was given {planted}{_find_place(plan)}; {_WAY_OUT}") from error


def _find_problem(table: PlantedTable) -> str:
    """Return what the suite does wrong, with one answer that shows it; empty when it does well."""
    right = [score for score in table.scores if score.kind == "right"]
    others = [score for score in table.scores if score.kind not in ("right", "truncated")]
    missed = [score for score in right if score.value < 1]
    taken = [score for score in others if score.value >= 1]
    if taken and not missed and len(taken) == len(others):
        return f"cannot fail: it gives 1.0 to every planted answer, even to {_name_score(taken[0])}"
    if taken:
        return f"cannot be trusted to fail: it gives 1.0 to {_name_score(taken[0])}"
    if missed and len(missed) == len(right):
        return f"cannot pass: it gives {missed[0].value} to {_name_score(missed[0])}, and 1.0 to no right answer"
    if missed:
        return f"cannot be trusted to pass: it gives {missed[0].value} to {_name_score(missed[0])}"
    return "" if right else "cannot be shown to pass: none of the samples looked at has a target to plant as an answer"


def _name_score(score: PlantedScore) -> str:
    return _name_answer(score.kind, score.text, score.sample)


def _name_answer(kind: PlantedKind, text: str, sample: str) -> str:
    shown = f"{text[:_SHOWN]!r}…" if len(text) > _SHOWN else repr(text)
    return f"the {kind} answer {shown} planted for sample {sample!r}"


def _find_place(plan: Plan) -> str:
    """Return file and line of a scorer that is not one of ours."""
    scorer = plan.suite.scorers[0]
    code = getattr(type(scorer).__call__, "__code__", None)
    ours = type(scorer).__module__.partition(".")[0] == __package__.partition(".")[0]
    return "" if ours or code is None else f", {code.co_filename}:{code.co_firstlineno}"
