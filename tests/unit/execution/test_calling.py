import asyncio
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace

import pytest
from serving import ModelServer

from pytest_lleval.core.errors import CallError, RefusedError
from pytest_lleval.core.records import Completion, Message, Request, Timing, Trace, Usage
from pytest_lleval.execution.calling import Called, Caller, Calling

from .conftest import KeepingOutlet, ScriptedProvider, make_caller

REQUEST = Request(messages=(Message(role="user", content="what?"),))
BUSY = CallError("HTTP 429: slow down", status=429, retryable=True, overloaded=True)
GONE = CallError("no answer: reset", retryable=True)
WRONG = CallError("HTTP 400: no", status=400)


def script(*answers: CallError | str) -> ScriptedProvider:
    """A provider that goes through its answers; the last one is repeated."""
    left = list(answers)

    def answer(_: Request) -> str:
        found = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(found, CallError):
            raise found
        return found

    return ScriptedProvider(answer)


def call(caller: Caller, **changes: object) -> Called:
    return asyncio.run(caller.call(replace(Calling(case="s::1[m]", epoch=1, request=REQUEST), **changes)))


def test_a_call_that_fails_is_made_again_and_each_failure_is_kept_with_its_cost() -> None:
    provider = script(GONE, BUSY, "A")
    called = call(make_caller(provider, retries=5))
    assert called.completion is not None
    assert called.completion.text == "A"
    assert [(failure.error, failure.status) for failure in called.failures] == [(str(GONE), None), (str(BUSY), 429)]
    assert [failure.waited >= least for failure, least in zip(called.failures, (0.1, 0.5), strict=True)] == [True] * 2
    assert called.completion.timing.total >= sum(failure.waited for failure in called.failures)
    assert len(provider.requests) == 3


def test_a_call_that_fails_again_and_again_of_a_model_that_answers_the_others_does_not_wait_ever_longer() -> None:
    caller = make_caller(script(*["A"] * 40, *[GONE] * 5, "A"), retries=9)
    for _ in range(40):
        call(caller)
    # the fifth wait would be a second
    assert call(caller).failures[4].waited < 0.9


def test_the_health_of_a_model_goes_by_failures_another_attempt_may_help() -> None:
    caller = make_caller(script("A", *[WRONG] * 4, GONE))
    heard = []
    for _ in range(6):
        call(caller)
        heard.append(caller.health.is_well())
    assert heard == [True] * 5 + [False]


@pytest.mark.parametrize("error", [WRONG, RefusedError("it declined")])
def test_what_another_attempt_cannot_help_is_not_tried_again(error: CallError) -> None:
    provider = script(error)
    called = call(make_caller(provider, retries=5))
    assert called.error is error
    assert len(provider.requests) == 1


def test_after_the_last_retry_the_last_error_is_given_with_all_failures() -> None:
    provider = script(GONE, replace_message(BUSY, "first"), replace_message(BUSY, "last"))
    called = call(make_caller(provider, retries=2))
    assert str(called.error) == "last"
    assert [failure.error for failure in called.failures] == [str(GONE), "first", "last"]
    assert called.failures[-1].waited == 0


def replace_message(error: CallError, message: str) -> CallError:
    return CallError(
        message, status=error.status, retryable=error.retryable, overloaded=error.overloaded, wait=error.wait
    )


def test_a_server_that_says_how_long_to_wait_is_left_alone_that_long() -> None:
    wait = CallError("HTTP 429", status=429, retryable=True, overloaded=True, wait=0.4)
    called = call(make_caller(script(wait, "A"), retries=3))
    assert 0.4 <= called.failures[0].waited < 1.5


def test_a_wait_beyond_the_deadline_is_not_waited_for() -> None:
    began = time.perf_counter()
    wait = CallError("HTTP 429: come back tomorrow", status=429, retryable=True, overloaded=True, wait=86_400)
    called = call(make_caller(script(wait, "A"), retries=3, deadline=5))
    assert str(called.error) == "HTTP 429: come back tomorrow"
    assert time.perf_counter() - began < 2


