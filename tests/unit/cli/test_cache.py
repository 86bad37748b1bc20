import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from cache_parts import SCOPE, answer, find_texts, keep_answers, make_scope, question, use_cache

from pytest_lleval.cli.main import main

EVIL = "evil\x1b[2J\nentries  9"


@pytest.fixture
def filled(response_cache: Path) -> Path:
    keep_answers(range(3))
    keep_answers(range(1200), scope=make_scope(provider="anthropic", requested_model=EVIL))
    with closing(sqlite3.connect(response_cache)) as connection:
        connection.execute("UPDATE responses SET made = 86400 * 20 + 43200 WHERE id = 1")
        connection.commit()
    return response_cache


def test_statistics_say_where_how_large_and_whose(filled: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cache", "stats"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"file     {filled}"
    assert lines[1].startswith("size     0.")
    assert lines[1].endswith(" MB of at most 1,024.0 MB")
    assert lines[2] == "entries  1,203"
    assert lines[3].startswith(r"  anthropic/evil\x1b[2J\nentries  9  1,200 entries, ")
    assert lines[4].startswith("  openai/m  3 entries, 1970-01-2")
    assert len(lines) == 5


@pytest.mark.parametrize(
    ("words", "removed", "left"),
    [
        ([], "1,203", 0),
        (["--model=openai/*"], "3", 0),
        (["--model=anthropic/*"], "1,200", 3),
        (["--older-than=1"], "1", 2),
        (["--model=openai/m", "--older-than", "0.5"], "1", 2),
        (["--model=nobody/*"], "0", 3),
    ],
)
def test_clear_says_how_many_it_has_removed(
    words: list[str], removed: str, left: int, filled: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["cache", "clear", *words]) == 0
    assert capsys.readouterr().out.startswith(f"removed {removed} entries from {filled}; ")
    assert sum(text is not None for text in find_texts(range(3))) == left


@pytest.mark.parametrize("action", ["stats", "clear"])
def test_a_cache_that_is_not_there_is_no_error(
    action: str, response_cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["cache", action]) == 0
    assert capsys.readouterr().out == f"there is no response cache yet: nothing has been kept in {response_cache}\n"
    assert not response_cache.exists()


def test_both_work_while_a_run_uses_the_cache(filled: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cache = use_cache()
    cache.keep(question(5), SCOPE, 1, answer())
    assert cache.find(question(1), SCOPE, 1) is not None
    assert main(["cache", "clear"]) == 0
    assert main(["cache", "stats"]) == 0
    assert "removed 1,203 entries" in capsys.readouterr().out
    assert cache.find(question(1), SCOPE, 1) is None
    cache.close()
    assert cache.problem == ""
    assert find_texts([5]) == ["A"]


@pytest.mark.parametrize("action", ["stats", "clear"])
def test_a_broken_cache_is_named_with_the_way_out(
    action: str, response_cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    response_cache.write_bytes(b"no database" * 1000)
    assert main(["cache", action]) == 4
    message = f"ERROR: lleval cache {action}: {response_cache} is broken (file is not a database); remove it or name"
    assert capsys.readouterr().err.startswith(message)
    assert response_cache.exists()


def test_a_file_that_is_no_cache_is_left_alone(response_cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with closing(sqlite3.connect(response_cache)) as connection:
        connection.execute("CREATE TABLE responses (model, made)")
        connection.execute("INSERT INTO responses VALUES ('a', 1)")
        connection.commit()
    before = response_cache.read_bytes()
    assert main(["cache", "clear"]) == 4
    assert "is the database of another program" in capsys.readouterr().err
    assert response_cache.read_bytes() == before


def test_clear_takes_what_was_moved_aside_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("LLEVAL_RESPONSE_CACHE")
    monkeypatch.setenv("LLEVAL_CACHE_DIR", str(tmp_path))
    keep_answers([1])
    (path,) = tmp_path.rglob("*.sqlite")
    path.write_bytes(b"no database" * 1000)
    keep_answers([1])
    keep_answers([1])
    assert main(["cache", "clear", "--model=openai/*"]) == 0
    assert "broken" not in capsys.readouterr().out
    assert main(["cache", "clear"]) == 0
    assert f"removed a broken cache that had been moved to {path.parent}-broken\n" in capsys.readouterr().out
    assert list(path.parent.parent.iterdir()) == [path.parent]


@pytest.mark.parametrize("days", ["-1", "nan", "1e9"])
def test_an_age_that_is_none_is_refused(days: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cache", "clear", f"--older-than={days}"]) == 4
    assert "ERROR: lleval cache clear: --older-than=" in capsys.readouterr().err


def test_a_limit_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("LLEVAL_RESPONSE_CACHE_MB", "much")
    assert main(["cache", "stats"]) == 4
    assert "LLEVAL_RESPONSE_CACHE_MB='much'" in capsys.readouterr().err


def test_cache_needs_an_action(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["cache"])
    assert caught.value.code == 2
    assert "ACTION" in capsys.readouterr().err
