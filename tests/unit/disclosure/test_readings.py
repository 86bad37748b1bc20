import json
import sys
import time
import warnings
from types import SimpleNamespace

import psutil
import pytest

from pytest_lleval.disclosure import readings
from pytest_lleval.disclosure.readings import EnvironmentSample, MachineReader


def refuse(*words: object, **options: object) -> None:
    raise psutil.AccessDenied


def make_sensor(current: float, critical: float | None) -> SimpleNamespace:
    return SimpleNamespace(label="", current=current, high=None, critical=critical)


def test_a_sample_of_this_machine_is_small_json() -> None:
    reader = MachineReader()
    reader.read()
    time.sleep(0.25)
    sample = reader.read().to_json()
    assert json.loads(json.dumps(sample)) == sample
    assert len(json.dumps(sample)) < 1500
    assert abs(sample["at"] - time.time()) < 5
    assert sample["interval_s"] >= 0.25
    assert 0 <= sample["own_share"] <= sample["busy_share"] + 0.2
    assert sample["memory_available_bytes"] > 0


def test_a_sample_costs_little() -> None:
    reader = MachineReader()
    reader.read()
    costs = [reader.read().cost_ms for _ in range(5)]
    assert min(costs) < 20  # measured: 5


def test_what_is_not_known_is_left_out_of_the_json() -> None:
    assert EnvironmentSample(at=1.5).to_json() == {"at": 1.5}
    sample = EnvironmentSample(at=1.5, load=0.0, gpus=({"clock_mhz": 5},), own_share=1 / 3)
    assert sample.to_json() == {"at": 1.5, "load": 0.0, "gpus": [{"clock_mhz": 5}], "own_share": 0.3333}


def test_a_machine_that_tells_nothing_still_has_its_reference(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = ("cpu_times", "virtual_memory", "swap_memory", "cpu_freq", "getloadavg", "sensors_temperatures")
    for name in asked:
        monkeypatch.setattr(readings.psutil, name, refuse, raising=False)
    sample = MachineReader().read()
    assert sample.reference_wall_ms > 0
    assert (sample.own_share, sample.cpu_mhz, sample.load, sample.swap_in_bytes) == (None, None, None, None)
    assert (sample.temperature_c, sample.temperature_margin_c) == (None, None)


def test_a_system_without_these_questions_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("cpu_freq", "sensors_temperatures"):
        monkeypatch.delattr(readings.psutil, name, raising=False)
    sample = MachineReader().read()
    assert (sample.cpu_mhz, sample.temperature_c) == (None, None)


def test_a_warning_of_a_sensor_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        readings.psutil, "swap_memory", lambda: warnings.warn("'sin' could not be found", RuntimeWarning, stacklevel=1)
    )
    assert MachineReader().read().swap_in_bytes is None


def test_the_hottest_sensor_is_told_and_how_near_a_processor_is_to_its_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    sensors = {
        "coretemp": [make_sensor(80.0, 100.0), make_sensor(91.0, 100.0)],
        "nvme": [make_sensor(95.0, 96.0)],  # a disk's limit says nothing of the processor
        "acpitz": [make_sensor(27.0, 20.0), make_sensor(0.0, 100.0)],  # firmware that does not know
    }
    monkeypatch.setattr(readings.psutil, "sensors_temperatures", lambda: sensors, raising=False)
    sample = MachineReader().read()
    assert (sample.temperature_c, sample.temperature_margin_c) == (95.0, 9.0)


def test_memory_left_is_that_of_the_tighter_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        readings,
        "find_cgroup",
        lambda: SimpleNamespace(read_memory_left=lambda: 1000, read_throttling=lambda: (3, 0.25)),
    )
    sample = MachineReader().read()
    assert sample.memory_available_bytes == 1000
    assert (sample.throttled, sample.throttled_s) == (3, 0.25)


@pytest.mark.skipif(sys.platform != "linux", reason="psutil warns on Linux alone")
def test_swap_is_not_asked_where_psutil_would_warn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readings, "Path", lambda name: SimpleNamespace(exists=lambda: False))
    monkeypatch.setattr(readings.psutil, "swap_memory", lambda: pytest.fail("asked"))
    assert MachineReader().read().swap_out_bytes is None
