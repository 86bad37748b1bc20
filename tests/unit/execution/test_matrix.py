"""The engine of the size matrix, with a scripted model and a clock that only its calls move."""

import asyncio
from dataclasses import dataclass, field

import pytest

from pytest_lleval.core.errors import CallError
from pytest_lleval.core.matrix import MatrixSettings
from pytest_lleval.core.records import Completion, FailedAttempt, Request, Timing, Usage
from pytest_lleval.core.settings import ModelSpec, Settings
from pytest_lleval.core.sizes import PromptSize
from pytest_lleval.execution import matrix
from pytest_lleval.execution.calling import Called
from pytest_lleval.execution.matrix import MatrixEngine, MatrixModel
from pytest_lleval.execution.matrix_cells import explain_room, is_timeout, is_too_long, plan_cells
from pytest_lleval.execution.sizing import SizedPrompts
from pytest_lleval.providers.counting import APPROXIMATION


class Clock:
    now = 0.0

    def monotonic(self):
        return self.now

    def time(self):
        return 1e9 + self.now


class WordCounter:
    """Counts words: exactly, or as nobody's tokenizer."""

    def __init__(self, tokenizer="words"):
        self.tokenizer = tokenizer

    async def count_tokens(self, request: Request):
        return sum(len(turn.content.split()) for turn in request.messages), self.tokenizer


@dataclass
class ScriptedCaller:
    """Takes 1 s for 100 tokens, unless it is told otherwise."""

    clock: Clock
    name: str
    calls: list = field(default_factory=list)
    errors: dict = field(default_factory=dict)
    beyond: int = 0
    deadline = 50.0

    async def call(self, calling):
        tokens = len(calling.request.messages[-1].content.split())
        self.calls.append((self.name, tokens, calling.epoch, calling.request))
        error = self.errors.get(len(self.calls))
        seconds = self.deadline if error == "slow" else tokens / 100
        self.clock.now += seconds
        if error:
            failure = FailedAttempt(error=error, status=None if error == "slow" else 500, seconds=seconds)
            return Called(error=CallError(error), failures=(failure,))
        usage = Usage(input_tokens=tokens + self.beyond, output_tokens=4)
        return Called(completion=Completion(text="no code", model="m", usage=usage, timing=Timing(total=seconds)))


class Rules:
    """Wants so many repeats of each cell, and proposes what it is told to, once."""

    def __init__(self, repeats=0, proposals=()):
        self.repeats, self.proposals = repeats, list(proposals)

    def wants_more(self, series):
        return series.done < self.repeats

    def propose(self, series):
        return self.proposals.pop(0) if self.proposals else {}

    def flag(self, model, completion):
        return ("F9",)


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(matrix, "time", clock)
    return clock


def make_settings(*tokens, models=("a", "b"), **parts):
    sizes = tuple(PromptSize(name=str(number), tokens=number) for number in tokens)
    specs = tuple(ModelSpec(provider="mock", model=name, alias=name) for name in models)
    return Settings(models=specs, matrix=MatrixSettings(sizes=sizes, **parts))


def measure(clock, settings, rules=None, *, counter=None, context=None, **callers):
    counter = counter or WordCounter()
    callers = callers or {spec.name: ScriptedCaller(clock, spec.name) for spec in settings.models}
    models = {
        name: MatrixModel(label=name, caller=caller, prompts=SizedPrompts(counter, settings), context=context)
        for name, caller in callers.items()
    }
    records = []
    engine = MatrixEngine(models, settings, rules or Rules(), records.append, lambda _: None)
    ending = asyncio.run(engine.run(plan_cells(settings)))
    return ending, engine, records


def test_each_cell_is_warmed_up_once_and_repeated(clock):
    ending, engine, records = measure(clock, make_settings(100, 200, repeats=3))
    assert ending == "complete"
    assert [one.done for one in engine.series] == [3] * 4
    assert all(one.seconds == [one.cell.size.tokens / 100] * 3 for one in engine.series)
    for one in engine.series:
        epochs = [record.epoch for record in records if record.case == one.cell.id]
        assert epochs == [0, 1, 2, 3]


def test_every_round_has_every_cell_in_another_order(clock):
    _, _, records = measure(clock, make_settings(100, 200, 300, repeats=6))
    rounds = [tuple(record.case for record in records[start : start + 6]) for start in range(0, 42, 6)]
    assert all(len(set(cases)) == 6 for cases in rounds)
    assert len(set(rounds)) > 4


def test_the_order_is_the_seeds(clock):
    orders = [[record.case for record in measure(clock, make_settings(100, 200, repeats=3))[2]] for _ in range(2)]
    assert orders[0] == orders[1]


def test_prompts_are_exact_and_differ_between_repeats_and_not_between_models(clock):
    _, _, records = measure(clock, make_settings(150, repeats=3))
    prompts = {(record.model, record.epoch): record.request.messages[-1].content for record in records}
    assert {len(text.split()) for text in prompts.values()} == {150}
    assert len(set(prompts.values())) == 4
    assert all(prompts["a", epoch] == prompts["b", epoch] for epoch in range(4))
    # so that the trust layer compares them
    assert len({record.sample for record in records}) == 4
    assert {record.completion.trace.counted_input for record in records} == {150}


def test_cells_are_repeated_until_the_rules_have_enough(clock):
    ending, engine, _ = measure(clock, make_settings(100, 200, repeats=2), Rules(repeats=7))
    assert ending == "complete"
    assert [one.done for one in engine.series] == [7] * 4