def test_a_call_ends_by_its_deadline_however_often_it_could_be_made_again() -> None:
    began = time.perf_counter()
    called = call(make_caller(script(GONE), retries=1000, deadline=0.8))
    assert 0.7 <= time.perf_counter() - began < 3
    assert "no answer within 0.8 s" in str(called.error)
    assert str(GONE) in str(called.error)
    assert called.failures


def test_a_server_that_never_answers_costs_one_deadline_and_no_more() -> None:
    """Those in flight end by the deadline; the others are not asked any more."""
    provider = ScriptedProvider(delay=60)
    caller = make_caller(provider, connections=4, deadline=0.5)

    async def ask() -> list[Called]:
        calls = (caller.call(Calling(case=str(number), epoch=1, request=REQUEST)) for number in range(50))
        return await asyncio.gather(*calls)

    began = time.perf_counter()
    called = asyncio.run(ask())
    assert time.perf_counter() - began < 2
    assert len(provider.requests) == 4
    said = [str(found.error) for found in called]
    assert sum(text.startswith("mock/fixed:A: no answer within 0.5 s") for text in said) == 4
    assert sum(text.startswith("not asked: mock/fixed:A has completed nothing for") for text in said) == 46


def test_a_model_that_still_answers_others_is_not_given_up() -> None:
    slow = ScriptedProvider(delay=0.3)
    stuck = Request(messages=(Message(role="user", content="stuck"),))

    async def complete(request: Request) -> Completion:
        if request == stuck:
            await asyncio.sleep(60)
        return await ScriptedProvider.complete(slow, request)

    slow.complete = complete
    caller = make_caller(slow, connections=8, deadline=1.0)

    async def ask() -> list[Called]:
        requests = [stuck, *[REQUEST] * 20]
        calls = (caller.call(Calling(case="1", epoch=1, request=request)) for request in requests)
        first = await asyncio.gather(*calls)
        return [*first, await caller.call(Calling(case="1", epoch=1, request=REQUEST))]

    called = asyncio.run(ask())
    assert called[0].error is not None
    assert all(found.completion for found in called[1:])


def test_the_place_is_given_back_while_a_call_waits_to_be_made_again() -> None:
    provider = script(CallError("no answer", retryable=True, wait=0.5), "A")
    caller = make_caller(provider, connections=1, retries=2)

    async def ask() -> list[float]:
        began = time.perf_counter()

        async def timed() -> float:
            await caller.call(Calling(case="1", epoch=1, request=REQUEST))
            return time.perf_counter() - began

        return await asyncio.gather(timed(), timed())

    first, second = asyncio.run(ask())
    assert second < 0.4 < first


def test_a_hold_of_the_server_holds_back_the_next_call() -> None:
    provider = ScriptedProvider()
    answer = ScriptedProvider.complete

    async def complete(request: Request) -> Completion:
        return replace(await answer(provider, request), hold=0.4)

    provider.complete = complete
    caller = make_caller(provider)

    async def ask() -> float:
        await caller.call(Calling(case="1", epoch=1, request=REQUEST))
        began = time.perf_counter()
        await caller.call(Calling(case="2", epoch=1, request=REQUEST))
        return time.perf_counter() - began

    assert asyncio.run(ask()) >= 0.35


def test_only_a_model_inside_the_process_is_announced_and_once_a_call() -> None:
    for inside, marked in ((True, ["s::1[m]"]), (False, [])):
        outlet = KeepingOutlet()
        call(make_caller(script(GONE, "A"), outlet, retries=2, inside=inside))
        assert outlet.marked == marked


