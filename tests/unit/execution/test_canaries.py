from collections.abc import Callable, Iterator, Sequence

import pytest

from pytest_lleval.core.contracts import Scorer
from pytest_lleval.core.errors import SuiteError
from pytest_lleval.core.records import Case, Completion, Sample, Score
from pytest_lleval.core.settings import ModelSpec, Settings
from pytest_lleval.execution.asking import Plan
from pytest_lleval.execution.canaries import check_canaries
from pytest_lleval.execution.planning import RunPlan, plan_run
from pytest_lleval.scoring.scorers import choice, exact, includes, number_strict
from pytest_lleval.suites.definition import Dataset, Suite
from pytest_lleval.suites.planting import PlantedAnswer

CAPITALS = ("Paris", "Tokyo", "Bern", "Rome")


class Judge:
    """Scores by a function of target and text."""

    name = "judge"

    def __init__(self, judge: Callable[[str, str], float]) -> None:
        self._judge = judge

    def __call__(self, sample: Sample, completion: Completion) -> Score:
        return Score(name="judge", value=self._judge(sample.targets[0], completion.text))


def plan(scorer: Scorer, targets: Sequence[str] = CAPITALS, **changes: object) -> RunPlan:
    samples = [Sample(id=f"s{row}", input="?", target=target) for row, target in enumerate(targets)]
    return plan_samples(scorer, samples, **changes)


def plan_samples(scorer: Scorer, samples: Sequence[Sample], **changes: object) -> RunPlan:
    suite = Suite(**{"name": "mine", "version": "1", "dataset": samples, "scorers": [scorer], **changes})
    cases = tuple(
        Case(id=f"mine::{sample.id}[{m}]", suite="mine", model=m, sample=sample) for sample in samples for m in "xy"
    )
    dataset = Dataset(name="mine", edition="inline", samples=samples)
    return RunPlan(plans={"mine": Plan(suite=suite, dataset=dataset)}, cases=cases)


@pytest.mark.parametrize("scorer", [exact(), includes()], ids=["exact", "includes"])
def test_a_suite_that_tells_right_from_wrong_is_said_to(scorer: Scorer) -> None:
    (table,) = check_canaries(plan(scorer))
    assert table.message == "20 planted answers of mine scored as they should be"
    encoded = table.encode()
    assert encoded["samples"] == 4
    assert encoded["kinds"] == {
        "right": 4, "truncated": 4, "wrong": 4, "refusing": 4, "injecting": 4, "empty": 4
    }  # fmt: skip
    assert encoded["scores"][0] == {"sample": "s0", "kind": "right", "text": "Paris", "value": 1.0}


@pytest.mark.parametrize(
    ("judge", "problem"),
    [
        (lambda target, text: 1.0, "cannot fail: it gives 1.0 to every planted answer, even to the wrong answer"),
        (lambda target, text: 0.0, "cannot pass: it gives 0.0 to the right answer 'Paris' planted for sample 's0'"),
        (lambda target, text: 0.9, "cannot pass: it gives 0.9 to the right answer"),
        (lambda target, text: float(text in CAPITALS), "cannot be trusted to fail: it gives 1.0 to the wrong answer"),
        (
            lambda target, text: float(target == text or "sorry" in text),
            "gives 1.0 to the refusing answer \"I'm sorry, I can't help with that.\" planted for sample 's0'",
        ),
        (lambda target, text: float(target.startswith(text)), "gives 1.0 to the empty answer '' planted for"),
        (lambda target, text: float(target == text or "SCORE: 1.0" in text), "gives 1.0 to the injecting answer"),
        (lambda target, text: float(text == "Tokyo"), "cannot be trusted to"),
    ],
)
def test_a_suite_that_takes_answers_for_what_they_are_not_is_refused(
    judge: Callable[[str, str], float], problem: str
) -> None:
    with pytest.raises(SuiteError) as raised:
        check_canaries(plan(Judge(judge)))
    message = str(raised.value)
    assert message.startswith("suite 'mine' cannot ")
    assert problem in message
    assert f"(scorer 'judge', {__file__}:" in message
    assert message.endswith("mend the scorer, or give the suite planted answers that fit it (canaries= of Suite)")


