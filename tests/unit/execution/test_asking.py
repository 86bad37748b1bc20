import asyncio
import functools
import random
import time
from collections.abc import Iterator, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_lleval.core.encoding import dump_record, load_record
from pytest_lleval.core.errors import BudgetError, CallError, RefusedError
from pytest_lleval.core.records import Case, Completion, Message, Record, Request, Sample, Score, SeedCheck, Trace
from pytest_lleval.core.settings import Settings
from pytest_lleval.execution.asking import Plan
from pytest_lleval.execution.looks import Looks
from pytest_lleval.scoring.scorers import exact
from pytest_lleval.suites.definition import Dataset, Suite
from pytest_lleval.suites.gsm8k import gsm8k
from pytest_lleval.suites.mmlu import mmlu
from pytest_lleval.support import seeding

from .conftest import MODEL, ScriptedProvider, make_asker, make_case


def ask_all(asker: object, cases: Sequence[Case]) -> list[Record]:
    async def ask() -> list[tuple[Record, ...]]:
        return await asyncio.gather(*(asker.ask(case) for case in cases))

    return [record for records in asyncio.run(ask()) for record in records]


def make_settings(**values: object) -> Settings:
    return Settings(suites=("s",), models=(MODEL,), **values)


class Returning:
    """A scorer that returns whatever it was given."""

    name = "returning"

    def __init__(self, value: object) -> None:
        self._value = value

    def __call__(self, sample: Sample, completion: Completion) -> Score:
        if isinstance(self._value, Exception):
            raise self._value
        return self._value


def fail_with(error: Exception) -> ScriptedProvider:
    def answer(request: Request) -> str:
        raise error

    return ScriptedProvider(answer)


def test_a_case_becomes_a_scored_record_with_what_was_asked_and_answered(case: Case) -> None:
    before = time.time()
    (record,) = ask_all(make_asker(ScriptedProvider()), [case])
    assert (record.case, record.suite, record.sample, record.epoch) == (case.id, "s", "one", 1)
    assert (record.outcome, record.cause, record.target) == ("scored", None, ("A",))
    assert record.primary == Score(name="exact", value=1.0, answer="A", explanation=record.primary.explanation)
    assert record.request.messages[0].content == "one?"
    assert record.completion.text == "A"
    assert record.worker == "gw3"
    assert before <= record.started <= time.time()


@given(order=st.permutations([make_case(str(number)) for number in range(5)]))
@settings(max_examples=15, deadline=None)
def test_seeds_do_not_depend_on_the_order(order: list[Case]) -> None:
    def read_seeds(cases: Sequence[Case]) -> dict[tuple[str, int], int]:
        records = ask_all(make_asker(ScriptedProvider(), settings=make_settings(epochs=2)), cases)
        return {(record.case, record.epoch): record.request.generation.seed for record in records}

    assert read_seeds(order) == read_seeds(sorted(order, key=lambda case: case.id))


def test_epochs_differ_by_seed_alone(case: Case) -> None:
    provider = ScriptedProvider()
    records = ask_all(make_asker(provider, settings=make_settings(epochs=3)), [case])
    assert [record.epoch for record in records] == [1, 2, 3]
    assert len({record.request.generation.seed for record in records}) == 3
    assert len({record.request.messages for record in records}) == 1


def test_the_version_of_a_suite_moves_its_seeds(case: Case) -> None:
    one, two = (make_asker(ScriptedProvider(), changes={"version": version}) for version in "12")
    assert one.build(case).generation.seed != two.build(case).generation.seed


def test_epochs_a_run_has_already_are_not_asked(case: Case) -> None:
    provider = ScriptedProvider()
    asker = make_asker(provider, settings=make_settings(epochs=3), done=frozenset({(case.id, 1), (case.id, 3)}))
    assert asker.missing_epochs(case) == [2]
    assert [record.epoch for record in ask_all(asker, [case])] == [2]
    assert len(provider.requests) == 1
    assert not make_asker(provider, done=frozenset({(case.id, 1)})).missing_epochs(case)