class Cache:
    """Holds one answer, and keeps what it is given."""

    def __init__(
        self, found: Completion | None = None, error: CallError | None = None, *, must_find: bool = False
    ) -> None:
        self.must_find = must_find
        self._found = found
        self._error = error
        self.kept: list[tuple[str, int, str]] = []

    def find(self, request: Request, scope: str, epoch: int) -> Completion | None:
        if self._error:
            raise self._error
        return self._found

    def keep(self, request: Request, scope: str, epoch: int, completion: Completion) -> None:
        self.kept.append((scope, epoch, completion.text))


HIT = Completion(text="from before", model="m", cached=True, timing=Timing())


@pytest.mark.parametrize(
    ("cache", "scope", "text", "kept"),
    [
        (Cache(HIT), "somebody", "from before", []),
        (Cache(), "somebody", "A", [("somebody", 1, "A")]),
        (Cache(HIT), None, "A", []),
    ],
)
def test_the_cache_answers_what_it_has_and_keeps_what_it_has_not(
    cache: Cache, scope: str | None, text: str, kept: list[tuple[str, int, str]]
) -> None:
    provider = ScriptedProvider()
    called = call(make_caller(provider, cache=cache, scope=scope))
    assert called.completion is not None
    assert called.completion.text == text
    assert cache.kept == kept
    assert len(provider.requests) == (text == "A")


def test_a_miss_that_must_not_be_asked_is_the_calls_error() -> None:
    provider = ScriptedProvider()
    called = call(make_caller(provider, cache=Cache(error=CallError("not in the cache")), scope="somebody"))
    assert str(called.error) == "not in the cache"
    assert not provider.requests


def test_a_model_whose_answers_are_never_cached_is_not_asked_where_the_cache_alone_may_answer() -> None:
    provider = ScriptedProvider()
    called = call(make_caller(provider, cache=Cache(must_find=True), scope=None))
    assert "its answers are never cached" in str(called.error)
    assert not provider.requests


def test_a_case_nobody_wants_any_more_is_not_sent() -> None:
    provider = ScriptedProvider()
    with pytest.raises(asyncio.CancelledError):
        call(make_caller(provider), wanted=lambda: False)
    assert not provider.requests


def test_nothing_is_sent_when_nobody_is_there_to_keep_the_answer() -> None:
    outlet, provider = KeepingOutlet(), script("A")
    outlet.is_heard = False
    with pytest.raises(asyncio.CancelledError):
        call(make_caller(provider, outlet))
    assert provider.requests == []


def test_only_an_attempt_that_brought_an_answer_stays_admitted() -> None:
    outlet = KeepingOutlet()
    call(make_caller(script(GONE, BUSY, "A"), outlet, retries=5))
    assert outlet.admitted == 1
    call(make_caller(script(WRONG), outlet))
    assert outlet.admitted == 1


class Timed(ScriptedProvider):
    """Says of its calls that they took another time."""

    def __init__(self, claim: Callable[[float], float], delay: float = 0.1) -> None:
        super().__init__(delay=delay)
        self._claim = claim

    async def complete(self, request: Request) -> Completion:
        completion = await super().complete(request)
        return replace(completion, timing=replace(completion.timing, total=self._claim(completion.timing.total)))


def claim(share: float) -> float | None:
    """What is kept of a provider that claims so much of the time its calls take."""
    completion = call(make_caller(Timed(lambda total: total * share))).completion
    assert completion.timing.total >= 0.09
    return completion.trace.claimed if completion.trace else None


def test_a_provider_that_leaves_out_time_is_kept_with_its_claim() -> None:
    assert 0.03 < claim(0.5) < 5
    assert claim(0.0) == 0.0


@pytest.mark.parametrize("share", [1.0, 3.0])
def test_a_provider_that_accounts_for_all_of_a_call_or_more_claims_nothing(share: float) -> None:
    completion = call(make_caller(Timed(lambda total: max(total, 60) * share))).completion
    assert completion.trace is None


