import pytest
from environment_parts import FINGERPRINT, make_samples

from pytest_lleval.disclosure.pressure import (
    find_foreign_load,
    find_heat,
    find_memory_pressure,
    find_steal,
    find_throttling,
)
from pytest_lleval.disclosure.series import make_series


def series_of(count: int = 8, step: float = 2.0, **columns: object):
    return make_series({"samples": make_samples(count, step, **columns), "fingerprint": FINGERPRINT})


def test_a_quiet_machine_has_no_findings() -> None:
    for detect in (find_foreign_load, find_steal, find_throttling, find_memory_pressure, find_heat):
        assert detect(series_of()) == []


@pytest.mark.parametrize(
    ("shares", "when"),
    [
        ([0.5] * 8, "50% of the machine all the time"),
        ([0.0] * 4 + [0.5] * 4, "50% of the machine from second 6 on"),
        ([0.0] * 2 + [0.4] * 3 + [0.0] * 3, "40% of the machine from second 2 to 8"),
        ([0.0, 0.4, 0.0, 0.4, 0.0, 0.4, 0.0, 0.0], "40% of the machine for 6 of 14 s"),
    ],
)
def test_load_of_others_is_told_with_its_size_and_time(shares: list[float], when: str) -> None:
    (found,) = find_foreign_load(series_of(foreign_share=shares))
    assert found.severity == "warning"
    assert found.message == f"other processes took {when}"


def test_a_moment_of_load_is_a_note() -> None:
    (found,) = find_foreign_load(series_of(60, 1.0, foreign_share=[0.0] * 30 + [0.6] * 4 + [0.0] * 26))
    assert found.severity == "note"
    assert found.message.endswith("at most 60%, for 4.0 of 59 s")
    (found,) = find_foreign_load(series_of(foreign_share=0.15))
    assert (found.severity, found.message) == ("note", "other processes took 15% of the machine on average")


def test_little_of_others_matters_where_nothing_is_left() -> None:
    (found,) = find_foreign_load(series_of(foreign_share=0.2, own_share=0.78, busy_share=0.98))
    assert found.severity == "warning"
    (found,) = find_foreign_load(series_of(foreign_share=0.2, own_share=0.3, busy_share=0.5))
    assert found.severity == "note"


def test_our_own_load_is_not_foreign() -> None:
    assert find_foreign_load(series_of(own_share=0.97, busy_share=1.0, foreign_share=0.03)) == []


@pytest.mark.parametrize(("share", "severity"), [(0.2, "warning"), (0.03, "note")])
def test_time_the_hypervisor_gave_others_is_told(share: float, severity: str) -> None:
    (found,) = find_steal(series_of(steal_share=share))
    assert found.severity == severity
    assert found.message.startswith(f"the hypervisor gave others {share:.0%} of the machine")
    assert find_steal(series_of(steal_share=0.01)) == []


@pytest.mark.parametrize(("seconds", "severity"), [(7.0, "warning"), (0.01, "note")])
def test_throttling_by_a_limit_is_told(seconds: float, severity: str) -> None:
    columns = {"throttled": [5] * 4 + [25] * 4, "throttled_s": [1.0] * 4 + [1.0 + seconds] * 4}
    (found,) = find_throttling(series_of(**columns))
    assert found.severity == severity
    assert "stopped processes 20 times" in found.message
    assert found.evidence == {"throttled": 20, "throttled_s": seconds}


def test_throttling_of_the_past_is_not() -> None:
    assert find_throttling(series_of(throttled=500, throttled_s=100.0)) == []


def test_memory_all_but_used_up_is_told() -> None:
    (found,) = find_memory_pressure(series_of(memory_available_bytes=[8e9] * 6 + [4e8] * 2))
    assert found.message == "only 400 MB of 16,000 MB of memory were left"
    assert find_memory_pressure(series_of(memory_available_bytes=1e9)) == []


@pytest.mark.parametrize(("growth", "severity"), [(3e8, "warning"), (2e7, "note")])
def test_swapping_is_told(growth: float, severity: str) -> None:
    (found,) = find_memory_pressure(series_of(swap_out_bytes=[1e6] * 4 + [1e6 + growth] * 4))
    assert found.severity == severity
    assert found.message == f"memory was swapped: {growth / 1e6:,.0f} MB out, 0 MB in"
    assert find_memory_pressure(series_of(swap_out_bytes=1e9)) == []


def test_a_processor_near_its_critical_temperature_is_told() -> None:
    (found,) = find_heat(series_of(temperature_margin_c=[30.0] * 4 + [2.0] * 4))
    assert found.message == "the processor came within 2 °C of its critical temperature"
    assert find_heat(series_of(temperature_margin_c=[30.0] * 7 + [2.0])) == []


@pytest.mark.parametrize(("reason", "severity"), [("hardware thermal slowdown", "warning"), ("power cap", "note")])
def test_a_gpu_that_slows_itself_down_is_told(reason: str, severity: str) -> None:
    cool = [{"temperature_c": 60, "throttles": []}]
    hot = [{"temperature_c": 92, "throttles": [reason]}, {"temperature_c": None, "throttles": None}]
    (found,) = find_heat(series_of(gpus=[cool] * 4 + [hot] * 4))
    assert found.severity == severity
    assert found.message == f"a GPU lowered its clock in 4 of 8 samples: {reason}, at up to 92 °C"
    assert find_heat(series_of(gpus=[cool] * 7 + [hot])) == []
    assert find_heat(series_of(gpus=[cool] * 8)) == []
