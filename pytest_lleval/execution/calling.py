"""One call to a model: from the cache, within the limits, and again where that may help."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from ..core.contracts import Provider
from ..core.errors import CallError, DecidedError
from ..core.records import Completion, FailedAttempt, Record, Request, Trace
from ..providers.retrying import Health, make_retrying
from ..support.witness import witness_calls
from .cache import ResponseCache
from .concurrency import AdaptiveLimiter, Slot
from .limit_share import LimitShare
from .quota import Lease, Need, QuotaClient, is_charged

__all__ = ["Backend", "Called", "Caller", "Calling", "Outlet"]

#: share of the time of a call that its provider has to account for, and seconds a busy loop may add to it
_HONEST = 0.95
_CLOCK_SECONDS = 0.005


class Outlet(Protocol):
    """Where what a process asks for goes."""

    @property
    def worker(self) -> str:
        """The name of the process in records."""

    @property
    def number(self) -> int:
        """Its number among those that share the run, from 0; a process that replaces another counts on."""

    @property
    def is_heard(self) -> bool:
        """Whether somebody is still there to keep what comes back; asked before every request."""

    def bind(self, loop: asyncio.AbstractEventLoop, connections: int) -> None:
        """Hear on which loop the calls are made, and how many may be in flight at once."""

    async def admit(self) -> None:
        """Wait until one more answer may be on its way to the journal: in flight, or come and not yet kept."""

    def dismiss(self) -> None:
        """Hear that what was admitted brought no answer."""

    @property
    def quota(self) -> QuotaClient | None:
        """What asks the run's quota; None where the run has no limits."""

    def share_limit(self, model: str, first: int, most: int | None) -> LimitShare | None:
        """Return what the run allows this process to have in flight; None where it finds that out for itself.

        :param first: how many until more is known
        :param most: how many ever; None where workers take turns
        """

    def record(self, record: Record) -> None:
        """Take a record."""

    def mark(self, case: str) -> None:
        """Hear that a case is about to be asked which may take the process down."""

    def note_machine(self, found: Mapping[str, object]) -> None:
        """Hear what was seen of the machine: its fingerprint, a sample, or what this process has used."""

    def note_limit(self, model: str, moment: float, limit: int, cause: str) -> None:
        """Hear how many requests may be in flight now."""


@dataclass(frozen=True, kw_only=True)
class Backend:
    """A provider with what bounds the calls this process makes to it."""

    provider: Provider
    #: the model as the user named it
    model: str
    limiter: AdaptiveLimiter
    outlet: Outlet
    #: how often a call that failed is made again
    retries: int = 0
    cache: ResponseCache | None = None
    #: what the cache knows the backend by; None where its answers are never cached
    scope: str | None = None
    #: whether the model runs in this process, and can take it down with it
    inside: bool = False
    #: whether its provider is somebody else's, and what it does has to be watched
    watched: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Calling:
    """What is called for: one epoch of one case."""

    case: str
    epoch: int
    request: Request
    #: asked right before the first request is sent, which may be long after the case was begun
    wanted: Callable[[], bool] | None = None
    #: asked at the same moment: whether nothing more is to be sent of its suite
    decided: Callable[[], bool] | None = None
    #: whether the response cache is left alone
    fresh: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Called:
    """What became of a call: a completion or an error, and the attempts that failed before."""

    completion: Completion | None = None
    error: CallError | None = None
    failures: tuple[FailedAttempt, ...] = ()


