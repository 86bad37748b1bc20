import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from result_parts import FACTS, make_baseline, make_results

from pytest_lleval.analysis.gates import judge_gates
from pytest_lleval.core.gates import GateResult, parse_comparison, parse_threshold
from pytest_lleval.core.settings import Allowance


def judge(values, gate: str, **changes) -> GateResult:
    (found,) = judge_gates([make_results(values, **changes)], [parse_threshold("g", gate)])
    return found


def compare(new, base, rule: str, **changes) -> GateResult:
    baseline = make_baseline(base)
    (found,) = judge_gates([make_results(new, **changes)], [], [parse_comparison("c", rule)], baseline)
    return found


def test_a_threshold_passes_when_the_lower_bound_does():
    found = judge([1.0] * 90 + [0.0] * 10, "accuracy>=0.8")
    assert found.answer == "pass"
    assert found.message == "accuracy 0.900 [0.826, 0.945], n=100: the lower bound is >= 0.800"


def test_a_threshold_fails_when_the_upper_bound_is_below_it():
    found = judge([1.0] * 50 + [0.0] * 50, "accuracy>=0.8")
    assert (found.answer, found.fails) == ("fail", True)
    assert "the upper bound is not >= 0.800" in found.message


def test_in_between_a_threshold_is_undecided_and_says_how_many_samples_would_decide():
    found = judge([1.0] * 85 + [0.0] * 15, "accuracy>=0.8")
    assert (found.answer, found.fails) == ("undecided", True)
    assert found.evidence["needed"] == 471
    assert "about 471 samples would decide if 0.850 is the truth" in found.message


@pytest.mark.parametrize(("right", "answer"), [(80, "pass"), (79, "fail")])
def test_the_bare_mean_decides_where_it_was_asked_to_and_the_message_says_so(right, answer):
    found = judge([1.0] * right + [0.0] * (100 - right), "point>=0.8")
    assert found.answer == answer
    assert "the bare value is" in found.message


def test_an_upper_limit_is_held_by_the_upper_bound():
    seconds = dict.fromkeys(range(200), 0.5)
    assert judge([1.0] * 200, "latency_p50<=0.6", seconds=seconds).answer == "pass"
    assert judge([1.0] * 200, "latency_p50<=0.4", seconds=seconds).answer == "fail"


def test_a_group_is_judged_alone():
    groups = {number: "a" if number < 50 else "b" for number in range(100)}
    assert judge([1.0] * 50 + [0.0] * 50, "s/a:accuracy>=0.9", groups=groups).answer == "pass"
    assert judge([1.0] * 50 + [0.0] * 50, "s/b:accuracy>=0.9", groups=groups).answer == "fail"


def test_samples_of_one_cluster_count_for_less():
    values = ([1.0] * 19 + [0.0]) * 10
    clusters = {number: f"text {number // 20}" for number in range(200)}
    bad = [1.0] * 190 + [0.0] * 10
    alone = judge(bad, "accuracy>=0.9")
    together = judge(bad, "accuracy>=0.9", clusters=clusters)
    assert alone.answer == "pass"
    assert together.answer == "undecided"
    assert judge(values, "accuracy>=0.9").answer == "pass"


def test_pass_at_k_and_pass_hat_k_take_all_epochs_of_a_sample():
    half = dict.fromkeys(range(100), 4)
    some, every = judge([0.5] * 100, "pass@4>=0.9", epochs=half), judge([0.5] * 100, "pass^4>=0.9", epochs=half)
    assert (some.answer, every.answer) == ("pass", "fail")
    assert judge([1.0] * 100, "pass@2>=0.5").answer == "unmeasured"


@pytest.mark.parametrize("gate", ["nonsense>=0.5", "s/nowhere:accuracy>=0.5", "other:accuracy>=0.5", "cost<=1"])
def test_what_was_not_measured_is_neither_good_nor_bad(gate):
    found = judge([1.0] * 100, gate)
    assert (found.answer, found.fails) == ("unmeasured", True)


def test_a_run_in_which_everything_errored_is_never_green():
    found = judge([], "accuracy>=0", unscored={"error": 20})
    assert (found.answer, found.message) == ("unmeasured", "nothing was scored (error 20)")


def test_more_unscored_answers_than_allowed_make_a_gate_unmeasured():
    part, gate = make_results([1.0] * 98, unscored={"error": 2}), [parse_threshold("g", "accuracy>=0.5")]
    (strict,) = judge_gates([part], gate)
    (lenient,) = judge_gates([part], gate, allowed=Allowance(value=0.02, relative=True))
    assert strict.answer == "unmeasured"
    assert "2 of 100 answers could not be scored" in strict.message
    assert lenient.answer == "pass"


BASE = [1.0] * 280 + [0.0] * 120


def test_the_same_answers_again_pass():
    found = compare(BASE, BASE, "accuracy:0.02")
    assert found.answer == "pass"
    assert "0 fell and 0 rose" in found.message


