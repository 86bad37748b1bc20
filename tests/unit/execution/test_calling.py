import asyncio
import time
from dataclasses import replace

import pytest

from pytest_lleval.core.errors import CallError, RefusedError
from pytest_lleval.core.records import Completion, Message, Request, Timing
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