@pytest.mark.parametrize(
    ("error", "cause"), [(CallError("HTTP 500: overloaded"), "error"), (RefusedError("it declined"), "refused")]
)
def test_a_failed_call_is_unscored_with_its_cause(case: Case, error: CallError, cause: str) -> None:
    (record,) = ask_all(make_asker(fail_with(error)), [case])
    assert (record.outcome, record.cause, record.error) == ("unscored", cause, str(error))
    assert record.scores == ()
    assert record.completion is None
    assert record.request is not None


def test_an_error_nobody_expected_costs_one_case_and_says_where_it_was_raised(case: Case) -> None:
    (record,) = ask_all(make_asker(fail_with(KeyError("a bug of the provider"))), [case])
    assert (record.outcome, record.cause) == ("unscored", "error")
    assert f"{__file__}:" in record.error
    assert "KeyError: 'a bug of the provider'" in record.error


def test_each_record_is_handed_on_as_soon_as_it_is_there(case: Case) -> None:
    kept: list[Record] = []
    records = ask_all(make_asker(ScriptedProvider(), settings=make_settings(epochs=3), sink=kept.append), [case])
    assert sorted(kept, key=lambda record: record.epoch) == records


def test_a_prompt_that_fails_is_unscored_and_sends_nothing(case: Case) -> None:
    provider = ScriptedProvider()
    (record,) = ask_all(make_asker(provider, changes={"prompt": "{missing}"}), [case])
    assert (record.outcome, record.cause) == ("unscored", "error")
    assert "'missing'" in record.error
    assert provider.requests == []


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        (ZeroDivisionError("by zero"), "ZeroDivisionError: by zero"),
        (Score(name="returning", value=1.5), "its value 1.5 is not in 0..1"),
        (Score(name="returning", value=-0.1), "its value -0.1 is not in 0..1"),
        (Score(name="returning", value=float("nan")), "its value nan is not in 0..1"),
        (None, "it returned None, not a Score"),
        (1.0, "it returned 1.0, not a Score"),
        (Score(name="returning", value=1.0, answer=7), "must be texts"),
        (Score(name="returning", value="1"), "TypeError"),
    ],
)
def test_a_scorer_that_fails_leaves_the_answer_unscored_and_kept(case: Case, returned: object, message: str) -> None:
    (record,) = ask_all(make_asker(ScriptedProvider(), scorers=[Returning(returned)]), [case])
    assert (record.outcome, record.cause, record.scores) == ("unscored", "error", ())
    assert record.error.startswith("scorer 'returning' of suite 's' failed: ")
    assert message in record.error
    assert record.completion.text == "A"
    assert load_record(dump_record(record)).error == record.error


def test_scores_of_numpy_and_truth_values_can_be_journaled(case: Case) -> None:
    numpy = pytest.importorskip("numpy")
    for value in (numpy.float32(0.5), numpy.int64(1), True):
        (record,) = ask_all(make_asker(ScriptedProvider(), scorers=[Returning(Score(name="r", value=value))]), [case])
        assert record.outcome == "scored"
        assert load_record(dump_record(record)).primary.value == float(value)


def test_connections_bound_how_many_requests_wait_at_once() -> None:
    provider = ScriptedProvider(delay=0.01)
    records = ask_all(make_asker(provider, connections=3), [make_case(str(number)) for number in range(10)])
    assert len(records) == 10
    assert provider.peak == 3


def test_epochs_share_the_connections() -> None:
    provider = ScriptedProvider(delay=0.01)
    asker = make_asker(provider, settings=make_settings(epochs=6), connections=2)
    assert len(ask_all(asker, [make_case("one")])) == 6
    assert provider.peak == 2


def test_waiting_for_a_connection_is_measured_apart_from_the_call() -> None:
    records = ask_all(make_asker(ScriptedProvider(delay=0.1), connections=1), [make_case("one"), make_case("two")])
    first, second = sorted((record.completion.timing for record in records), key=lambda timing: timing.queued)
    assert first.queued < 0.08 <= second.queued
    assert 0.08 <= second.total < 0.5


