"""Ask one case: build its requests, call the model, score the answers."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import NamedTuple

from ..core.contracts import Scorer
from ..core.errors import BudgetError, DecidedError, LlevalError, RefusedError, SuiteError
from ..core.records import Case, Cause, Completion, Record, Request, Sample, Score, SeedCheck
from ..core.settings import Settings
from ..suites.definition import Dataset, Suite
from ..suites.prompting import build_request
from ..support.clock import read_time
from ..support.seeding import seeded
from ..support.seeds import derive_seed
from .calling import Called, Caller, Calling
from .looks import Looks, check_seed, count_own

__all__ = ["Again", "Asker", "Plan", "score_completion"]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A suite with its dataset, ready to be asked."""

    suite: Suite
    dataset: Dataset

    @cached_property
    def draws(self) -> bool:
        """Whether a prompt or scorer of somebody else's is involved, which may draw random numbers."""
        packages = {_find_package(part) for part in _list_functions(self.suite.prompt, *self.suite.scorers)}
        return not packages <= {__package__.partition(".")[0]}


class Again(NamedTuple):
    """What comes of asking again what another process has asked."""

    record: Record
    #: of the other one's answer; None where it cannot be scored, or not the same each time
    scores: tuple[Score, ...] | None


class Asker:
    """Turns cases into records; one a worker, used on the pipeline's loop.

    :param plans: by suite name
    :param callers: by model name
    :param settings: of the run
    :param worker: the name of this process in records
    :param done: case id and epoch of what a resumed run has already
    :param sink: gets each record as soon as it is there, on the pipeline's loop
    :param looks: which cases are looked at more closely
    """

    def __init__(
        self,
        *,
        plans: Mapping[str, Plan],
        callers: Mapping[str, Caller],
        settings: Settings,
        worker: str = "main",
        done: frozenset[tuple[str, int]] = frozenset(),
        sink: Callable[[Record], None] | None = None,
        looks: Looks | None = None,
    ) -> None:
        #: suites and models whose gates are decided: nothing more is sent of them; written by any thread
        self.decided: set[tuple[str, str]] = set()
        self._plans = plans
        self._callers = callers
        self._settings = settings
        self._worker = worker
        self._done = done
        self._sink = sink
        self._looks = looks or Looks()

    async def ask(self, case: Case, wanted: Callable[[], bool] | None = None) -> tuple[Record, ...]:
        """Ask every epoch of a case that is not done yet.

        :param wanted: asked right before a request is sent, which may be long after the case was begun
        :raises asyncio.CancelledError: when the case is not wanted any more
        """
        epochs = self.missing_epochs(case)
        if len(epochs) == 1:
            return (await self._ask_epoch(case, epochs[0], wanted),)
        return tuple(await asyncio.gather(*(self._ask_epoch(case, epoch, wanted) for epoch in epochs)))

    def missing_epochs(self, case: Case) -> list[int]:
        """Return the epochs of a case that are still to be asked."""
        return [epoch for epoch in range(1, self._settings.epochs + 1) if (case.id, epoch) not in self._done]

    async def ask_again(self, case: Case, epoch: int, answer: Completion) -> Again:
        """Ask an epoch that another process has asked, past the cache; what comes of it is nobody else's.

        :param answer: what the other one was answered
        """
        record = await self._measure(case, epoch, None, again=True)
        if record.completion is not None:
            self._callers[case.model].backend.outlet.dismiss()
        return Again(record, self._score_again(case, epoch, answer))

    def _score_again(self, case: Case, epoch: int, answer: Completion) -> tuple[Score, ...] | None:
        try:
            seed = self.build(case, epoch).generation.seed or 0
            first, second = (self._score(case, answer, seed) for _ in range(2))
        except Exception:  # noqa: BLE001  # of a foreign prompt or scorer: whoever has scored it met the same
            return None
        return first if [score.value for score in first] == [score.value for score in second] else None

    async def _ask_epoch(self, case: Case, epoch: int, wanted: Callable[[], bool] | None) -> Record:
        record = await self._measure(case, epoch, wanted)
        if self._sink is not None:
            self._sink(record)
        return record

    async def _measure(
        self, case: Case, epoch: int, wanted: Callable[[], bool] | None, *, again: bool = False
    ) -> Record:
        started = read_time()
        request: Request | None = None
        called = Called()
        scores: tuple[Score, ...] = ()
        check: SeedCheck | None = None
        cause: Cause | None = None
        error = ""
        try:
            if (case.suite, case.model) in self.decided:
                raise DecidedError("not run: decided")
            request = self.build(case, epoch)
            checked = case.id in self._looks.checked and not again
            calling = Calling(
                case=case.id,
                epoch=epoch,
                request=request,
                wanted=wanted,
                decided=self._decided(case),
                fresh=checked or again,
            )
            caller = self._callers[case.model]
            called = await caller.call(calling)
            if called.completion is None:
                raise called.error or LlevalError(f"{case.model}: neither a completion nor an error came back")
            scores = self._score(case, called.completion, request.generation.seed or 0)
            if case.id in self._looks.counted and not called.completion.cached:
                counted = await count_own(caller.backend.provider, request, called.completion)
                called = replace(called, completion=counted)
            if checked and called.completion is not None:
                check = await check_seed(caller, calling, called.completion)
        except LlevalError as problem:
            cause, error = _name_cause(problem), _describe(problem, called)
        except Exception as problem:  # noqa: BLE001  # of a foreign provider or prompt: one case's loss, not the run's
            cause, error = "error", f"{_find_place(problem)}: {type(problem).__name__}: {problem}"
        return Record(
            case=case.id,
            suite=case.suite,
            sample=case.sample.id,
            group=case.sample.group,
            cluster=case.sample.cluster,
            model=case.model,
            epoch=epoch,
            outcome="unscored" if cause else "scored",
            cause=cause,
            error=error,
            scores=scores,
            request=None if cause == "decided" else request,
            completion=called.completion,
            failures=called.failures,
            seed_check=check,
            flags=self._looks.flag_answer(case.model, called.completion) if called.completion else (),
            target=case.sample.targets,
            worker=self._worker,
            started=started,
        )

    def _decided(self, case: Case) -> Callable[[], bool]:
        return lambda: (case.suite, case.model) in self.decided

    def build(self, case: Case, epoch: int = 1) -> Request:
        """Build the request of one epoch, with the seed that belongs to it."""
        plan = self._plans[case.suite]
        seed = derive_seed(self._settings.seed, plan.suite.name, plan.suite.version, case.sample.id, epoch)
        with self._seed(plan, seed):
            return build_request(plan.suite, plan.dataset, case.sample, self._settings, seed)

    def _score(self, case: Case, completion: Completion, seed: int) -> tuple[Score, ...]:
        plan = self._plans[case.suite]
        with self._seed(plan, seed):
            return score_completion(plan.suite, case.sample, completion)

    def _seed(self, plan: Plan, seed: int) -> AbstractContextManager[None]:
        """Seed the global generators for code of a user's, so that what it draws depends on the sample alone."""
        return seeded(seed, f"suite {plan.suite.name!r}") if plan.draws else nullcontext()


