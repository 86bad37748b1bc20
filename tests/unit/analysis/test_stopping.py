import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from result_parts import make_baseline, make_results

from pytest_lleval.analysis.gates import judge_gates
from pytest_lleval.analysis.stopping import GateWatch, SuiteWatch, check_decidable, replay_watch
from pytest_lleval.core.errors import UsageError
from pytest_lleval.core.gates import parse_comparison, parse_threshold

GATE = parse_threshold("g", "accuracy>=0.5")


def watch(*gates, baseline=None) -> SuiteWatch:
    base = baseline.find("s", "openai/m") if baseline else None
    return SuiteWatch(
        [f"q{number:05}" for number in range(400)], [GateWatch(gate, "s", "openai/m", base) for gate in gates]
    )


def feed(watched: SuiteWatch, values) -> int | None:
    """Return after how many samples all gates were decided."""
    for number, value in enumerate(values):
        watched.enter(f"q{number:05}", "", {} if value is None else {"exact": value})
        if watched.decided:
            return number + 1
    return None


def test_a_clear_case_is_decided_after_few_samples():
    assert feed(watch(GATE), [1.0] * 400) < 15
    assert feed(watch(GATE), [0.0] * 400) < 15


def test_a_close_case_is_not_decided():
    assert feed(watch(GATE), [1.0, 0.0] * 200) is None


def test_all_gates_must_be_decided():
    close = parse_threshold("g", "accuracy>=0.98")
    assert feed(watch(GATE, close), [1.0] * 60) is None


def test_samples_that_could_not_be_scored_are_passed_over():
    alone = feed(watch(GATE), [1.0] * 100)
    assert feed(watch(GATE), [None, *[1.0] * 100]) == alone + 1


def test_answers_are_looked_at_in_the_fixed_order_however_they_came():
    """The quick ones first would be no random draw."""
    values = [float(number % 3 > 0) for number in range(400)]
    names = list(range(400))
    random.Random(3).shuffle(names)
    shuffled, ordered = watch(GATE), watch(GATE)
    for number in names:
        shuffled.enter(f"q{number:05}", "", {"exact": values[number]})
    feed(ordered, values)
    assert shuffled.decided == ordered.decided
    gap = watch(GATE)
    for number in range(1, 400):
        gap.enter(f"q{number:05}", "", {"exact": 1.0})
    assert not gap.decided


def test_a_comparison_is_decided_by_differences_from_the_baseline():
    baseline = make_baseline([1.0] * 400)
    rule = parse_comparison("c", "accuracy:0.05")
    worse, same = watch(rule, baseline=baseline), watch(rule, baseline=baseline)
    assert feed(worse, [0.0] * 400) < 15
    assert feed(same, [1.0] * 400) < 150


def test_an_upper_limit_mirrors_a_lower_one():
    limit = parse_threshold("g", "accuracy<=0.5")
    low, high = watch(limit), watch(limit)
    feed(low, [0.0] * 50)
    feed(high, [1.0] * 50)
    assert (low._gates[0].verdict, high._gates[0].verdict) == ("pass", "fail")


@pytest.mark.parametrize("text", ["point>=0.5", "macro_accuracy>=0.5", "latency_p50<=1", "cost<=1", "pass@2>=0.5"])
def test_gates_that_no_single_sample_bears_on_are_refused(text):
    with pytest.raises(UsageError, match="cannot be decided sample by sample"):
        check_decidable([parse_threshold("g", text)])


@given(values=st.lists(st.sampled_from([0.0, 0.5, 1.0]), min_size=1, max_size=120))
@settings(deadline=None, max_examples=60)
def test_a_replay_decides_as_it_was_decided_while_it_ran(values):
    live = watch(GATE)
    after = feed(live, values)
    (found,) = replay_watch(make_results(values), [GATE], None, lambda sample: sample)
    assert found.verdict == live._gates[0].verdict
    if after is not None:
        assert found.samples == after


def test_an_early_answer_stands_in_the_report_with_its_own_interval():
    results = make_results([1.0] * 40)
    stopped = replay_watch(results, [GATE], None, lambda sample: sample)
    (found,) = judge_gates([results], [GATE], stopped=stopped)
    assert found.answer == "pass"
    assert "decided after" in found.message
    assert "anytime-valid" in found.message


def test_what_the_sequence_leaves_open_is_undecided_though_the_plain_interval_would_decide():
    """Falling back on the other interval would add its errors to those of the sequence."""
    results = make_results([1.0] * 62 + [0.0] * 38)
    assert judge_gates([results], [GATE])[0].answer == "pass"
    stopped = replay_watch(results, [GATE], None, lambda sample: sample[::-1])
    (found,) = judge_gates([results], [GATE], stopped=stopped)
    assert found.answer == ("pass" if stopped[0].verdict else "undecided")
    assert stopped[0].verdict is None
