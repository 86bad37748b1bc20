import subprocess
import sys
import time

import pytest

from pytest_lleval.support import clock
from pytest_lleval.support.clock import find_start, read_time, shift_clock


def test_the_start_of_a_process_is_known_to_a_fraction_of_a_second() -> None:
    before = time.time()
    code = "import time; time.sleep(0.3); from pytest_lleval.support.clock import find_start; print(find_start())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert before - 0.1 <= float(done.stdout) <= before + 0.25


def test_the_start_does_not_move() -> None:
    assert abs(find_start() - find_start()) < 0.05


def test_a_clock_that_is_wrong_is_corrected_by_what_was_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "_offset", 0.0)
    assert abs(read_time() - time.time()) < 1
    shift_clock(-3600.0)
    assert abs(read_time() - (time.time() - 3600)) < 1
