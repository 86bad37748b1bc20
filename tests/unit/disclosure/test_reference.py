import threading
import time
from statistics import median

import pytest

from pytest_lleval.disclosure import reference
from pytest_lleval.disclosure.reference import measure_reference


def test_a_measurement_takes_a_few_milliseconds_and_repeats_itself() -> None:
    measure_reference()
    began = time.thread_time()
    results = [measure_reference() for _ in range(10)]
    assert (time.thread_time() - began) / 10 < 0.02
    loops = [result.cpu_ms for result in results]
    assert min(loops) > 0
    assert median(loops) < 1.5 * min(loops)


def test_wall_time_is_not_below_cpu_time() -> None:
    result = measure_reference()
    assert result.wall_ms >= result.cpu_ms * 0.95


def test_threads_of_this_process_that_hold_the_lock_do_not_slow_it() -> None:
    quiet = min((measure_reference() for _ in range(5)), key=lambda result: result.wall_ms)
    over = threading.Event()

    def spin() -> None:
        while not over.is_set():
            sum(range(200))

    threads = [threading.Thread(target=spin, daemon=True) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        loaded = [measure_reference() for _ in range(5)]
    finally:
        over.set()
        for thread in threads:
            thread.join()
    # behind a thread that holds the lock, each repeat would wait 5 ms and more: ten times as long
    assert min(result.wall_ms for result in loaded) < 3 * quiet.wall_ms
    assert min(result.cpu_ms for result in loaded) < 1.5 * quiet.cpu_ms


def test_the_result_is_for_a_fixed_amount_however_much_was_hashed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reference, "_time_loop", lambda pieces: (pieces * 2e-6, pieces * 1e-6))
    for pieces in (100, 900):
        monkeypatch.setattr(reference, "_count_pieces", lambda pieces=pieces: pieces)
        result = measure_reference()
        assert result.wall_ms == pytest.approx(2 * 1e6 / 2047 / 1000)
        assert result.cpu_ms == pytest.approx(1 * 1e6 / 2047 / 1000)


def test_the_best_repeat_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter([(4.0, 3.0), (2.0, 2.5), (9.0, 9.0)])
    monkeypatch.setattr(reference, "_count_pieces", lambda: 1)
    monkeypatch.setattr(reference, "_time_loop", lambda pieces: next(times))
    result = measure_reference(3)
    assert result.wall_ms == pytest.approx(result.cpu_ms * 2.0 / 2.5)


def test_a_clock_of_cpu_time_that_is_too_coarse_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reference, "_CPU_CLOCK_IS_FINE", False)
    result = measure_reference()
    assert result.cpu_ms is None
    assert result.wall_ms > 0
