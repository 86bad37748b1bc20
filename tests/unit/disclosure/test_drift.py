import pytest
from environment_parts import make_samples

from pytest_lleval.disclosure.drift import find_slowdown, find_waiting, measure_speed
from pytest_lleval.disclosure.series import make_series


def series_of(count: int = 8, **columns: object):
    return make_series({"samples": make_samples(count, **columns)})


def loops(*values: float) -> dict[str, list[float]]:
    return {"reference_cpu_ms": list(values), "reference_wall_ms": list(values)}


def test_a_loop_that_stays_within_its_jitter_is_no_drift() -> None:
    assert find_slowdown(series_of(**loops(0.5, 0.53, 0.49, 0.55, 0.5, 0.58, 0.49, 0.52))) == []


def test_a_loop_that_becomes_slower_is_told_with_its_size() -> None:
    (found,) = find_slowdown(series_of(**loops(0.5, 0.5, 0.51, 0.5, 0.75, 0.75, 0.74, 0.76)))
    assert (found.kind, found.severity) == ("slowdown", "warning")
    assert found.message.startswith("the processor was 50% slower around second")
    assert "reference loop 0.75 and 0.50 ms of CPU time" in found.message
    assert found.evidence["ratio"] == 1.5


def test_a_slow_stretch_in_the_middle_is_found_too() -> None:
    (found,) = find_slowdown(series_of(**loops(0.5, 0.5, 0.5, 0.8, 0.8, 0.8, 0.5, 0.5)))
    assert "around second 6 than around second 2" in found.message


def test_single_slow_samples_are_jitter() -> None:
    assert find_slowdown(series_of(**loops(0.5, 0.9, 0.5, 0.5, 0.9, 0.5, 0.5, 0.9))) == []


@pytest.mark.parametrize(("second", "count"), [(0.7, 0), (0.8, 1)])
def test_two_samples_must_differ_more(second: float, count: int) -> None:
    assert len(find_slowdown(series_of(2, **loops(0.5, second)))) == count


def test_wall_time_alone_is_no_slower_clock() -> None:
    assert find_slowdown(series_of(reference_wall_ms=[0.5] * 4 + [2.0] * 4)) == []


def test_wall_time_serves_where_cpu_time_is_not_known() -> None:
    (found,) = find_slowdown(series_of(reference_cpu_ms=None, reference_wall_ms=[0.5] * 4 + [2.0] * 4))
    assert found.evidence["ratio"] == 4.0


def test_a_slower_loop_under_load_of_our_own_is_a_note() -> None:
    columns = loops(0.5, 0.5, 0.5, 0.5, 0.8, 0.8, 0.8, 0.8)
    (found,) = find_slowdown(series_of(own_share=[0.1] * 4 + [0.95] * 4, **columns))
    assert found.severity == "note"
    assert found.message.endswith("this run's own load had risen from 10% to 95% of the machine")


def test_the_idle_moment_before_our_own_load_is_not_compared() -> None:
    assert find_slowdown(series_of(4, own_share=0.95, **loops(0.5, 0.8, 0.8, 0.8))) == []


def test_a_slow_down_under_steady_load_of_our_own_is_a_warning() -> None:
    columns = loops(0.5, 0.8, 0.8, 0.8, 0.8, 1.2, 1.2, 1.2)
    (found,) = find_slowdown(series_of(own_share=0.95, **columns))
    assert (found.severity, found.evidence["ratio"]) == ("warning", 1.5)


def test_a_clock_that_falls_makes_a_small_slow_down_count() -> None:
    columns = loops(0.5, 0.5, 0.5, 0.5, 0.58, 0.58, 0.58, 0.58)
    assert find_slowdown(series_of(**columns)) == []
    (found,) = find_slowdown(series_of(cpu_mhz=[3500.0] * 4 + [2500.0] * 4, **columns))
    assert found.message.endswith("its clock 2,500 instead of 3,500 MHz")


def test_a_clock_that_idles_is_no_finding() -> None:
    assert find_slowdown(series_of(cpu_mhz=[3500.0] * 4 + [800.0] * 4)) == []


def test_waiting_that_is_not_our_own_doing_is_told() -> None:
    (found,) = find_waiting(series_of(reference_wall_ms=0.8))
    assert (found.kind, found.severity) == ("waiting", "warning")
    assert "0.80 ms passed for 0.50 ms of work" in found.message


@pytest.mark.parametrize(
    "columns",
    [
        {"reference_wall_ms": 0.55},
        {"reference_wall_ms": 2.0, "own_share": 0.9},
        {"reference_wall_ms": 2.0, "own_share": None},
        {"reference_wall_ms": [2.0] * 3 + [0.5] * 5},
        {"reference_wall_ms": 2.0, "reference_cpu_ms": None},
    ],
    ids=["little", "own load", "own load unknown", "at times", "no CPU time"],
)
def test_other_waiting_is_not(columns: dict[str, object]) -> None:
    assert find_waiting(series_of(**columns)) == []


def test_speed_is_the_best_loop() -> None:
    assert measure_speed(series_of(4, **loops(0.6, 0.5, 0.7, 0.9))) == 0.5
    assert measure_speed(series_of(0)) is None