def _list_functions(*parts: object) -> Iterator[object]:
    """Yield what can be called, and what is inside of partial functions."""
    for part in parts:
        if isinstance(part, partial):
            yield from _list_functions(part.func, *part.args, *part.keywords.values())
        elif callable(part):
            yield part


def _find_package(part: object) -> str:
    return str(getattr(part, "__module__", None) or type(part).__module__).partition(".")[0]


def score_completion(suite: Suite, sample: Sample, completion: Completion) -> tuple[Score, ...]:
    """Score a completion by every scorer of a suite.

    :raises SuiteError: when a scorer fails or returns what is no score
    """
    scores: list[Score] = []
    for scorer in suite.scorers:
        try:
            scores.append(_check_score(scorer(sample, completion)))
        except LlevalError as error:
            raise SuiteError(_name_scorer(scorer, suite) + str(error)) from error
        except Exception as error:  # a user's scorer may raise anything; the answer must not be lost
            raise SuiteError(f"{_name_scorer(scorer, suite)}{type(error).__name__}: {error}") from error
    return tuple(scores)


def _name_scorer(scorer: Scorer, suite: Suite) -> str:
    return f"scorer {scorer.name!r} of suite {suite.name!r} failed: "


def _check_score(score: object) -> Score:
    """Refuse what is no score and what the journal could not hold."""
    if not isinstance(score, Score):
        raise TypeError(f"it returned {score!r:.80}, not a Score")
    if not 0.0 <= score.value <= 1.0:
        raise ValueError(f"its value {score.value!r} is not in 0..1")
    texts: tuple[object, ...] = (score.name, "" if score.answer is None else score.answer, score.explanation)
    if not all(isinstance(text, str) for text in texts):
        raise TypeError(f"name, answer and explanation of its score must be texts, not {texts!r:.80}")
    # numpy's numbers are no JSON
    return replace(score, value=float(score.value))


def _name_cause(error: LlevalError) -> Cause:
    if isinstance(error, RefusedError):
        return "refused"
    if isinstance(error, DecidedError):
        return "decided"
    return "budget" if isinstance(error, BudgetError) else "error"


def _find_place(error: Exception) -> str:
    """Return file and line where an error nobody expected was raised."""
    frames = traceback.extract_tb(error.__traceback__)
    return f"{frames[-1].filename}:{frames[-1].lineno}" if frames else "unknown place"


def _describe(error: LlevalError, called: Called) -> str:
    tries = len(called.failures)
    return f"{error} (after {tries} attempts)" if tries > 1 and called.completion is None else str(error)
