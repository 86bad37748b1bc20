"""Ask one case: build its requests, call the model, score the answers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from ..core.contracts import Provider
from ..core.errors import CallError, LlevalError, RefusedError
from ..core.records import Case, Cause, Completion, Record, Request, Score
from ..core.settings import Settings
from ..suites.definition import Dataset, Suite
from ..suites.prompting import build_request
from ..support.seeds import derive_seed

__all__ = ["Asker", "Backend", "Plan"]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A suite with its dataset, ready to be asked."""

    suite: Suite
    dataset: Dataset


@dataclass(frozen=True, kw_only=True)
class Backend:
    """A provider with the number of requests this process may have in flight to it."""

    provider: Provider
    connections: asyncio.Semaphore


class Asker:
    """Turns cases into records; one a worker, used on the pipeline's loop.

    :param plans: by suite name
    :param backends: by model name
    :param settings: of the run
    :param worker: the name of this process in records
    :param done: case id and epoch of what a resumed run has already
    """

    def __init__(
        self,
        *,
        plans: Mapping[str, Plan],
        backends: Mapping[str, Backend],
        settings: Settings,
        worker: str = "main",
        done: frozenset[tuple[str, int]] = frozenset(),
    ) -> None:
        self._plans = plans
        self._backends = backends
        self._settings = settings
        self._worker = worker
        self._done = done

    async def ask(self, case: Case, wanted: Callable[[], bool] | None = None) -> tuple[Record, ...]:
        """Ask every epoch of a case that is not done yet.

        :param wanted: asked right before a request is sent, which may be long after the case was begun
        :raises asyncio.CancelledError: when the case is not wanted any more
        """
        epochs = [epoch for epoch in range(1, self._settings.epochs + 1) if (case.id, epoch) not in self._done]
        return tuple(await asyncio.gather(*(self._ask_epoch(case, epoch, wanted) for epoch in epochs)))

    def missing_epochs(self, case: Case) -> bool:
        """Tell whether any epoch of a case is still to be asked."""
        return any((case.id, epoch) not in self._done for epoch in range(1, self._settings.epochs + 1))

    async def _ask_epoch(self, case: Case, epoch: int, wanted: Callable[[], bool] | None) -> Record:
        plan = self._plans[case.suite]
        blank = Record(
            case=case.id,
            suite=case.suite,
            sample=case.sample.id,
            group=case.sample.group,
            model=case.model,
            epoch=epoch,
            outcome="unscored",
            target=case.sample.targets,
            worker=self._worker,
            started=time.time(),
        )
        try:
            request = self.build(case, epoch)
        except LlevalError as error:
            return _fail(blank, "error", error)
        blank = replace(blank, request=request)
        try:
            completion = await self._call(self._backends[case.model], request, wanted)
        except RefusedError as error:
            return _fail(blank, "refused", error)
        except CallError as error:
            return _fail(blank, "error", error)
        return _score(replace(blank, completion=completion), plan.suite, case, completion)

    def build(self, case: Case, epoch: int = 1) -> Request:
        """Build the request of one epoch, with the seed that belongs to it."""
        plan = self._plans[case.suite]
        seed = derive_seed(self._settings.seed, plan.suite.name, plan.suite.version, case.sample.id, epoch)
        return build_request(plan.suite, plan.dataset, case.sample, self._settings, seed)

    async def _call(self, backend: Backend, request: Request, wanted: Callable[[], bool] | None) -> Completion:
        waiting = time.perf_counter()
        async with backend.connections:
            if wanted is not None and not wanted():
                raise asyncio.CancelledError
            queued = time.perf_counter() - waiting
            completion = await backend.provider.complete(request)
        return replace(completion, timing=replace(completion.timing, queued=queued))


def _score(record: Record, suite: Suite, case: Case, completion: Completion) -> Record:
    scores: list[Score] = []
    for scorer in suite.scorers:
        try:
            scores.append(_check_score(scorer(case.sample, completion)))
        except Exception as error:  # noqa: BLE001  # a user's scorer may raise anything; the answer must not be lost
            return _fail(record, "error", error, f"scorer {scorer.name!r} of suite {suite.name!r} failed: ")
    return replace(record, outcome="scored", scores=tuple(scores))


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


def _fail(record: Record, cause: Cause, error: Exception, prefix: str = "") -> Record:
    text = str(error) if isinstance(error, LlevalError) else f"{type(error).__name__}: {error}"
    return replace(record, outcome="unscored", cause=cause, error=prefix + text)
