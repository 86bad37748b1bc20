import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from pytest_lleval.disclosure import gpus
from pytest_lleval.disclosure.gpus import describe_gpus, read_gpus


class NvmlFault(Exception):  # noqa: N818
    """Like the package's own, which is no subclass of anything in particular."""


def fail(*words: object) -> None:
    raise NvmlFault("not supported")


def make_driver(**changes: object) -> SimpleNamespace:
    answers = {
        "nvmlInit": lambda: None,
        "nvmlDeviceGetCount": lambda: 2,
        "nvmlDeviceGetHandleByIndex": lambda index: index,
        "nvmlDeviceGetName": lambda handle: b"L4" if handle else "L4",
        "nvmlSystemGetDriverVersion": lambda: "570.1",
        "nvmlDeviceGetTemperature": lambda handle, sensor: 70 + handle,
        "nvmlDeviceGetClockInfo": lambda handle, kind: 1500,
        "nvmlDeviceGetUtilizationRates": lambda handle: SimpleNamespace(gpu=50, memory=10),
        "nvmlDeviceGetCurrentClocksEventReasons": lambda handle: 0x44 if handle else 0x1,
    }
    return SimpleNamespace(**(answers | changes))


@pytest.fixture
def attach(monkeypatch: pytest.MonkeyPatch) -> Iterator[object]:
    """Put a driver in place of this machine's."""

    def attach(driver: object) -> None:
        gpus._open.cache_clear()
        monkeypatch.setattr(gpus, "_has_driver", lambda: True)
        monkeypatch.setitem(sys.modules, "pynvml", driver)

    yield attach
    gpus._open.cache_clear()


def test_gpus_are_named_and_read(attach) -> None:
    attach(make_driver())
    assert describe_gpus() == [{"name": "L4", "driver": "570.1"}] * 2
    first, second = read_gpus()
    assert first == {"temperature_c": 70, "clock_mhz": 1500, "busy_share": 0.5, "throttles": []}
    assert second["throttles"] == ["power cap", "hardware thermal slowdown"]


def test_packages_of_the_older_name_are_asked_too(attach) -> None:
    driver = make_driver(nvmlDeviceGetCurrentClocksThrottleReasons=lambda handle: 0x8)
    del driver.nvmlDeviceGetCurrentClocksEventReasons
    attach(driver)
    assert [gpu["throttles"] for gpu in read_gpus()] == [["hardware slowdown"]] * 2


def test_what_a_gpu_does_not_support_is_none(attach) -> None:
    attach(
        make_driver(
            nvmlDeviceGetTemperature=fail,
            nvmlDeviceGetUtilizationRates=fail,
            nvmlDeviceGetCurrentClocksEventReasons=fail,
        )
    )
    assert read_gpus()[0] == {"temperature_c": None, "clock_mhz": 1500, "busy_share": None, "throttles": None}


def test_a_driver_that_does_not_load_has_no_gpus(attach) -> None:
    attach(make_driver(nvmlInit=fail))
    assert (describe_gpus(), read_gpus()) == ([], [])


def test_without_the_package_there_are_no_gpus(attach) -> None:
    attach(None)
    assert (describe_gpus(), read_gpus()) == ([], [])


def test_without_a_driver_the_package_is_not_even_imported(attach, monkeypatch: pytest.MonkeyPatch) -> None:
    attach(make_driver())
    monkeypatch.setattr(gpus, "_has_driver", lambda: False)
    monkeypatch.setattr(gpus.importlib, "import_module", fail)
    assert (describe_gpus(), read_gpus()) == ([], [])


@pytest.mark.skipif(sys.platform != "linux", reason="looks at Linux's devices")
def test_a_device_file_tells_of_a_driver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpus, "_DEVICES", (str(tmp_path / "none"),))
    assert not gpus._has_driver()
    monkeypatch.setattr(gpus, "_DEVICES", (str(tmp_path / "none"), str(tmp_path)))
    assert gpus._has_driver()