class Caller:
    """Makes the calls of one model in one process.

    :param backend: the model
    :param deadline: seconds one call may take from when it is first sent, with everything tried again; a model that
        completes nothing for that long is not asked any more
    """

    def __init__(self, backend: Backend, deadline: float) -> None:
        self._backend = backend
        self._deadline = deadline
        #: when the model last completed something, or was first asked; None before that
        self._alive: float | None = None
        self._given_up: CallError | None = None
        #: hears of every attempt
        self.health = Health()

    async def call(self, calling: Calling) -> Called:
        """Make one call.

        :raises asyncio.CancelledError: when the case is not wanted any more
        """
        if calling.fresh:
            return await _Attempts(self, calling).run()
        try:
            found = self._find_cached(calling)
        except CallError as error:
            return Called(error=error)
        if found is not None:
            return Called(completion=found)
        called = await _Attempts(self, calling).run()
        cache, scope = self._backend.cache, self._backend.scope
        if called.completion is not None and cache is not None and scope is not None:
            cache.keep(calling.request, scope, calling.epoch, called.completion)
        return called

    def _find_cached(self, calling: Calling) -> Completion | None:
        cache, scope = self._backend.cache, self._backend.scope
        if cache is None:
            return None
        if scope is not None:
            return cache.find(calling.request, scope, calling.epoch)
        if cache.must_find:
            raise CallError(
                f"{self._backend.model}: its answers are never cached, and --lleval-cache=only asks no model; "
                "run with --lleval-cache=on"
            )
        return None

    @property
    def backend(self) -> Backend:
        """The model that is called."""
        return self._backend

    @property
    def deadline(self) -> float:
        """Seconds one call may take."""
        return self._deadline

    def check(self) -> None:
        """Refuse to ask a model that was given up.

        :raises CallError: with the reason
        """
        if self._given_up is not None:
            raise self._given_up

    def note_sent(self) -> None:
        """Start the clock of a model that is asked for the first time."""
        if self._alive is None:
            self._alive = time.perf_counter()

    def note_alive(self) -> None:
        """Hear that the model has completed something."""
        self._alive = time.perf_counter()

    def note_failed(self, error: CallError) -> None:
        """Give the model up when it has completed nothing for as long as one call may take."""
        silent = time.perf_counter() - (self._alive or time.perf_counter())
        if self._given_up is None and silent >= self._deadline:
            name = self._backend.model
            self._given_up = CallError(
                f"not asked: {name} has completed nothing for {silent:.0f} s; the last error was: {error}"
            )