def test_a_case_that_is_no_longer_wanted_is_not_sent_when_its_turn_comes() -> None:
    provider = ScriptedProvider(delay=0.02)
    asker = make_asker(provider, connections=1)
    first, second = make_case("one"), make_case("two")
    mine = {first.id, second.id}

    async def ask() -> list[object]:
        asks = [asyncio.create_task(asker.ask(case, lambda case=case: case.id in mine)) for case in (first, second)]
        await asyncio.sleep(0.01)
        # the second is begun and waits for the connection; another worker takes it over meanwhile
        mine.discard(second.id)
        return await asyncio.gather(*asks, return_exceptions=True)

    done, given_up = asyncio.run(ask())
    assert done[0].outcome == "scored"
    assert isinstance(given_up, asyncio.CancelledError)
    assert len(provider.requests) == 1


def count_requests(provider: ScriptedProvider) -> list[str]:
    return [request.messages[-1].content for request in provider.requests]


def test_a_case_whose_seed_is_checked_is_asked_twice_and_the_others_once() -> None:
    provider = ScriptedProvider()
    cases = [make_case("one"), make_case("two")]
    one, two = ask_all(make_asker(provider, looks=Looks(checked=frozenset({cases[0].id}))), cases)
    assert (one.seed_check, two.seed_check) == (SeedCheck(same_text=True), None)
    assert sorted(count_requests(provider)) == ["one?", "one?", "two?"]
    first, second = (request for request in provider.requests if request.messages[-1].content == "one?")
    assert first == second


def test_a_backend_that_does_not_keep_its_seed_is_seen_and_its_first_answer_counts(case: Case) -> None:
    answers = iter("AB")
    looks = Looks(checked=frozenset({case.id}))
    (record,) = ask_all(make_asker(ScriptedProvider(lambda _: next(answers)), looks=looks), [case])
    assert record.seed_check == SeedCheck(same_text=False, text="B")
    assert (record.completion.text, record.primary.value) == ("A", 1.0)


@pytest.mark.parametrize("error", [CallError("HTTP 500"), BudgetError("used up"), KeyError("a bug")])
def test_a_second_look_that_fails_costs_no_answer(case: Case, error: Exception) -> None:
    left = ["A"]

    def answer(_: Request) -> str:
        if not left:
            raise error
        return left.pop()

    looks = Looks(checked=frozenset({case.id}), counted=frozenset({case.id}))
    (record,) = ask_all(make_asker(ScriptedProvider(answer), looks=looks), [case])
    assert (record.outcome, record.seed_check, record.completion.text) == ("scored", None, "A")


def test_every_epoch_of_a_checked_case_is_asked_twice_without_the_cache(case: Case) -> None:
    class Cache:
        must_find = False

        def find(self, *_: object) -> Completion:
            return Completion(text="from before", model="m", cached=True)

    provider = ScriptedProvider()
    looks = Looks(checked=frozenset({case.id}))
    backend = {"cache": Cache(), "scope": "somebody"}
    asker = make_asker(provider, looks=looks, settings=make_settings(epochs=2), backend=backend)
    records = ask_all(asker, [case, make_case("other")])
    assert [record.completion.cached for record in records] == [False, False, True, True]
    assert len(provider.requests) == 4


class Counting(ScriptedProvider):
    async def count_tokens(self, request: Request) -> tuple[int, str]:
        return 7, "words"

    async def count_output(self, text: str) -> tuple[int, str]:
        return 3, "words"


def test_tokens_are_counted_by_ourselves_where_that_is_asked_for() -> None:
    cases = [make_case("one"), make_case("two")]
    one, two = ask_all(make_asker(Counting(), looks=Looks(counted=frozenset({cases[0].id}))), cases)
    assert one.completion.trace == Trace(counted_input=7, counted_output=3)
    assert two.completion.trace is None


