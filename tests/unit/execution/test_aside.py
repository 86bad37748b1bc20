import threading

import pytest

from pytest_lleval.execution.aside import run_aside


def test_work_is_done_in_another_thread_that_does_not_hold_up_the_end() -> None:
    name, daemon = run_aside(lambda: (threading.current_thread().name, threading.current_thread().daemon)).result(10)
    assert name == "lleval-aside"
    assert daemon


def test_whoever_waits_gets_the_error() -> None:
    def fail() -> None:
        raise KeyError("lost")

    with pytest.raises(KeyError, match="lost"):
        run_aside(fail).result(10)