def test_no_call_begins_after_the_budget_once_each_cell_has_its_repeats(clock):
    # 2 models, 1 s and 2 s: a round takes 6 s, and warm-up with two rounds 18 s
    ending, engine, records = measure(clock, make_settings(100, 200, repeats=2, budget=20.0), Rules(repeats=99))
    assert ending == "budget"
    assert min(one.done for one in engine.series) >= 2
    assert 20.0 <= clock.now < 22.1
    assert len(records) < 16


def test_a_budget_that_is_over_at_once_still_leaves_the_repeats(clock):
    _, engine, _ = measure(clock, make_settings(100, repeats=4, budget=0.5), Rules(repeats=99))
    assert [one.done for one in engine.series] == [4, 4]


def test_a_model_without_room_is_not_asked(clock):
    caller = ScriptedCaller(clock, "a")
    _, engine, _ = measure(clock, make_settings(100, 200, models=("a",)), context=150, a=caller)
    assert [one.unsupported for one in engine.series] == [
        "",
        "200 tokens and 16 of answer do not fit into its context of 150",
    ]
    assert {tokens for _, tokens, _, _ in caller.calls} == {100}


def test_a_server_that_finds_a_prompt_too_long_is_asked_once(clock):
    caller = ScriptedCaller(clock, "a", errors={1: "HTTP 400: maximum context length is 50 tokens"})
    _, engine, _ = measure(clock, make_settings(100, models=("a",)), a=caller)
    assert "maximum context length" in engine.series[0].unsupported
    assert len(caller.calls) == 1


def test_a_size_no_question_fits_into_is_not_supported(clock):
    _, engine, records = measure(clock, make_settings(8, models=("a",)))
    assert "the shortest prompt with a question" in engine.series[0].unsupported
    assert not records


def test_failures_and_timeouts_are_counted_apart_and_kept(clock):
    caller = ScriptedCaller(clock, "a", errors={3: "broken", 4: "slow"})
    _, engine, records = measure(clock, make_settings(100, models=("a",), repeats=5), a=caller)
    one = engine.series[0]
    assert (len(one.seconds), one.errors, one.timeouts) == (3, 1, 1)
    failed = [record for record in records if record.outcome == "unscored"]
    assert [record.error for record in failed] == ["broken", "slow"]
    assert all(record.cause == "error" and not record.scores for record in failed)


def test_what_is_proposed_is_measured_like_the_rest(clock):
    rules = Rules(proposals=[{"a": [150], "b": [150]}, {"a": [], "b": []}])
    _, engine, records = measure(clock, make_settings(100, 200, repeats=2, refine=True), rules)
    added = [one for one in engine.series if one.cell.size.tokens == 150]
    assert [one.done for one in added] == [2, 2]
    assert {record.group for record in records} == {"100", "150", "200"}


def test_nothing_is_proposed_unless_it_is_asked_for(clock):
    rules = Rules(proposals=[{"a": [150], "b": [150]}])
    _, engine, _ = measure(clock, make_settings(100, 200, repeats=2), rules)
    assert len(engine.series) == 4


def test_the_servers_count_corrects_an_estimate(clock):
    counter, caller = WordCounter(APPROXIMATION), ScriptedCaller(clock, "a", beyond=20)
    _, _, records = measure(clock, make_settings(100, models=("a",), repeats=2), counter=counter, a=caller)
    assert [record.completion.usage.input_tokens for record in records] == [120, 100, 100]
    # our own count is none of theirs
    assert {record.completion.trace for record in records} == {None}


def test_prompts_of_a_shared_prefix_are_each_asked_for_after_another_of_it(clock):
    caller = ScriptedCaller(clock, "a")
    _, engine, records = measure(clock, make_settings(100, models=("a",), repeats=3, shared_prefix=True), a=caller)
    assert engine.series[0].done == 3
    assert [record.epoch for record in records] == [0, -1, 1, -2, 2, -3, 3]
    beginnings = {" ".join(record.request.messages[-1].content.split()[:70]) for record in records}
    assert len(beginnings) == 1
    # else the whole prompt would be served by the cache, question and all
    asked = [record.target for record in records[1:]]
    assert all(filled != measured for filled, measured in zip(asked[::2], asked[1::2], strict=True))


def test_records_carry_what_is_doubtful_and_what_was_asked_for(clock):
    _, _, records = measure(clock, make_settings(100, models=("a",), repeats=1))
    record = records[-1]
    assert record.flags == ("F9",)
    assert record.scores[0].explanation == "ignored"
    assert record.target[0] in record.request.messages[-1].content
    assert record.request.generation.max_tokens == 16


@pytest.mark.parametrize(
    "text",
    [
        "HTTP 400: This model's maximum context length is 8192 tokens. However, you requested 9000",
        "request (9031 tokens) exceeds the available context size (8192 tokens)",
        "prompt is too long: 210000 tokens > 200000 maximum",
        "code context_length_exceeded",
    ],
)
def test_servers_say_in_many_ways_that_a_prompt_is_too_long(text):
    assert is_too_long(text)


@pytest.mark.parametrize("text", ["HTTP 500: broken", "no answer within 600 s", "HTTP 429: too many requests"])
def test_other_errors_are_no_lack_of_room(text):
    assert not is_too_long(text)


def test_an_unknown_context_has_room():
    assert explain_room(10**6, 16, None) == ""
    assert explain_room(84, 16, 100) == ""
    assert explain_room(85, 16, 100)


def test_an_answer_of_a_server_is_no_timeout():
    assert is_timeout([FailedAttempt(error="", seconds=49.9)], 50.0)
    assert not is_timeout([FailedAttempt(error="", status=504, seconds=50.0)], 50.0)
    assert not is_timeout([], 50.0)