def test_answers_are_flagged_by_what_belongs_to_their_model_and_failures_are_not(case: Case) -> None:
    looks = Looks(flag={MODEL.name: lambda completion: ("F2",) if completion.model == "served" else ()})
    assert ask_all(make_asker(ScriptedProvider(), looks=looks), [case])[0].flags == ("F2",)
    assert ask_all(make_asker(fail_with(CallError("gone")), looks=looks), [case])[0].flags == ()
    assert ask_all(make_asker(ScriptedProvider()), [case])[0].flags == ()


def prompt_of_a_user(sample: Sample, dataset: Dataset) -> list[Message]:
    return [Message(role="user", content=f"{sample.input} {random.random()} {np.random.random()}")]


class Drawing(Returning):
    """A scorer that draws."""

    def __init__(self) -> None:
        super().__init__(None)

    def __call__(self, sample: Sample, completion: Completion) -> Score:
        return Score(name="drawing", value=(random.random() + float(np.random.random())) / 2)


class Seeding(Returning):
    """A scorer that seeds for itself."""

    def __call__(self, sample: Sample, completion: Completion) -> Score:
        random.seed(1)
        return Score(name="seeding", value=1.0)


@pytest.fixture
def _forget_seeds() -> Iterator[None]:
    seeding.RESEEDED.clear()
    yield
    seeding.RESEEDED.clear()
    seeding.unwatch()


def make_plan(**changes: object) -> Plan:
    values = {"name": "s", "version": "1", "dataset": (), "scorers": [exact()]}
    return Plan(suite=Suite(**{**values, **changes}), dataset=Dataset(name="s", edition="inline", samples=()))


def test_only_parts_of_somebody_elses_may_draw() -> None:
    assert not make_plan().draws
    assert not any(Plan(suite=suite, dataset=make_plan().dataset).draws for suite in (mmlu(), gsm8k()))
    assert make_plan(prompt=prompt_of_a_user).draws
    assert make_plan(prompt=functools.partial(prompt_of_a_user)).draws
    assert make_plan(scorers=[exact(), Drawing()]).draws
    assert make_plan(scorers=[lambda *_: None]).draws


@pytest.mark.usefixtures("_forget_seeds")
@given(order=st.permutations([make_case(str(number)) for number in range(4)]), state=st.integers(0, 9))
@settings(max_examples=10, deadline=None)
def test_what_prompts_and_scorers_draw_depends_on_the_sample_alone(order: list[Case], state: int) -> None:
    def ask(cases: Sequence[Case]) -> dict[str, tuple[str, float]]:
        changes = {"prompt": prompt_of_a_user}
        records = ask_all(make_asker(ScriptedProvider(), changes=changes, scorers=[Drawing()]), cases)
        return {record.case: (record.request.messages[0].content, record.primary.value) for record in records}

    expected = ask(sorted(order, key=lambda case: case.id))
    random.seed(state)
    assert ask(order) == expected
    assert len(set(expected.values())) == len(order)


@pytest.mark.usefixtures("_forget_seeds")
def test_the_generators_of_the_session_are_left_as_they_were(case: Case) -> None:
    random.seed(5)
    expected = random.Random(5).random()
    ask_all(make_asker(ScriptedProvider(), changes={"prompt": prompt_of_a_user}, scorers=[Drawing()]), [case])
    assert random.random() == expected


@pytest.mark.usefixtures("_forget_seeds")
def test_a_scorer_that_seeds_for_itself_is_noted_with_its_suite(case: Case) -> None:
    ask_all(make_asker(ScriptedProvider(), scorers=[Seeding(None)]), [case])
    assert dict(seeding.RESEEDED) == {"suite 's'": 1}


@pytest.mark.usefixtures("_forget_seeds")
def test_a_suite_of_ours_needs_no_seeding(case: Case) -> None:
    ask_all(make_asker(ScriptedProvider()), [case])
    assert not isinstance(random.seed, seeding._Watched)
