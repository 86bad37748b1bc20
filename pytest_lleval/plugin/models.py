"""Models for ordinary tests: attached once a process, identified, and asked by call."""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any

import pytest

from ..core.errors import LlevalError, UsageError
from ..core.records import BackendIdentity, Completion, Disclosure, Exchange, Generation, Message, Record, Request
from ..core.settings import ModelSpec, Settings
from ..disclosure.samples import Expected, flag_answer
from ..disclosure.verdicts import sort_findings
from ..execution.attaching import attach_models, open_callers, share_connections, start_services
from ..execution.calling import Caller, Calling
from ..execution.context import Attached, RunContext
from ..execution.quota import QuotaClient
from ..providers.canary import is_proof, make_probe
from .caserun import CaseRun, asks_model, find_run
from .downloads import DownloadProgress
from .marks import CaseMark, read_mark
from .seeds import NOTES, derive_test_seed
from .spending import choose_models, explain_cost
from .state import load_settings
from .testquota import find_share, open_client

__all__ = ["AttachedModel", "attach_early", "attach_model"]

_PROBE = Generation(max_tokens=16)


class AttachedModel:
    """A model that has answered before the test began; call it to ask it.

    :param identity: who answers
    :param ask: makes a call on the loop of the models
    :param item: the test that asks
    :param settings: of the session
    """

    def __init__(self, identity: BackendIdentity, ask: _Asking, item: pytest.Item, settings: Settings) -> None:
        self.identity = identity
        self._ask = ask
        self._item = item
        self._settings = settings
        self._calls = 0
        #: by number: calls of one test may overlap
        self._exchanges: dict[int, Exchange] = {}
        self.flags: set[str] = set()

    @property
    def exchanges(self) -> tuple[Exchange, ...]:
        """What was asked so far and what came back, in the order it was asked."""
        return tuple(exchange for _, exchange in sorted(self._exchanges.items()))

    @property
    def connections(self) -> int:
        """How many requests this process may have in flight to it."""
        return self._ask.connections

    def __call__(self, prompt: str | Sequence[Message], **changes: Any) -> Any:
        """Ask the model; an async test gets something to await, any other one the completion.

        :param prompt: a question, or the turns of a chat
        :param changes: fields of `Generation`, e.g. ``max_tokens=16``; the temperature is 0 unless set
        :raises CallError: when no answer could be had
        """
        _refuse_trio(self._item)
        self._calls += 1
        number = self._calls
        request = self._build(prompt, changes)
        future = self._ask.start(self._item.nodeid, number, request, lambda found: self._note(number, found))
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return future.result()
        return asyncio.wrap_future(future)

    def _build(self, prompt: str | Sequence[Message], changes: Mapping[str, Any]) -> Request:
        turns = (Message(role="user", content=prompt),) if isinstance(prompt, str) else tuple(prompt)
        if self._settings.system_prompt:
            turns = (Message(role="system", content=self._settings.system_prompt), *turns)
        values = {
            "temperature": self._settings.temperature or 0.0,
            "top_p": self._settings.top_p,
            "max_tokens": self._settings.max_tokens,
            "seed": derive_test_seed(self._item),
        }
        return Request(messages=turns, generation=Generation(**{**values, **changes}))

    def _note(self, number: int, exchange: Exchange) -> None:
        self._exchanges[number] = exchange
        if exchange.completion is not None:
            self.flags.update(flag_answer(exchange.completion, Expected.of(self.identity)))


class _Asking:
    """The loop of this process's models, in a thread of its own, and how they are reached."""

    def __init__(self, spec: ModelSpec, config: pytest.Config, stack: ExitStack) -> None:
        settings = replace(load_settings(config), models=(spec,), cache="off")
        connections = start_services((spec,), stack, DownloadProgress(config))
        (self.identity,) = attach_models((spec,), connections, [make_probe("chat", _PROBE)])
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="lleval-models", daemon=True)
        self._thread.start()
        context = RunContext(settings=settings, connections=connections)
        workers, number = find_share(config)
        share = share_connections(settings, number, workers)
        self.connections = share[spec.name]
        outlet = _NoOutlet(open_client(config, spec, self._loop))
        callers = open_callers(context, Attached.describe([self.identity]), share, None, outlet)
        self._caller: Caller = callers[spec.name]
        stack.callback(self._close)

    def start(self, case: str, number: int, request: Request, note: Callable[[Exchange], None]) -> Future[Completion]:
        """Begin a call."""

        async def call() -> Completion:
            started = time.time()
            called = await self._caller.call(Calling(case=case, epoch=number, request=request))
            note(Exchange(request=request, completion=called.completion, failures=called.failures, started=started))
            if called.completion is None:
                raise called.error or LlevalError(f"{self.identity.spec}: no answer came back")
            return called.completion

        return self._run(call())

    def _run(self, task: Coroutine[Any, Any, Any]) -> Future[Any]:
        return asyncio.run_coroutine_threadsafe(task, self._loop)

    def _close(self) -> None:
        self._run(self._caller.backend.provider.aclose()).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()


