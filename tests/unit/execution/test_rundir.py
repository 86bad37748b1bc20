import json
import os
import re
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from pytest_lleval.core.encoding import SCHEMA_VERSION
from pytest_lleval.core.errors import RunDirectoryError, UsageError
from pytest_lleval.execution import rundir
from pytest_lleval.execution.rundir import JOURNAL, MANIFEST, create_run, find_run, read_manifest, write_json


def make_run(base: Path, chosen: str | None = None) -> Path:
    run = create_run(base, chosen)
    write_json(run / MANIFEST, {"schema": SCHEMA_VERSION})
    return run


def test_a_run_is_named_after_the_time(tmp_path: Path) -> None:
    run = create_run(tmp_path, None)
    assert run.is_dir()
    assert run.parent == tmp_path / ".lleval" / "runs"
    assert re.fullmatch(r"\d{8}-\d{6}-[0-9a-f]{4}", run.name)


def test_the_evidence_folder_keeps_out_of_git_and_the_users_own_rules_stay(tmp_path: Path) -> None:
    create_run(tmp_path, None)
    ignore = tmp_path / ".lleval" / ".gitignore"
    assert "*" in ignore.read_text(encoding="utf-8").splitlines()
    ignore.write_text("mine", encoding="utf-8")
    create_run(tmp_path, None)
    assert ignore.read_text(encoding="utf-8") == "mine"


def test_runs_of_one_second_have_names_of_their_own_that_sort_as_they_began(tmp_path: Path) -> None:
    runs = [create_run(tmp_path, None) for _ in range(200)]
    assert len(set(runs)) == 200
    assert sorted(runs) == runs


def test_a_name_that_is_taken_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter([1_000_000_000.5, 1_000_000_000.5, 1_000_000_000.6])
    clock = SimpleNamespace(time=lambda: next(times), localtime=time.localtime, strftime=time.strftime)
    monkeypatch.setattr(rundir, "time", clock)
    first, second = create_run(tmp_path, None), create_run(tmp_path, None)
    assert first != second


def test_the_newest_run_is_found(tmp_path: Path) -> None:
    runs = [make_run(tmp_path) for _ in range(3)]
    assert find_run(tmp_path, "") == runs[-1]


def test_a_directory_without_a_manifest_is_no_run(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    create_run(tmp_path, None)
    assert find_run(tmp_path, "") == run


def test_a_run_is_found_by_name_by_path_and_from_elsewhere(tmp_path: Path) -> None:
    run, other = make_run(tmp_path), make_run(tmp_path, "somewhere/else")
    assert find_run(tmp_path, run.name) == run
    assert find_run(tmp_path, "somewhere/else") == other
    assert find_run(tmp_path / "nowhere", str(other)) == other


def test_an_unknown_run_is_named_with_the_places_looked_in(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        find_run(tmp_path, "nosuch")
    message = str(caught.value)
    assert message.startswith("--lleval-resume: 'nosuch' is no run")
    assert str(tmp_path / "nosuch") in message
    assert str(tmp_path / ".lleval" / "runs" / "nosuch") in message


def test_no_run_at_all_is_said_in_the_words_of_the_place_asked(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"^lleval report: there is no run in "):
        find_run(tmp_path, "", "lleval report")


def test_a_chosen_directory_must_hold_no_run(tmp_path: Path) -> None:
    make_run(tmp_path, "here")
    with pytest.raises(RunDirectoryError, match=r"--lleval-run-dir: .* already holds a run; .*--lleval-resume="):
        create_run(tmp_path, "here")


def test_a_directory_in_which_a_session_was_killed_before_it_was_a_run_is_taken(tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / JOURNAL).touch()
    assert create_run(tmp_path, "here") == tmp_path / "here"
    (tmp_path / "here" / JOURNAL).write_text("{}\n", encoding="ascii")
    with pytest.raises(RunDirectoryError, match="already holds a run"):
        create_run(tmp_path, "here")


def test_a_chosen_directory_leaves_no_other_trace(tmp_path: Path) -> None:
    create_run(tmp_path, "deep/down")
    assert [path.name for path in tmp_path.iterdir()] == ["deep"]


@pytest.mark.parametrize("chosen", [None, "file/below"])
def test_a_file_in_the_way_is_named(tmp_path: Path, chosen: str | None) -> None:
    blocked = tmp_path / (".lleval" if chosen is None else "file")
    blocked.write_text("", encoding="utf-8")
    with pytest.raises(RunDirectoryError, match="the evidence of the run cannot be written") as caught:
        create_run(tmp_path, chosen)
    assert str(caught.value).startswith(str(blocked))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"schema": 99}', "written with schema 99, this version reads 3"),
        ("{}", "written with schema None"),
        ("[]", "holds list, not the description of a run"),
        ("{", "cannot be read"),
        (None, "cannot be read"),
    ],
)
def test_a_manifest_that_cannot_be_used_is_named(tmp_path: Path, content: str | None, message: str) -> None:
    if content is not None:
        (tmp_path / MANIFEST).write_text(content, encoding="utf-8")
    with pytest.raises(RunDirectoryError) as caught:
        read_manifest(tmp_path)
    assert str(caught.value).startswith(str(tmp_path / MANIFEST))
    assert message in str(caught.value)


def test_what_is_written_is_read_back_and_replaces_what_was_there(tmp_path: Path) -> None:
    for value in ({"schema": 3, "text": "é\ud800"}, {"schema": 3, "text": "new"}):
        write_json(tmp_path / MANIFEST, value)
        assert read_manifest(tmp_path) == value
    assert [path.name for path in tmp_path.iterdir()] == [MANIFEST]


def test_a_write_that_fails_half_way_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / MANIFEST
    write_json(file, {"schema": 3})

    def fail(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(RunDirectoryError, match=r"cannot be written \(No space left on device\)"):
        write_json(file, {"schema": 3})
    assert json.loads(file.read_text(encoding="utf-8")) == {"schema": 3}
    assert [path.name for path in tmp_path.iterdir()] == [MANIFEST]


def test_a_value_that_is_no_json_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    file = tmp_path / MANIFEST
    write_json(file, {"schema": 3})
    with pytest.raises(TypeError):
        write_json(file, {"schema": object()})
    assert json.loads(file.read_text(encoding="utf-8")) == {"schema": 3}
    assert [path.name for path in tmp_path.iterdir()] == [MANIFEST]


def test_names_follow_the_clock_of_the_user(tmp_path: Path) -> None:
    # without a moment, strftime takes one from a clock that lags behind by milliseconds
    before, name = time.localtime(time.time()), create_run(tmp_path, None).name
    after = time.localtime(time.time())
    assert time.strftime("%Y%m%d-%H%M%S", before) <= name[:15] <= time.strftime("%Y%m%d-%H%M%S", after)
