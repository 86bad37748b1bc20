import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from run_parts import make_completion, make_record

from pytest_lleval.analysis.metrics import measure_metric
from pytest_lleval.analysis.summary import SuiteSummary, Traffic, measure_traffic, summarise_run
from pytest_lleval.core.records import FailedAttempt, Record, Score, Timing, Usage
from pytest_lleval.core.results import Results, SampleResult


def summarise(records: list[Record], metrics: tuple[str, ...] = ("accuracy",)) -> SuiteSummary:
    (summary,) = summarise_run(records, {"s": metrics})
    return summary


def read_accuracy(records: list[Record]) -> float:
    return summarise(records).metrics[0].estimate.value


def test_accuracy_is_the_mean_over_cases() -> None:
    records = [make_record("a"), make_record("b", 0.0), make_record("c"), make_record("d", 0.5)]
    estimate = summarise(records).metrics[0].estimate
    assert (estimate.value, estimate.n) == (0.625, 4)


def test_epochs_are_averaged_within_their_case() -> None:
    """A case asked three times weighs no more than one asked once."""
    records = [make_record("a", value, epoch=epoch) for epoch, value in enumerate((1.0, 1.0, 0.0), start=1)]
    summary = summarise([*records, make_record("b", 0.0)])
    assert summary.metrics[0].estimate.value == pytest.approx((2 / 3 + 0) / 2)
    assert summary.metrics[0].estimate.n == summary.cases == 2
    assert summary.scored == 4


def test_unscored_cases_are_counted_by_cause_and_are_no_wrong_answers() -> None:
    records = [
        make_record("a"),
        make_record("b", None),
        make_record("c", None, cause="refused"),
        make_record("d", None, cause="refused"),
    ]
    summary = summarise(records)
    assert summary.unscored == {"error": 1, "refused": 2}
    assert (summary.cases, summary.scored) == (4, 1)
    assert (summary.metrics[0].estimate.value, summary.metrics[0].estimate.n) == (1.0, 1)


def test_a_run_that_scored_nothing_has_no_number() -> None:
    summary = summarise([make_record("a", None)])
    assert (summary.metrics, summary.groups, summary.scored) == ((), (), 0)


def test_a_journal_without_records_has_no_summary() -> None:
    assert summarise_run([]) == ()


def test_groups_are_told_apart_and_sorted() -> None:
    records = [make_record("a", 1.0, group="z"), make_record("b", 0.0, group="y"), make_record("c", 1.0, group="y")]
    groups = summarise(records).groups
    assert [(found.group, found.estimate.value, found.estimate.n) for found in groups] == [("y", 0.5, 2), ("z", 1.0, 1)]


def test_macro_accuracy_weighs_groups_alike_and_is_there_only_when_declared() -> None:
    records = [make_record(f"y{row}", 1.0, group="y") for row in range(6)]
    records += [make_record(f"z{row}", 0.0, group="z") for row in range(2)]
    assert [metric.name for metric in summarise(records).metrics] == ["accuracy"]
    micro, macro = summarise(records, ("accuracy", "macro_accuracy")).metrics
    assert (micro.name, micro.estimate.value) == ("accuracy", 0.75)
    assert (macro.name, macro.estimate.value) == ("macro_accuracy", 0.5)


def test_macro_accuracy_of_one_group_says_nothing_more() -> None:
    metrics = summarise([make_record("a", group="y")], ("accuracy", "macro_accuracy")).metrics
    assert [metric.name for metric in metrics] == ["accuracy"]


def test_every_scorer_has_its_metric_and_the_first_one_makes_the_groups() -> None:
    scores = (Score(name="strict", value=0.0), Score(name="flexible", value=1.0))
    summary = summarise([make_record("a", group="y", scores=scores), make_record("b", group="z", scores=scores)])
    assert [(metric.scorer, metric.estimate.value) for metric in summary.metrics] == [
        ("strict", 0.0),
        ("flexible", 1.0),
    ]
    assert [group.estimate.value for group in summary.groups] == [0.0, 0.0]


def test_suites_and_models_are_summarised_apart_in_order_of_appearance() -> None:
    records = [make_record("a", suite="t"), make_record("a"), make_record("a", case="s::a[n]", model="openai/n")]
    assert [(found.suite, found.model) for found in summarise_run(records)] == [
        ("t", "openai/m"),
        ("s", "openai/m"),
        ("s", "openai/n"),
    ]


def test_samples_of_one_cluster_widen_the_interval() -> None:
    values = [1.0] * 5 + [0.0] * 5
    alone = [make_record(f"q{row}", value) for row, value in enumerate(values)]
    together = [make_record(f"q{row}", value, cluster=f"text {row // 5}") for row, value in enumerate(values)]
    (one,), (two,) = (summarise(records).metrics for records in (alone, together))
    assert (one.estimate.method, two.estimate.method) == ("Wilson", "Wilson, clustered")
    assert two.estimate.low < one.estimate.low < one.estimate.high < two.estimate.high