class _Attempts:
    """The attempts of one call."""

    def __init__(self, caller: Caller, calling: Calling) -> None:
        self._caller = caller
        self._backend = caller.backend
        self._calling = calling
        self._queued = 0.0
        self._first_sent: float | None = None
        self._failures: list[FailedAttempt] = []
        self._failed_at = 0.0
        #: when the answer was there
        self._came = 0.0
        self._timeout = asyncio.timeout(None)

    async def run(self) -> Called:
        waiting = time.perf_counter()
        try:
            async with self._timeout:
                completion = await self._complete()
        except CallError as error:
            return self._fail(error)
        except TimeoutError:
            return self._fail(CallError(self._describe_deadline(), retryable=True))
        self._caller.note_alive()
        first = self._first_sent or waiting
        timing = replace(completion.timing, queued=first - waiting, total=self._came - first)
        return Called(completion=replace(completion, timing=timing), failures=tuple(self._failures))

    def _fail(self, error: CallError) -> Called:
        self._caller.note_failed(error)
        return Called(error=error, failures=tuple(self._failures))

    def _describe_deadline(self) -> str:
        last = f"; the last error was: {self._failures[-1].error}" if self._failures else ""
        limit = self._caller.deadline
        return f"{self._backend.model}: no answer within {limit:g} s, which is all that --lleval-deadline allows{last}"

    async def _complete(self) -> Completion:
        try:
            return await self._attempt()
        except CallError as error:
            if not error.retryable or not self._backend.retries:
                raise
            return await self._complete_again(error)

    async def _complete_again(self, first: CallError) -> Completion:
        known = [first]

        async def attempt() -> Completion:
            if known:
                raise known.pop()
            return await self._attempt()

        most_wait = self._caller.deadline - (time.perf_counter() - (self._first_sent or time.perf_counter()))
        retrying = make_retrying(attempts=1 + self._backend.retries, most_wait=most_wait, health=self._caller.health)
        return await retrying(attempt)

    async def _attempt(self) -> Completion:
        async with self._backend.limiter.slot(again=self._first_sent is not None) as slot:
            self._caller.check()
            if self._first_sent is None and self._calling.decided is not None and self._calling.decided():
                raise DecidedError("not run: decided")
            wanted = self._calling.wanted
            if self._first_sent is None and wanted is not None and not wanted():
                raise asyncio.CancelledError
            if not self._backend.outlet.is_heard:
                # the answer would be paid for and lost
                raise asyncio.CancelledError
            lease = await self._reserve()
            await self._backend.outlet.admit()
            try:
                return await self._send_leased(slot, lease)
            except BaseException:
                self._backend.outlet.dismiss()
                raise

    async def _send_leased(self, slot: Slot, lease: Lease | None) -> Completion:
        try:
            completion = await self._send(slot)
        except CallError as error:
            if lease is not None:
                _settle_failed(lease, error)
            raise
        except BaseException:
            # a call that is cancelled may have been answered, and nobody will know
            if lease is not None:
                lease.settle(None)
            raise
        if lease is not None:
            lease.settle(completion.usage)
        return completion

    async def _reserve(self) -> Lease | None:
        quota = self._backend.outlet.quota
        if quota is None:
            return None
        return await quota.reserve(Need.estimate(self._backend.model, self._calling.request))

    async def _send(self, slot: Slot) -> Completion:
        began = self._begin()
        try:
            completion = await self._ask()
        except CallError as error:
            self._note_failure(error, began)
            if error.retryable:
                self._caller.health.note(failed=True)
            if error.overloaded:
                slot.overloaded(error.wait)
            raise
        except asyncio.CancelledError:
            # of the deadline, or of the session's end, when nobody reads this any more
            self._note_failure(CallError("no answer in time"), began)
            raise
        self._came = time.perf_counter()
        slot.succeeded()
        self._caller.health.note(failed=False)
        completion = _note_claim(completion, self._came - began)
        if completion.hold:
            self._backend.limiter.hold(completion.hold)
        return completion

    async def _ask(self) -> Completion:
        model, provider = self._backend.model, self._backend.provider
        if not self._backend.watched:
            return _check_completion(model, await provider.complete(self._calling.request))
        with witness_calls() as seen:
            completion = _check_completion(model, await provider.complete(self._calling.request))
        trace = replace(
            completion.trace or Trace(),
            opened=seen.opened,
            peers=tuple(sorted(seen.peers)),
            processes=seen.processes,
            files=seen.files,
        )
        return replace(completion, trace=trace)

    def _begin(self) -> float:
        now = time.perf_counter()
        if self._first_sent is None:
            self._first_sent = now
            self._timeout.reschedule(asyncio.get_running_loop().time() + self._caller.deadline)
            self._caller.note_sent()
            if self._backend.inside:
                self._backend.outlet.mark(self._calling.case)
        elif self._failures:
            self._failures[-1] = replace(self._failures[-1], waited=now - self._failed_at)
        return now

    def _note_failure(self, error: CallError, began: float) -> None:
        self._failed_at = time.perf_counter()
        failure = FailedAttempt(error=str(error), status=error.status, seconds=self._failed_at - began)
        self._failures.append(failure)


def _check_completion(model: str, completion: object) -> Completion:
    """Refuse what the journal, the scorers and the reports could not read: providers of others return anything."""
    if isinstance(completion, Completion):
        usage = completion.usage
        texts = (completion.text, completion.model)
        counts = (usage.input_tokens, usage.output_tokens, usage.cached_tokens)
        if all(isinstance(text, str) for text in texts) and all(
            count is None or isinstance(count, (int, float)) for count in counts
        ):
            return completion
    raise CallError(f"{model}: its provider returned what is no completion: {completion!r:.200}")


def _note_claim(completion: Completion, seconds: float) -> Completion:
    """Keep what the provider says the call took, where that leaves out some of the time it did take."""
    claimed = completion.timing.total
    if claimed >= _HONEST * seconds - _CLOCK_SECONDS:
        return completion
    return replace(completion, trace=replace(completion.trace or Trace(), claimed=round(claimed, 6)))


def _settle_failed(lease: Lease, error: CallError) -> None:
    """A server that answers by an error does not charge for it; what a broken answer has cost nobody knows."""
    if is_charged(error.status):
        lease.settle(None)
    else:
        lease.give_back()