class _NoOutlet:
    """Takes what a run would keep: tests keep what they want themselves."""

    worker = "main"
    number = 0
    is_heard = True

    def __init__(self, quota: QuotaClient | None) -> None:
        self.quota = quota

    def bind(self, loop: asyncio.AbstractEventLoop, connections: int) -> None:
        """Do nothing."""

    async def admit(self) -> None:
        """Do nothing."""

    def dismiss(self) -> None:
        """Do nothing."""

    def record(self, record: Record) -> None:
        """Do nothing."""

    def mark(self, case: str) -> None:
        """Do nothing."""

    def note_machine(self, found: Mapping[str, object]) -> None:
        """Do nothing."""

    def note_limit(self, model: str, moment: float, limit: int, cause: str) -> None:
        """Do nothing."""

    def share_limit(self, model: str, first: int, most: int | None) -> None:
        """Do nothing: each process finds out for itself what a server takes."""


_ASKING_KEY: pytest.StashKey[dict[str, _Asking]] = pytest.StashKey()


@contextmanager
def attach_model(item: pytest.Item) -> Iterator[AttachedModel]:
    """Return the model of a test, attached when it is first asked for in this process.

    :param item: the test
    :raises pytest.skip.Exception: when asking it may cost money and nobody has said that it may
    :raises pytest.fail.Exception: when the model does not answer, or is a mock where a real one was asked for
    """
    run = find_run(item)
    try:
        mark, spec = _choose(item, run)
        _refuse_cost(item.config, spec)
        attached = _attach(item, run, spec)
    except LlevalError as error:
        pytest.fail(str(error), pytrace=False)
    if mark.backend == "real" and (problem := _doubt(attached.identity)):
        pytest.fail(f"{item.nodeid} asks for a real backend, and {problem}", pytrace=False)
    yield attached
    _leave_notes(item, attached)


def attach_early(run: CaseRun) -> bool:
    """Give a case its model before its turn, if it may be asked and has answered before.

    :param run: the case
    :returns: whether its body can begin
    """
    item, spec = run.item, run.place.spec
    if not asks_model(item):
        return True
    asking = item.config.stash.get(_ASKING_KEY, {}).get(spec.name)
    if asking is None or (run.place.suite.mark.backend == "real" and _doubt(asking.identity)):
        return False
    run.attached = AttachedModel(asking.identity, asking, item, load_settings(item.config))
    return True


def _choose(item: pytest.Item, run: CaseRun | None) -> tuple[CaseMark, ModelSpec]:
    if run is not None:
        return run.place.suite.mark, run.place.spec
    mark = read_mark(item, item.nodeid)
    return mark, choose_models(item.config, mark.models, mark.place)[0]


def _refuse_cost(config: pytest.Config, spec: ModelSpec) -> None:
    """Skip a test that may cost money, and every test of a dry run."""
    settings = load_settings(config)
    if settings.dry_run:
        raise pytest.skip.Exception("--lleval-dry-run: no model is asked", _use_item_location=True)
    if reason := explain_cost(config, spec):
        raise pytest.skip.Exception(reason, _use_item_location=True)


def _attach(item: pytest.Item, run: CaseRun | None, spec: ModelSpec) -> AttachedModel:
    if run is not None and run.attached is not None:
        return run.attached
    asking = _open_asking(item.config, spec)
    attached = AttachedModel(asking.identity, asking, item, load_settings(item.config))
    if run is not None:
        run.attached = attached
    return attached


def _open_asking(config: pytest.Config, spec: ModelSpec) -> _Asking:
    known = config.stash.setdefault(_ASKING_KEY, {})
    if spec.name not in known:
        stack = ExitStack()
        config.add_cleanup(stack.close)
        known[spec.name] = _Asking(spec, config, stack)
    return known[spec.name]


def _refuse_trio(item: pytest.Item) -> None:
    """Say that calls are awaited on asyncio, where a test runs on another loop."""
    trio: Any = sys.modules.get("trio")
    if trio is not None and trio.lowlevel.in_trio_run():
        raise UsageError(
            f"{item.nodeid} runs on trio, and models are awaited on asyncio; let it run there, "
            "e.g. by a fixture `anyio_backend` that returns 'asyncio'"
        )


def _doubt(identity: BackendIdentity) -> str:
    """Say why a backend may be no real one; empty when it has proven itself."""
    if identity.kind == "mock":
        return f"{identity.spec} is a mock"
    probes: Any = identity.evidence.get("probes", ())
    told = [probe for probe in probes if not probe["empty"]]
    if len(told) > 1 and not any(map(is_proof, told)):
        return f"{identity.spec} answers without looking at what it is asked"
    return ""


def _leave_notes(item: pytest.Item, attached: AttachedModel) -> None:
    """Put who answered, and what makes that doubtful, on the test's report, which reaches whoever tells."""
    identity = attached.identity
    findings = [*identity.disclosures]
    if (problem := _doubt(identity)) and not any(found.factor == "F3" for found in findings):
        findings.append(Disclosure(factor="F3", severity="critical", message=problem))
    item.user_properties.append(("lleval_model", f"{identity.spec} ({identity.kind}: {identity.served_model})"))
    if attached.flags:
        item.user_properties.append(("lleval_flags", " ".join(sorted(attached.flags))))
    for found in sort_findings(findings):
        item.user_properties.append((NOTES, f"{found.factor} {found.severity} {found.message}"))