def test_groups_and_macro_accuracy_know_of_clusters_as_gates_do() -> None:
    values = [1.0, 1.0, 0.0, 0.0, 1.0, 1.0, 1.0, 0.0]
    records = [
        make_record(f"q{row}", value, group="xy"[row // 4], cluster=f"text {row // 2}")
        for row, value in enumerate(values)
    ]
    summary = summarise(records, ("accuracy", "macro_accuracy"))
    assert [group.estimate.method for group in summary.groups] == ["Wilson, clustered"] * 2
    samples = {
        f"q{row}": SampleResult(scores=(value,), group="xy"[row // 4], cluster=f"text {row // 2}")
        for row, value in enumerate(values)
    }
    results = Results(suite="s", model="m", facts={}, scorers=("exact",), samples=samples)
    for found in summary.metrics:
        measure = measure_metric(found.name, results)
        assert measure is not None
        assert (found.estimate.low, found.estimate.high) == (measure.low, measure.high)


def test_what_was_not_asked_any_more_is_neither_scored_nor_unscored() -> None:
    summary = summarise([make_record("a"), make_record("b", None), make_record("c", None, cause="decided")])
    assert (summary.cases, summary.scored, summary.unscored, summary.not_run) == (2, 1, {"error": 1}, 1)


def test_epochs_say_where_the_variance_lies_and_how_the_calls_are_better_spent() -> None:
    values = [(1.0, 0.0), (0.0, 1.0), (1.0, 1.0), (0.0, 0.0)] * 10
    records = [
        make_record(f"q{row}", value, epoch=epoch)
        for row, pair in enumerate(values)
        for epoch, value in enumerate(pair, start=1)
    ]
    found = summarise(records).epochs
    assert found is not None
    assert found.epochs == 2.0
    assert found.within == pytest.approx(0.25)
    assert (found.best_samples, found.best_epochs) == (80, 1)
    assert found.best_error < found.error
    (limited,) = summarise_run(records, available={"s": 40})
    assert limited.epochs is not None
    assert (limited.epochs.best_samples, limited.epochs.best_epochs) == (40, 2)
    assert summarise([make_record("a"), make_record("b")]).epochs is None


def test_traffic_counts_what_went_over_the_wire() -> None:
    records = [
        make_record("a"),
        make_record("b", failures=(FailedAttempt(error="busy", status=429), FailedAttempt(error="gone"))),
        make_record("c", completion=make_completion(usage=Usage())),
        make_record("d", completion=make_completion(cached=True)),
        make_record("e", None),
        make_record("g", None, failures=(FailedAttempt(error="gone"),) * 2),
        make_record("f", None, cause="refused", completion=make_completion()),
    ]
    traffic = measure_traffic(records)
    assert traffic == Traffic(
        requests=8, retried=2, input_tokens=30, output_tokens=6, without_usage=1, cache_hits=1, span=traffic.span
    )


def record_call(start: float, queued: float, total: float) -> Record:
    return make_record(str(start), started=start, completion=make_completion(timing=Timing(queued=queued, total=total)))


@pytest.mark.parametrize(
    ("calls", "span"),
    [
        ([], 0.0),
        ([(100.0, 0.0, 2.0)], 2.0),
        ([(100.0, 0.0, 2.0), (101.0, 0.0, 2.0)], 3.0),
        ([(100.0, 0.0, 9.0), (101.0, 0.0, 2.0), (108.0, 0.0, 3.0)], 11.0),
        ([(100.0, 3.0, 2.0)], 2.0),
        # resumed an hour later
        ([(100.0, 0.0, 2.0), (3700.0, 0.0, 4.0)], 6.0),
    ],
)
def test_the_time_of_asking_is_the_time_in_which_some_request_waited(
    calls: list[tuple[float, float, float]], span: float
) -> None:
    assert measure_traffic([record_call(*call) for call in calls]).span == pytest.approx(span)


VALUES = st.sampled_from([None, 0.0, 1.0, 0.1, 0.3, 0.7])
ROWS = st.lists(
    st.tuples(st.integers(0, 9), st.sampled_from("xyz"), st.integers(1, 2), VALUES), min_size=1, max_size=25
)


@given(rows=ROWS, data=st.data())
@settings(max_examples=80, deadline=None)
def test_the_order_in_which_answers_came_changes_no_number(rows: list[tuple], data: st.DataObject) -> None:
    records = {
        (group, number, epoch): make_record(
            f"{group}{number}", value, group=group, epoch=epoch, started=float(number), suite=group.replace("z", "x")
        )
        for number, group, epoch, value in rows
    }
    shuffled = data.draw(st.permutations(list(records.values())))
    names = dict.fromkeys("xy", ("accuracy", "macro_accuracy"))

    def key(summary: SuiteSummary) -> str:
        return summary.suite

    expected = summarise_run(records.values(), names)
    assert sorted(summarise_run(shuffled, names), key=key) == sorted(expected, key=key)


@pytest.mark.parametrize("seed", [5, 13, 19])
def test_sums_over_groups_are_the_same_to_the_last_digit(seed: int) -> None:
    """With these seeds a plain sum over the groups depends on their order."""
    draw = random.Random(seed)
    records = [make_record(f"{group}/{row}", draw.random(), group=str(group)) for group in range(5) for row in range(3)]
    metrics = ("accuracy", "macro_accuracy")
    expected = summarise(records, metrics).metrics
    for _ in range(30):
        draw.shuffle(records)
        assert summarise(records, metrics).metrics == expected


@given(rows=ROWS)
@settings(max_examples=50, deadline=None)
def test_every_record_is_either_scored_or_unscored_and_counted_once(rows: list[tuple]) -> None:
    records = [make_record(f"{group}{number}", value, group=group, epoch=epoch) for number, group, epoch, value in rows]
    latest = {(record.case, record.epoch): record for record in records}
    summary = summarise(list(latest.values()))
    assert summary.scored + sum(summary.unscored.values()) == len(latest)
    scored_cases = {record.case for record in latest.values() if record.outcome == "scored"}
    assert sum(group.estimate.n for group in summary.groups) == len(scored_cases)