def test_a_claim_is_added_to_what_was_seen() -> None:
    class Traced(Timed):
        async def complete(self, request: Request) -> Completion:
            return replace(await super().complete(request), trace=Trace(opened=2))

    completion = call(make_caller(Traced(lambda _: 0.01))).completion
    assert completion.trace == Trace(opened=2, claimed=0.01)


def test_of_a_call_that_was_made_again_the_last_attempt_alone_is_claimed() -> None:
    class Failing(Timed):
        async def complete(self, request: Request) -> Completion:
            if not self.requests:
                self.requests.append(request)
                raise GONE
            return await super().complete(request)

    called = call(make_caller(Failing(lambda total: total + 60), retries=2))
    assert called.failures
    assert called.completion.trace is None
    assert called.completion.timing.total > called.failures[0].waited


class Acting(ScriptedProvider):
    """Does something while it answers."""

    def __init__(self, act: Callable[[], object]) -> None:
        super().__init__()
        self._act = act

    async def complete(self, request: Request) -> Completion:
        await asyncio.to_thread(self._act)
        return replace(await super().complete(request), timing=Timing(total=60), trace=Trace(sent=3, opened=77))


def test_what_a_provider_of_somebody_else_does_is_seen_whatever_it_says() -> None:
    with ModelServer() as server:

        def act() -> None:
            socket.create_connection(("127.0.0.1", server.port)).close()
            subprocess.run([sys.executable, "-c", ""], check=True)

        trace = call(make_caller(Acting(act), watched=True)).completion.trace
        assert (trace.sent, trace.opened, trace.processes) == (3, 1, 1)
        assert trace.peers == (f"127.0.0.1:{server.port}",)


def test_a_provider_that_does_nothing_is_seen_to_do_nothing() -> None:
    trace = call(make_caller(Acting(int), watched=True)).completion.trace
    assert (trace.opened, trace.processes, trace.files, trace.peers) == (0, 0, 0, ())


def test_our_own_providers_say_themselves_what_they_did() -> None:
    assert call(make_caller(Acting(int))).completion.trace == Trace(sent=3, opened=77)


def test_calls_at_once_are_seen_apart() -> None:
    with ModelServer() as server:

        class Connecting(ScriptedProvider):
            async def complete(self, request: Request) -> Completion:
                for _ in range(int(request.messages[0].content)):
                    _, writer = await asyncio.open_connection("127.0.0.1", server.port)
                    writer.close()
                    await writer.wait_closed()
                return await super().complete(request)

        caller = make_caller(Connecting(), watched=True)

        async def ask() -> list[Called]:
            requests = [Request(messages=(Message(role="user", content=str(times)),)) for times in (0, 3, 1)]
            return await asyncio.gather(
                *(caller.call(Calling(case="1", epoch=1, request=request)) for request in requests)
            )

        assert [called.completion.trace.opened for called in asyncio.run(ask())] == [0, 3, 1]


@pytest.mark.parametrize("watched", [True, False])
@pytest.mark.parametrize(
    "returned",
    [
        None,
        "A",
        Completion(text=None, model="m"),
        Completion(text="A", model=None),
        Completion(text="A", model="m", usage=Usage(input_tokens="12")),
    ],
)
def test_what_is_no_completion_is_refused_by_name(watched: bool, returned: object) -> None:
    class Returning(ScriptedProvider):
        async def complete(self, request: Request) -> Completion:
            return returned

    called = call(make_caller(Returning(), watched=watched))
    assert str(called.error).startswith("mock/fixed:A: its provider returned what is no completion: ")
    assert [failure.error for failure in called.failures] == [str(called.error)]


def test_a_fresh_call_leaves_the_cache_alone_both_ways() -> None:
    cache, provider = Cache(HIT), ScriptedProvider()
    called = call(make_caller(provider, cache=cache, scope="somebody"), fresh=True)
    assert called.completion.text == "A"
    assert cache.kept == []
    assert len(provider.requests) == 1
