"""Parts of a run that need no model server."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence

import pytest

from pytest_lleval.core.contracts import Scorer
from pytest_lleval.core.records import BackendIdentity, Case, Completion, Record, Request, Sample, Score, Timing
from pytest_lleval.core.settings import ModelSpec, Settings
from pytest_lleval.execution.asking import Asker, Backend, Plan
from pytest_lleval.scoring.scorers import exact
from pytest_lleval.suites.definition import Dataset, Suite

MODEL = ModelSpec(provider="mock", model="fixed:A")


def make_case(name: str, model: str = MODEL.name) -> Case:
    return Case(id=f"s::{name}[m]", suite="s", model=model, sample=Sample(id=name, input=f"{name}?", target="A"))


def make_record(case: Case, epoch: int = 1, value: float = 1.0) -> Record:
    return Record(
        case=case.id,
        suite=case.suite,
        sample=case.sample.id,
        group=case.sample.group,
        model=case.model,
        epoch=epoch,
        outcome="scored",
        scores=(Score(name="exact", value=value),),
    )


class ScriptedProvider:
    """Answers by a function of the request and counts how many requests wait at once."""

    def __init__(self, answer: Callable[[Request], str] | None = None, delay: float = 0.0) -> None:
        self._answer = answer or (lambda _: "A")
        self._delay = delay
        self.requests: list[Request] = []
        self.waiting = 0
        self.peak = 0
        self.closed = 0

    async def attach(self, probes: Sequence[Request]) -> BackendIdentity:
        raise NotImplementedError

    async def complete(self, request: Request) -> Completion:
        self.requests.append(request)
        self.waiting += 1
        self.peak = max(self.peak, self.waiting)
        began = time.perf_counter()
        try:
            await asyncio.sleep(self._delay)
            text = self._answer(request)
        finally:
            self.waiting -= 1
        return Completion(text=text, model="served", timing=Timing(total=time.perf_counter() - began))

    async def count_tokens(self, request: Request) -> tuple[int, str]:
        raise NotImplementedError

    async def aclose(self) -> None:
        self.closed += 1


def make_asker(
    provider: ScriptedProvider,
    *,
    settings: Settings | None = None,
    scorers: Sequence[Scorer] = (),
    connections: int = 8,
    done: frozenset[tuple[str, int]] = frozenset(),
    changes: Mapping[str, object] | None = None,
) -> Asker:
    """An asker of the suite `s` with one model; `changes` are laid over the suite's fields."""
    values: dict[str, object] = {"name": "s", "version": "1", "dataset": (), "scorers": scorers or [exact()]}
    suite = Suite(**{**values, **(changes or {})})
    plan = Plan(suite=suite, dataset=Dataset(name="s", edition="inline", samples=()))
    return Asker(
        plans={"s": plan},
        backends={MODEL.name: Backend(provider=provider, connections=asyncio.Semaphore(connections))},
        settings=settings or Settings(suites=("s",), models=(MODEL,)),
        worker="gw3",
        done=done,
    )


@pytest.fixture
def case() -> Case:
    return make_case("one")
