"""Folders of sessions on a host: made, removed, and swept away when their session is gone."""

import json
import os
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from pytest_lleval.distribution.remote import keeper, place


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A login folder of its own."""
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    return tmp_path


def mark(folder: Path, **changes: Any) -> Path:
    """Change what a folder's marker says."""
    marker = folder / place.MARKER
    marker.write_text(json.dumps(json.loads(marker.read_text()) | changes))
    return folder


def age(folder: Path) -> Path:
    """Make a folder one that nobody has touched for two days."""
    then = time.time() - 2 * 86400
    os.utime(folder / place.MARKER, (then, then))
    return folder


def end_process() -> int:
    """Return the number of a process that is gone."""
    child = subprocess.Popen(["true"])
    child.wait()
    return child.pid


def test_a_folder_is_private_and_named_after_the_session(home: Path) -> None:
    folder = Path(place.place("it"))
    assert folder.parent == home / ".cache/pytest-lleval/runs"
    assert folder.name.startswith("it-")
    assert folder.stat().st_mode & 0o077 == 0
    assert folder.parent.stat().st_mode & 0o077 == 0
    assert place.place("it") != str(folder)


def test_folders_of_sessions_that_are_gone_are_removed_and_no_others() -> None:
    alive = Path(place.place("alive"))
    gone = mark(Path(place.place("gone")), pid=end_process())
    reused = mark(Path(place.place("reused")), started="1")
    elsewhere = mark(Path(place.place("elsewhere")), machine="another", pid=end_process())
    untouched = age(mark(Path(place.place("untouched")), machine="another"))
    broken = Path(place.place("broken"))
    (broken / place.MARKER).write_text("")
    forgotten = age(Path(place.place("forgotten")))
    (forgotten / place.MARKER).write_text("")
    age(forgotten)
    foreign = alive.parent / "foreign"
    foreign.mkdir()
    outside = mark(alive.rename(alive.parent.parent / "outside"), pid=end_process())
    (alive.parent / "link").symlink_to(outside)
    place.place("next")
    left = {path.name.rpartition("-")[0] or path.name for path in alive.parent.iterdir()}
    assert left == {"elsewhere", "broken", "foreign", "link", "next"}
    assert outside.is_dir()
    assert not any(path.exists() for path in (gone, reused, untouched, forgotten))
    assert elsewhere.is_dir()


def test_a_touched_folder_stays_however_old_it_is() -> None:
    folder = age(mark(Path(place.place("long")), machine="another"))
    place.touch(folder)
    place.place("next")
    assert folder.is_dir()


def test_where_the_system_does_not_tell_when_processes_started_the_day_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(place, "find_start", lambda pid: None)
    first, second = Path(place.place("first")), age(Path(place.place("second")))
    place.place("next")
    assert (first.is_dir(), second.is_dir()) == (True, False)


def test_removing_takes_what_cannot_be_written_and_what_links_lead_to_stays(home: Path) -> None:
    folder = Path(place.place("it"))
    (home / "outside").mkdir()
    (home / "outside/kept").write_text("x")
    (home / "outside").chmod(0o500)
    (folder / "locked/deep").mkdir(parents=True)
    (folder / "locked/deep/file").write_text("x")
    (folder / "locked/link").symlink_to(home / "outside")
    (folder / "locked/deep").chmod(0o500)
    (folder / "locked").chmod(0)
    assert place.remove(folder)
    assert not folder.exists()
    assert (home / "outside/kept").exists()
    assert (home / "outside").stat().st_mode & 0o777 == 0o500
    assert place.remove(folder)


def test_what_no_session_has_made_is_not_removed(home: Path) -> None:
    (home / "project").mkdir()
    assert not place.remove(home / "project")
    folder = Path(place.place("it"))
    (home / "link").symlink_to(folder)
    assert not place.remove(home / "link")
    assert folder.is_dir()
    assert place.serve("remove", str(home / "project"))[1] == "not all of it can be removed, or it is none of a session"


def test_what_stays_can_be_removed_later(monkeypatch: pytest.MonkeyPatch) -> None:
    folder = Path(place.place("it"))
    (folder / "file").write_text("x")
    with monkeypatch.context() as patch:

        def fail(path: Path, missing_ok: bool = False) -> None:
            raise PermissionError

        patch.setattr(Path, "unlink", fail)
        assert not place.remove(folder)
    assert (folder / place.MARKER).is_file()
    assert place.remove(folder)


def test_a_login_folder_that_takes_none_says_so(home: Path) -> None:
    (home / ".cache").write_text("")
    folder, problem = place.serve("place", "it")
    assert folder == ""
    assert str(home / ".cache") in problem


def test_a_full_disk_leaves_no_folder_behind(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(path: Path, *words: Any, **more: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", fail)
    assert place.serve("place", "it") == ("", "No space left on device (it)")
    assert not list((home / ".cache/pytest-lleval/runs").iterdir())


def test_what_stays_on_a_host_shows_that_its_folder_is_needed_and_removes_it_at_the_end() -> None:
    folder = age(Path(place.place("it")))
    touched: list[bool] = []

    class Channel:
        """Says that the session lives, then that it is over."""

        TimeoutError = TimeoutError

        def receive(self, patience: float) -> tuple[str]:
            """Return the next word."""
            touched.append(time.time() - (folder / place.MARKER).stat().st_mtime < 3600)
            return ("beat",) if len(touched) == 1 else ("end",)

        def send(self, message: object) -> None:
            """Hear nothing."""

    keeper.keep(Channel(), str(folder), {}, 1.0)
    assert touched == [False, True]
    assert not folder.exists()
