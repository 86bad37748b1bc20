"""Real processes, real kills, real broken files: no fault of the cache fails a run, and none is silent."""

import shutil
import sqlite3
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from cache_parts import SCOPE, answer, find_texts, keep_answers, question, run_child, start_child, use_cache

from pytest_lleval.core.errors import CallError
from pytest_lleval.execution import cache_file

posix = pytest.mark.skipif(sys.platform == "win32", reason="needs limits and rights of POSIX")


def check_whole(path: Path) -> int:
    """Check every page of a cache and return how many answers it has."""
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return connection.execute("SELECT count(*) FROM responses").fetchone()[0]


def test_many_processes_write_and_read_at_once(response_cache: Path) -> None:
    script = """
cache = use_cache()
print("ready", flush=True)
sys.stdin.readline()
for number in [*range(200), *range(OWN, OWN + 300)]:
    if cache.find(question(number), SCOPE, 1) is None:
        cache.keep(question(number), SCOPE, 1, answer(f"answer {number}"))
cache.close()
print(cache.problem)
"""
    starts = range(1000, 5000, 1000)
    children = [start_child(f"OWN = {start}\n" + script, stdin=-1) for start in starts]
    assert [child.stdout.readline() for child in children] == ["ready\n"] * len(children)
    printed = [child.communicate("\n", timeout=120) for child in children]
    assert printed == [("\n", "")] * len(children)
    assert check_whole(response_cache) == 200 + 300 * len(children)
    kept = [*range(200), *(number for start in starts for number in range(start, start + 300))]
    assert find_texts(kept) == [f"answer {number}" for number in kept]


@pytest.mark.parametrize("delay", [0.0, 0.02, 0.1])
def test_a_killed_process_loses_only_what_was_not_written(delay: float, response_cache: Path) -> None:
    script = """
import time
cache = use_cache()
for number in range(640):
    cache.keep(question(number), SCOPE, 1, answer())
while cache.find(question(639), SCOPE, 1) is None:
    time.sleep(0.01)
print("written", flush=True)
while True:
    cache.keep(question(number := number + 1), SCOPE, 1, answer("x" * 3000))
    time.sleep(0.0005)
"""
    with start_child(script) as child:
        assert child.stdout.readline() == "written\n"
        time.sleep(delay)
        child.kill()
    assert find_texts(range(640)) == ["A"] * 640
    assert keep_answers([-1]) == ""
    assert find_texts([-1]) == ["A"]
    assert check_whole(response_cache) >= 641


@posix
@pytest.mark.parametrize("kilobytes", [0, 20, 300])
def test_a_full_disk_ends_the_keeping_and_not_the_run(kilobytes: int, response_cache: Path) -> None:
    if kilobytes == 300:
        keep_answers([-1])
    script = f"""
import resource
resource.setrlimit(resource.RLIMIT_FSIZE, ({kilobytes} << 10, {kilobytes} << 10))
cache = use_cache()
for number in range(2000):
    cache.keep(question(number), SCOPE, 1, answer("x" * 1000))
    cache.find(question(number), SCOPE, 1)
cache.close()
print(cache.problem)
"""
    problem = run_child(script)
    assert f"new answers are not kept in the response cache: {response_cache}" in problem
    assert "LLEVAL_RESPONSE_CACHE" in problem
    assert keep_answers([-2]) == ""
    assert find_texts([-2, -1]) == ["A", "A" if kilobytes == 300 else None]


@pytest.fixture
def sealed() -> Iterator[Path]:
    """A folder outside pytest's own, which only its owner may enter, to be made read-only."""
    folder = Path(tempfile.mkdtemp(prefix="lleval-sealed-"))
    yield folder
    folder.chmod(0o700)
    shutil.rmtree(folder)


IN_SEALED = """
import os, psutil, sqlite3
import pytest_lleval.execution.cache_file
os.environ["LLEVAL_RESPONSE_CACHE"] = PATH
if os.getuid() == 0:
    os.setuid(65534)  # the rights of a folder do not bind root
"""


@posix
def test_a_folder_that_cannot_be_written_is_said_and_not_used(sealed: Path) -> None:
    sealed.chmod(0o555)
    path = sealed / "responses.sqlite"
    problem = run_child(f"PATH = {str(path)!r}\n{IN_SEALED}\nprint(keep_answers([1]), find_texts([1]))")
    expected = f"new answers are not kept in the response cache: {path}: unable to open database file; "
    assert problem.startswith(expected)
    assert problem.endswith(" [None]\n")


