"""Parts of a run that need no model server."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest

from pytest_lleval.core.contracts import Scorer
from pytest_lleval.core.records import BackendIdentity, Case, Completion, Record, Request, Sample, Score, Timing
from pytest_lleval.core.settings import ModelSpec, Settings
from pytest_lleval.execution.asking import Asker, Plan
from pytest_lleval.execution.calling import Backend, Caller
from pytest_lleval.execution.concurrency import AdaptiveLimiter
from pytest_lleval.execution.limit_search import LimitSearch
from pytest_lleval.execution.looks import Looks
from pytest_lleval.execution.quota import QuotaClient
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


class KeepingOutlet:
    """Keeps what a process that asks has to say."""

    worker = "gw3"
    number = 0
    is_heard = True

    def __init__(self, quota: QuotaClient | None = None) -> None:
        self.quota = quota
        self.records: list[Record] = []
        self.admitted = 0
        self.marked: list[str] = []
        self.limits: list[tuple[str, int, str]] = []

    def bind(self, loop: asyncio.AbstractEventLoop, connections: int) -> None:
        raise NotImplementedError

    async def admit(self) -> None:
        self.admitted += 1

    def dismiss(self) -> None:
        self.admitted -= 1

    def record(self, record: Record) -> None:
        self.records.append(record)

    def mark(self, case: str) -> None:
        self.marked.append(case)

    def note_limit(self, model: str, moment: float, limit: int, cause: str) -> None:
        self.limits.append((model, limit, cause))


def make_caller(
    provider: ScriptedProvider, outlet: KeepingOutlet | None = None, *, deadline: float = 60, **changes: Any
) -> Caller:
    """A caller of the one model; `changes` are laid over its backend's fields."""
    limiter = AdaptiveLimiter(LimitSearch(changes.pop("connections", 8)))
    outlet = outlet or KeepingOutlet()
    values: dict[str, Any] = {"provider": provider, "model": MODEL.name, "limiter": limiter, "outlet": outlet}
    return Caller(Backend(**{**values, **changes}), deadline)


def make_asker(
    provider: ScriptedProvider,
    *,
    settings: Settings | None = None,
    scorers: Sequence[Scorer] = (),
    connections: int = 8,
    done: frozenset[tuple[str, int]] = frozenset(),
    changes: Mapping[str, object] | None = None,
    sink: Callable[[Record], None] | None = None,
    looks: Looks | None = None,
    backend: Mapping[str, Any] | None = None,
) -> Asker:
    """An asker of the suite `s` with one model; `changes` are laid over the suite's fields, `backend` over its own."""
    values: dict[str, object] = {"name": "s", "version": "1", "dataset": (), "scorers": scorers or [exact()]}
    suite = Suite(**{**values, **(changes or {})})
    plan = Plan(suite=suite, dataset=Dataset(name="s", edition="inline", samples=()))
    return Asker(
        plans={"s": plan},
        callers={MODEL.name: make_caller(provider, connections=connections, **(backend or {}))},
        settings=settings or Settings(suites=("s",), models=(MODEL,)),
        worker="gw3",
        done=done,
        sink=sink,
        looks=looks,
    )


@pytest.fixture
def case() -> Case:
    return make_case("one")
