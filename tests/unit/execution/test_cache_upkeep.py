import sqlite3
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest
from cache_parts import SCOPE, answer, find_texts, keep_answers, make_scope, question, start_child, use_cache

from pytest_lleval.execution.cache_file import open_writing
from pytest_lleval.execution.cache_upkeep import measure_files, remove_entries, summarise_models, trim_entries

LIMIT = 1 << 20
LARGE = "x" * 4000


@pytest.fixture
def one_megabyte(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLEVAL_RESPONSE_CACHE_MB", "1")


def set_use(path: Path, days: dict[int, int]) -> None:
    """Say on which days the answers to some questions, in the order they were kept, were used last."""
    with closing(sqlite3.connect(path)) as connection:
        connection.executemany("UPDATE responses SET used = ? WHERE id = ?", [(day, key) for key, day in days.items()])
        connection.commit()


@pytest.mark.usefixtures("one_megabyte")
def test_the_file_stays_below_its_limit(response_cache: Path) -> None:
    for start in range(0, 1000, 100):
        assert keep_answers(range(start, start + 100), LARGE) == ""
        assert measure_files(response_cache) <= LIMIT
    kept = [text is not None for text in find_texts(range(1000))]
    assert kept == sorted(kept)  # the newest ones
    assert sum(kept) > 150


@pytest.mark.usefixtures("one_megabyte")
def test_one_session_that_keeps_too_much_stays_below_the_limit(response_cache: Path) -> None:
    cache = use_cache()
    for number in range(1500):
        cache.keep(question(number), SCOPE, 1, answer(LARGE))
        if number % 100 == 0:
            time.sleep(0.01)
    cache.close()
    assert cache.problem == ""
    assert measure_files(response_cache) <= LIMIT


@pytest.mark.usefixtures("one_megabyte")
def test_several_processes_keep_to_one_limit(response_cache: Path) -> None:
    children = [start_child(f"print(keep_answers(range({start}, {start + 400}), 'x' * 4000))") for start in (0, 400)]
    assert [child.communicate(timeout=60) for child in children] == [("\n", "")] * 2
    assert measure_files(response_cache) <= LIMIT


@pytest.mark.usefixtures("one_megabyte")
def test_what_was_used_least_recently_goes_first(response_cache: Path) -> None:
    keep_answers(range(200), LARGE)
    set_use(response_cache, {key: 100 if key <= 100 else 50 for key in range(1, 201)})
    keep_answers(range(200, 260), LARGE)
    kept = [text is not None for text in find_texts(range(260))]
    assert kept[:100] == [True] * 100
    assert kept[200:] == [True] * 60
    assert not all(kept[100:200])
    assert kept[100:200] == sorted(kept[100:200])  # of one day, the first kept goes first


@pytest.mark.usefixtures("one_megabyte")
def test_an_answer_that_is_found_counts_as_used(response_cache: Path) -> None:
    keep_answers(range(200), LARGE)
    set_use(response_cache, dict.fromkeys(range(1, 201), 50))
    assert find_texts(range(5)) == [LARGE] * 5
    keep_answers(range(200, 300), LARGE)
    assert find_texts(range(7)) == [LARGE] * 5 + [None] * 2


def test_finding_an_answer_again_on_the_same_day_writes_nothing(response_cache: Path) -> None:
    keep_answers(range(10))
    set_use(response_cache, {1: 50})
    find_texts(range(10))
    before = response_cache.read_bytes()
    find_texts(range(10))
    assert response_cache.read_bytes() == before


def test_an_answer_larger_than_the_limit_is_not_kept(response_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLEVAL_RESPONSE_CACHE_MB", "0.25")
    assert keep_answers([1], "x" * (1 << 20)) == ""
    assert find_texts([1]) == [None]
    assert measure_files(response_cache) <= 1 << 18


def test_a_limit_below_the_empty_file_keeps_nothing(response_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLEVAL_RESPONSE_CACHE_MB", "0.001")
    assert keep_answers(range(100)) == ""
    assert find_texts(range(100)) == [None] * 100


@pytest.mark.usefixtures("one_megabyte")
def test_free_space_that_a_killed_process_left_is_given_back(response_cache: Path) -> None:
    keep_answers(range(200), LARGE)
    with closing(sqlite3.connect(response_cache)) as connection:
        connection.execute("CREATE TABLE filler AS SELECT zeroblob(2000000)")
        connection.execute("DROP TABLE filler")
    assert measure_files(response_cache) > LIMIT
    keep_answers([200])
    assert measure_files(response_cache) <= LIMIT
    assert find_texts(range(200)) == [LARGE] * 200


def test_nothing_is_removed_below_the_limit(response_cache: Path) -> None:
    keep_answers(range(100), LARGE)
    with closing(open_writing(response_cache)) as writer:
        assert trim_entries(writer, measure_files(response_cache)) == 0


def test_removed_answers_give_their_space_back(response_cache: Path) -> None:
    keep_answers(range(2000), LARGE)
    full = measure_files(response_cache)
    with closing(open_writing(response_cache)) as writer:
        assert remove_entries(writer) == 2000
        assert measure_files(response_cache) < full / 100


def test_answers_are_removed_by_model_and_age(response_cache: Path) -> None:
    keep_answers(range(3), scope=make_scope(provider="openai", requested_model="a/b"))
    keep_answers(range(4), scope=make_scope(provider="anthropic", requested_model="c"))
    with closing(open_writing(response_cache)) as writer:
        writer.execute("UPDATE responses SET made = 1000 WHERE id IN (1, 4)")
        assert remove_entries(writer, model="openai/*", before=2000) == 1
        assert remove_entries(writer, model="OPENAI/*") == 0
        assert remove_entries(writer, before=1000) == 0
        assert [(found.model, found.entries, found.oldest) for found in summarise_models(writer)] == [
            ("anthropic/c", 4, 1000),
            ("openai/a/b", 2, pytest.approx(time.time(), abs=60)),
        ]


def test_answers_are_removed_while_a_run_finds_and_keeps_others(response_cache: Path) -> None:
    keep_answers(range(500))
    cache = use_cache()
    stop = threading.Event()
    seen: set[bool] = set()

    def run() -> None:
        number = 1000
        while not stop.is_set():
            number += 1
            cache.keep(question(number), SCOPE, 1, answer())
            seen.add(cache.find(question(number % 500), SCOPE, 1) is not None)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        while True not in seen:
            time.sleep(0.001)
        with closing(open_writing(response_cache)) as writer:
            assert remove_entries(writer) >= 500
        while False not in seen:
            time.sleep(0.001)
    finally:
        stop.set()
        thread.join()
        cache.close()
    assert cache.problem == ""