@posix
@pytest.mark.parametrize("mode", ["on", "only"])
def test_a_cache_in_a_folder_that_cannot_be_written_is_still_read(
    mode: str, sealed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = sealed / "responses.sqlite"
    monkeypatch.setenv("LLEVAL_RESPONSE_CACHE", str(path))
    keep_answers([1])
    path.chmod(0o444)
    sealed.chmod(0o555)
    printed = run_child(f"PATH = {str(path)!r}\n{IN_SEALED}\nprint(find_texts([1], mode={mode!r}))")
    assert printed == "['A']\n"


@posix
def test_a_cache_being_written_by_others_is_not_read_without_locks(
    sealed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = sealed / "responses.sqlite"
    monkeypatch.setenv("LLEVAL_RESPONSE_CACHE", str(path))
    keep_answers([1])
    with closing(sqlite3.connect(path)) as other:
        other.execute("UPDATE responses SET used = used + 1")
        other.commit()
        sealed.chmod(0o555)
        script = f"""
PATH = {str(path)!r}
{IN_SEALED}
cache = use_cache()
print(cache.find(question(1), SCOPE, 1))
cache.close()
print(cache.problem)
"""
        found, problem = run_child(script).splitlines()
    assert found == "None"
    assert "is not read any more" in problem
    assert "is in use, or was left by a killed process" in problem


def test_a_place_that_cannot_be_a_file_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    for place in (tmp_path, tmp_path / "file" / "responses.sqlite"):
        monkeypatch.setenv("LLEVAL_RESPONSE_CACHE", str(place))
        assert f"new answers are not kept in the response cache: {place}: " in keep_answers([1])


@pytest.fixture
def own_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file of a cache with 300 answers in the place that is the cache's own."""
    monkeypatch.delenv("LLEVAL_RESPONSE_CACHE")
    monkeypatch.setenv("LLEVAL_CACHE_DIR", str(tmp_path))
    keep_answers(range(300), "x" * 1000)
    (path,) = tmp_path.rglob("*.sqlite")
    return path


def spoil_header(path: Path) -> None:
    path.write_bytes(b"no database" * 1000)


def spoil_pages(path: Path) -> None:
    size = path.stat().st_size
    with path.open("rb+") as stream:
        stream.seek(4096)
        stream.write(b"\xff" * (size - 4096))


def spoil_answers(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE responses SET value = '{}'")
        connection.commit()


SPOIL = pytest.mark.parametrize("spoil", [spoil_header, spoil_pages, spoil_answers])


@SPOIL
def test_a_broken_file_is_said_once_moved_aside_and_begun_anew(spoil, own_file: Path) -> None:
    spoil(own_file)
    spoilt = own_file.read_bytes()
    cache = use_cache()
    assert cache.find(question(1), SCOPE, 1) is None
    cache.keep(question(1), SCOPE, 1, answer("new"))
    cache.close()
    moved = f"the response cache {own_file} was broken and has been moved out of the way; the next run begins a new one"
    assert cache.problem == moved
    assert not own_file.exists()
    aside = own_file.parent.with_name("v1-broken") / own_file.name
    assert aside.read_bytes()[:4096] == spoilt[:4096]
    assert keep_answers([1], "new") == ""
    assert find_texts([1]) == ["new"]


@SPOIL
def test_a_broken_file_that_a_user_named_stays_where_it_is(spoil, response_cache: Path) -> None:
    keep_answers(range(300), "x" * 1000)
    spoil(response_cache)
    cache = use_cache()
    assert cache.find(question(1), SCOPE, 1) is None
    cache.close()
    assert f"the response cache is not read any more: {response_cache}" in cache.problem
    assert response_cache.exists()


def test_a_second_broken_file_takes_the_place_of_the_first(own_file: Path) -> None:
    for _ in range(2):
        spoil_header(own_file)
        keep_answers([1])
        assert not own_file.exists()
        keep_answers([1])
    assert sorted(path.name for path in own_file.parent.parent.iterdir()) == ["v1", "v1-broken"]


def test_a_process_that_saw_the_broken_file_leaves_the_new_one_alone(own_file: Path) -> None:
    spoil_pages(own_file)
    early, late = use_cache(), use_cache()
    for cache in (early, late):
        assert cache.find(question(1), SCOPE, 1) is None
    early.close()
    keep_answers([1], "new")
    late.close()
    assert late.problem == early.problem != ""
    assert find_texts([1]) == ["new"]


def test_only_names_what_is_wrong_with_the_file(response_cache: Path) -> None:
    spoil_header(response_cache)
    cache = use_cache("only")
    for _ in range(2):
        with pytest.raises(CallError, match=r"is broken .*; remove it or name another file by LLEVAL_RESPONSE_CACHE"):
            cache.find(question(1), SCOPE, 1)
    cache.close()
    assert response_cache.exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("PRAGMA user_version = 99", "has answers in format 99 of another version of pytest-lleval"),
        ("PRAGMA application_id = 7", "is the database of another program"),
    ],
)
def test_a_file_of_others_is_neither_read_nor_written(change: str, message: str, response_cache: Path) -> None:
    keep_answers([1])
    with closing(sqlite3.connect(response_cache)) as connection:
        connection.execute(change)
    before = response_cache.read_bytes()
    cache = use_cache()
    assert cache.find(question(1), SCOPE, 1) is None
    cache.keep(question(2), SCOPE, 1, answer())
    cache.close()
    assert cache.problem.count(message) == 2
    assert response_cache.read_bytes() == before


def test_an_empty_database_of_another_program_is_not_taken_over(response_cache: Path) -> None:
    with closing(sqlite3.connect(response_cache)) as connection:
        connection.execute("CREATE TABLE notes (text)")
        connection.commit()
    assert "is the database of another program" in keep_answers([1])


def test_a_locked_file_is_said_and_not_waited_for_again(response_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache_file, "_READ_SECONDS", 0.05)
    monkeypatch.setattr(cache_file, "_WRITE_SECONDS", 0.05)
    keep_answers([1])
    with closing(sqlite3.connect(response_cache, isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        other.execute("UPDATE responses SET used = 0")
        cache = use_cache()
        started = time.perf_counter()
        for number in range(1000):
            assert cache.find(question(number), SCOPE, 1) is None
        assert time.perf_counter() - started < 1000 * 0.05
        cache.keep(question(2), SCOPE, 1, answer())
        cache.close()
        other.execute("ROLLBACK")
    assert cache.problem.count("database is locked") == 2
    assert find_texts([1]) == ["A"]


def test_two_that_make_the_file_at_once_make_one(response_cache: Path) -> None:
    children = [start_child("import os; print(keep_answers([os.getpid()]), os.getpid())") for _ in range(4)]
    printed = [child.communicate(timeout=60)[0].split() for child in children]
    assert check_whole(response_cache) == 4
    assert find_texts([int(words[-1]) for words in printed]) == ["A"] * 4
    assert all(len(words) == 1 for words in printed)
