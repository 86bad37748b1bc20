import asyncio
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_lleval.core.errors import BudgetError, CallError
from pytest_lleval.core.records import Completion, Message, Request, SeedCheck, TokenLogprob, Trace
from pytest_lleval.execution.calling import Calling
from pytest_lleval.execution.looks import Looks, check_seed, count_own

from .conftest import ScriptedProvider, make_caller

REQUEST = Request(messages=(Message(role="user", content="what?"),))
CALLING = Calling(case="s::1[m]", epoch=1, request=REQUEST)


def say(text: str, *logprobs: tuple[str, float]) -> Completion:
    tokens = tuple(TokenLogprob(token=token, logprob=value) for token, value in logprobs)
    return Completion(text=text, model="served", logprobs=tokens)


class Answering(ScriptedProvider):
    """A provider that gives one completion, and counts tokens by its own measure or fails to."""

    def __init__(self, completion: Completion, count: Callable[[], int] = lambda: 7) -> None:
        super().__init__()
        self._completion = completion
        self._count = count

    async def complete(self, request: Request) -> Completion:
        self.requests.append(request)
        return self._completion

    async def count_tokens(self, request: Request) -> tuple[int, str]:
        return self._count(), "words"

    async def count_output(self, text: str) -> tuple[int, str]:
        return self._count() + 1, "words"


def check(first: Completion, second: Completion) -> SeedCheck | None:
    return asyncio.run(check_seed(make_caller(Answering(second)), CALLING, first))


def count(provider: ScriptedProvider, completion: Completion) -> Completion:
    return asyncio.run(count_own(provider, REQUEST, completion))


def test_the_same_answer_again_is_the_same_and_is_not_kept_twice() -> None:
    assert check(say("A"), say("A")) == SeedCheck(same_text=True)


def test_another_answer_is_kept() -> None:
    assert check(say("A"), say("B")) == SeedCheck(same_text=False, text="B")


@pytest.mark.parametrize(
    ("first", "second", "difference"),
    [
        ([("A", -0.5)], [("A", -0.5)], 0.0),
        ([("A", -0.5), ("B", -1.0)], [("A", -0.4), ("B", -1.5)], 0.5),
        ([("A", -0.5), ("B", -1.0)], [("A", -0.5), ("C", -9.0)], 0.0),
        ([("A", -0.5), ("B", -1.0)], [("A", -0.75)], 0.25),
        ([("A", -0.5)], [("B", -0.5)], None),
        ([("A", -0.5)], [], None),
    ],
)
def test_log_probabilities_are_compared_as_far_as_the_tokens_are_the_same(
    first: list[tuple[str, float]], second: list[tuple[str, float]], difference: float | None
) -> None:
    assert check(say("A", *first), say("A", *second)).logprob_difference == difference


@given(st.lists(st.tuples(st.sampled_from("AB"), st.floats(-9, 0)), max_size=4))
def test_two_answers_differ_as_much_either_way_round(values: list[tuple[str, float]]) -> None:
    one, two = say("A", *values), say("A", *((token, value / 2) for token, value in values))
    there, back = check(one, two), check(two, one)
    assert there.logprob_difference == back.logprob_difference
    assert check(one, one).logprob_difference == (0.0 if values else None)


def test_the_second_request_is_the_first_one_and_reaches_the_model_whatever_the_cache_holds() -> None:
    class Cache:
        must_find = False
        kept = 0

        def find(self, *_: object) -> Completion:
            return say("from before")

        def keep(self, *_: object) -> None:
            self.kept += 1

    cache, provider = Cache(), Answering(say("A"))
    asyncio.run(check_seed(make_caller(provider, cache=cache, scope="somebody"), CALLING, say("A")))
    assert provider.requests == [REQUEST]
    assert cache.kept == 0


@pytest.mark.parametrize("error", [CallError("HTTP 500"), BudgetError("used up"), KeyError("a bug of the provider")])
def test_a_second_request_that_fails_shows_nothing_and_costs_nothing(error: Exception) -> None:
    def fail(_: Request) -> str:
        raise error

    assert asyncio.run(check_seed(make_caller(ScriptedProvider(fail)), CALLING, say("A"))) is None


def test_a_session_that_ends_meanwhile_is_not_held_up() -> None:
    sent = asyncio.Event()

    class Silent(ScriptedProvider):
        async def complete(self, request: Request) -> Completion:
            sent.set()
            await asyncio.sleep(60)
            raise AssertionError

    async def run() -> None:
        task = asyncio.create_task(check_seed(make_caller(Silent()), CALLING, say("A")))
        await sent.wait()
        task.cancel()
        await task

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(run())


def test_own_counts_are_added_to_what_was_seen() -> None:
    counted = count(Answering(say("A")), Completion(text="A", model="m", trace=Trace(opened=1)))
    assert counted.trace == Trace(opened=1, counted_input=7, counted_output=8)
    assert count(Answering(say("A")), say("A")).trace == Trace(counted_input=7, counted_output=8)


@pytest.mark.parametrize("error", [CallError("no tokenizer"), NotImplementedError(), RuntimeError("a bug")])
def test_counts_that_cannot_be_had_leave_the_answer_as_it_is(error: Exception) -> None:
    def fail() -> int:
        raise error

    assert count(Answering(say("A"), fail), say("A")) == say("A")


def test_a_provider_that_knows_no_counts_of_answers_leaves_them_as_they_are() -> None:
    assert count(ScriptedProvider(), say("A")) == say("A")


def test_answers_are_flagged_by_what_belongs_to_their_model() -> None:
    looks = Looks(flag={"a": lambda completion: (completion.text,)})
    assert looks.flag_answer("a", say("F1")) == ("F1",)
    assert looks.flag_answer("b", say("F1")) == ()
    assert Looks().flag_answer("a", say("F1")) == ()
