"""What NVIDIA's driver says of its GPUs, where the optional package `nvidia-ml-py` and a driver are there."""

from __future__ import annotations

import functools
import importlib
import sys
import warnings
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

__all__ = ["describe_gpus", "read_gpus"]

_DEVICES = ("/dev/nvidiactl", "/dev/nvidia0", "/dev/dxg", "/dev/nvhost-ctrl")
_TEMPERATURE_SENSOR = 0
_SM_CLOCK = 1
#: reasons of a lower clock that tell of heat or power (nvml.h, nvmlClocksEventReasons)
_THROTTLES: Mapping[int, str] = {
    0x04: "power cap",
    0x08: "hardware slowdown",
    0x20: "software thermal slowdown",
    0x40: "hardware thermal slowdown",
    0x80: "power brake",
}


def describe_gpus() -> list[dict[str, str]]:
    """Return name and driver version of each GPU; an empty list without any."""
    nvml, handles = _open()
    described = []
    for handle in handles:
        name = _ask(nvml.nvmlDeviceGetName, handle)
        driver = _ask(nvml.nvmlSystemGetDriverVersion)
        described.append({"name": _to_text(name), "driver": _to_text(driver)})
    return described


def read_gpus() -> list[dict[str, object]]:
    """Return temperature (degrees Celsius), clock (MHz), busy share and reasons of throttling of each GPU, now."""
    nvml, handles = _open()
    return [_read_gpu(nvml, handle) for handle in handles]


def _read_gpu(nvml: Any, handle: object) -> dict[str, object]:
    # Renamed in 2023; old drivers' packages know the old name alone.
    reasons = getattr(nvml, "nvmlDeviceGetCurrentClocksEventReasons", None) or getattr(
        nvml, "nvmlDeviceGetCurrentClocksThrottleReasons", None
    )
    bits = _ask(reasons, handle)
    rates = _ask(nvml.nvmlDeviceGetUtilizationRates, handle)
    return {
        "temperature_c": _ask(nvml.nvmlDeviceGetTemperature, handle, _TEMPERATURE_SENSOR),
        "clock_mhz": _ask(nvml.nvmlDeviceGetClockInfo, handle, _SM_CLOCK),
        "busy_share": None if rates is None else rates.gpu / 100,
        "throttles": None if bits is None else [name for bit, name in _THROTTLES.items() if bits & bit],
    }


@functools.cache
def _open() -> tuple[Any, tuple[object, ...]]:
    """Return the NVML package and a handle of each GPU, once a process."""
    if not _has_driver():  # importing the package alone takes 8 ms
        return None, ()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an older package of the same name warns that it is old
            nvml = importlib.import_module("pynvml")
    except ImportError:
        return None, ()
    if _ask(nvml.nvmlInit, default=False) is False:
        return None, ()
    count = _ask(nvml.nvmlDeviceGetCount, default=0)
    handles = (_ask(nvml.nvmlDeviceGetHandleByIndex, index) for index in range(count))
    return nvml, tuple(handle for handle in handles if handle is not None)


def _has_driver() -> bool:
    if sys.platform == "darwin":
        return False
    return sys.platform == "win32" or any(Path(device).exists() for device in _DEVICES)


def _ask(question: Callable[..., Any] | None, *words: object, default: Any = None) -> Any:
    """Return the driver's answer; the default when it has none, whatever the reason it gives."""
    if question is not None:
        with suppress(Exception):
            return question(*words)
    return default


def _to_text(name: object) -> str:
    return name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name)