def test_a_clear_loss_fails():
    found = compare([0.0] * 40 + BASE[40:], BASE, "accuracy:2%")
    assert found.answer == "fail"
    assert found.evidence["fell"] == 40
    assert "worse, by more than tolerated" in found.message


def test_a_loss_of_few_samples_is_undecided_and_says_what_could_be_seen():
    found = compare([0.0] * 3 + [1.0] * 20 + [0.0] * 7, [1.0] * 23 + [0.0] * 7, "accuracy:0.02")
    assert found.answer == "undecided"
    assert "these 30 samples could show one from" in found.message
    assert "would decide if this is the truth" in found.message


def test_a_gain_passes_whatever_the_tolerance():
    assert compare([1.0] * 340 + [0.0] * 60, BASE, "accuracy:0").answer == "pass"


def test_a_significant_loss_within_the_tolerance_does_not_fail():
    found = compare([0.0] * 30 + [1.0] * 3970, [1.0] * 4000, "accuracy:0.02")
    assert found.evidence["p_worse"] < 0.001
    assert found.answer == "pass"


def test_comparisons_share_their_false_alarms_over_suites():
    """A p-value of 0.03 is a finding alone, and none of twenty."""
    new, base = [0.0] * 5 + [1.0] * 95, [1.0] * 100
    rule = parse_comparison("c", "accuracy:0.01")
    alone = judge_gates([make_results(new)], [], [rule], make_baseline(base))
    assert (alone[0].answer, round(alone[0].evidence["p_holm"], 3)) == ("fail", 0.031)
    many = [make_results(new if number == 0 else base, suite=f"s{number}") for number in range(20)]
    baseline = make_baseline(base)
    baseline = type(baseline)(place="b", results=[make_results(base, suite=part.suite) for part in many])
    answers = [found.answer for found in judge_gates(many, [], [rule], baseline)]
    assert answers[0] == "undecided"


@pytest.mark.parametrize("name", ["version", "dataset", "edition"])
def test_another_task_is_not_compared(name):
    found = compare(BASE, BASE, "accuracy:2%", facts={**FACTS, name: "other"})
    assert found.answer == "unmeasured"
    assert "than the baseline's: 'other', not" in found.message


def test_a_suite_the_baseline_does_not_have_is_unmeasured():
    found = compare(BASE, BASE, "accuracy:2%", suite="t")
    assert found.answer == "unmeasured"


def test_only_samples_of_both_runs_are_compared():
    found = compare(BASE[:300], BASE, "accuracy:0.05")
    assert found.evidence["n"] == 300


def test_slower_answers_fail_and_faster_ones_pass():
    slow = {number: 0.7 + number % 7 / 100 for number in range(400)}
    base = {number: 0.5 + number % 5 / 100 for number in range(400)}
    baseline = make_baseline(BASE, seconds=base)
    rule = [parse_comparison("c", "latency_p50:10%")]
    (worse,) = judge_gates([make_results(BASE, seconds=slow)], [], rule, baseline)
    (same,) = judge_gates([make_results(BASE, seconds=base)], [], rule, baseline)
    assert (worse.answer, same.answer) == ("fail", "pass")


def test_costs_are_compared_by_their_sum_and_unknown_prices_are_said():
    cents = {number: 0.01 + number % 3 / 1000 for number in range(400)}
    dear = {number: cost * 1.2 for number, cost in cents.items()}
    rule = [parse_comparison("c", "cost:5%")]
    (worse,) = judge_gates([make_results(BASE, costs=dear)], [], rule, make_baseline(BASE, costs=cents))
    (unknown,) = judge_gates([make_results(BASE)], [], rule, make_baseline(BASE))
    assert worse.answer == "fail"
    assert unknown.answer == "unmeasured"
    assert "input_price" in unknown.message


PAIRS = st.lists(st.tuples(st.sampled_from([0.0, 0.5, 1.0]), st.sampled_from([0.0, 0.5, 1.0])), min_size=1, max_size=60)


@given(pairs=PAIRS, rule=st.sampled_from(["accuracy:0", "accuracy:0.02", "accuracy:10%", "latency_p50:5%"]))
@settings(deadline=None, max_examples=60)
def test_every_comparison_has_one_answer_with_a_sentence(pairs, rule):
    found = compare([new for new, _ in pairs], [base for _, base in pairs], rule)
    assert found.answer in ("pass", "fail", "undecided", "unmeasured")
    assert found.message


@given(values=st.lists(st.sampled_from([0.0, 0.3, 1.0]), min_size=1, max_size=60), at=st.floats(0, 1))
@settings(deadline=None, max_examples=60)
def test_a_threshold_that_passes_also_passes_by_its_bare_mean(values, at):
    by_bound, by_mean = judge(values, f"accuracy>={at:.4f}"), judge(values, f"point>={at:.4f}")
    if by_bound.answer == "pass":
        assert by_mean.answer == "pass"
    if by_bound.answer == "fail":
        assert by_mean.answer == "fail"