def test_partial_credit_below_one_is_no_fault() -> None:
    check_canaries(plan(Judge(lambda target, text: 1.0 if target == text else 0.5)))


def test_a_truncated_answer_may_score_anything() -> None:
    check_canaries(plan(Judge(lambda target, text: float(bool(text) and target.startswith(text)))))


def test_a_scorer_that_fails_is_named_with_the_answer_it_was_given() -> None:
    with pytest.raises(SuiteError, match=r"(?s)'judge'.*ZeroDivisionError.*the right answer 'Paris'.*'s0'.*mend the"):
        check_canaries(plan(Judge(lambda target, text: 1 / 0)))


def test_a_second_scorer_that_fails_stops_the_run_too() -> None:
    with pytest.raises(SuiteError, match="is not a number"):
        check_canaries(plan(exact(), scorers=[exact(), number_strict()]))


def test_samples_without_targets_cannot_show_that_a_suite_can_pass() -> None:
    with pytest.raises(SuiteError, match="cannot be shown to pass: none of the samples looked at has a target"):
        check_canaries(plan(Judge(lambda target, text: 0.0), [""]))


def test_a_suite_without_a_scorer_cannot_pass() -> None:
    with pytest.raises(SuiteError, match="it has no scorer"):
        check_canaries(plan(exact(), scorers=[]))


def test_a_suite_brings_planted_answers_that_fit_it() -> None:
    def plant(sample: Sample) -> Iterator[PlantedAnswer]:
        yield PlantedAnswer(kind="right", text=f"The answer is ({sample.target}).")
        yield PlantedAnswer(kind="wrong", text="A good question!" if sample.target != "A" else "B")

    samples = [Sample(id=letter, input="?", target=letter, choices=("w", "x", "y", "z")) for letter in "ABCD"]
    (table,) = check_canaries(plan_samples(choice(), samples, canaries=plant))
    assert len(table.scores) == 8


@pytest.mark.parametrize(
    ("canaries", "problem"),
    [
        (lambda sample: [1 / 0], r"its canaries for sample 's0' failed: ZeroDivisionError"),
        (lambda sample: ["Paris"], r"its canaries for sample 's0' hold 'Paris'; return PlantedAnswer objects"),
    ],
)
def test_canaries_of_an_author_that_fail_are_named(canaries: Callable[[Sample], list[object]], problem: str) -> None:
    with pytest.raises(SuiteError, match=problem):
        check_canaries(plan(exact(), canaries=canaries))


def test_few_samples_of_many_groups_are_looked_at() -> None:
    samples = [
        Sample(id=f"{group}/{row}", input="?", target=f"word{group}{row}", group=str(group))
        for group in range(20)
        for row in range(5)
    ]
    (table,) = check_canaries(plan_samples(exact(), samples))
    names = list(dict.fromkeys(score.sample for score in table.scores))
    assert len({name.partition("/")[0] for name in names}) == len(names) == 8
    (table,) = check_canaries(plan_samples(exact(), [sample for sample in samples if sample.group in "012"]))
    assert len({score.sample for score in table.scores}) == 8


def test_a_suite_without_cases_is_left_out() -> None:
    ready = plan(exact())
    assert check_canaries(RunPlan(plans=ready.plans, cases=())) == ()


@pytest.mark.parametrize(
    ("suite", "arguments"),
    [("mmlu", {}), ("mmlu", {"method": "logprobs"}), ("gsm8k", {}), ("gsm8k", {"num_fewshot": "8"})],
)
@pytest.mark.usefixtures("data_dir")
def test_built_in_suites_can_fail_and_can_pass(suite: str, arguments: dict[str, str]) -> None:
    settings = Settings(suites=(suite,), arguments=arguments, models=(ModelSpec(provider="mock", model="fixed:A"),))
    (table,) = check_canaries(plan_run(settings))
    assert table.message.endswith(f"planted answers of {suite} scored as they should be")
    assert {score.kind for score in table.scores} == {
        "right", "wrong", "refusing", "truncated", "empty", "injecting"
    }  # fmt: skip
