import os
import subprocess
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_lleval.core.errors import UsageError
from pytest_lleval.distribution import shipping
from pytest_lleval.distribution.remote import place, unpack
from pytest_lleval.distribution.shipping import pack_project

name = st.text(
    st.characters(exclude_characters="/\0", exclude_categories=["Cs", "Cc"]), min_size=1, max_size=12
).filter(lambda word: word not in (".", "..") and not shipping._is_left_out(word) and len(word.encode()) < 200)


def make_project(folder: Path) -> Path:
    (folder / "evals").mkdir()
    (folder / "evals" / "it.py").write_text("print(1)\n")
    (folder / ".env").write_text("KEY=secret")
    (folder / ".gitignore").write_text(".env\n")
    subprocess.run(["git", "init", "-q"], cwd=folder, check=True)
    return folder


def unpack_all(root: Path, files: tuple[str, ...] | None, into: Path) -> dict[str, bytes]:
    package = pack_project(root, files)
    unpack.unpack(package.content, package.digest, into)
    return {path.relative_to(into).as_posix(): path.read_bytes() for path in into.rglob("*") if path.is_file()}


def test_what_git_knows_of_or_would_add_is_sent_and_what_it_ignores_is_not(tmp_path: Path) -> None:
    root = make_project(tmp_path)
    subprocess.run(["git", "add", ".gitignore"], cwd=root, check=True)
    (root / "copy").mkdir()
    subprocess.run(["git", "add", "-N", "evals/it.py"], cwd=root, check=True)
    assert set(unpack_all(root, None, root / "copy")) == {".gitignore", "evals/it.py"}


@given(files=st.dictionaries(st.tuples(name, name), st.binary(max_size=50), min_size=1, max_size=5))
def test_files_arrive_as_they_were_whatever_they_are_called(files: dict[tuple[str, str], bytes]) -> None:
    with tempfile.TemporaryDirectory() as first, tempfile.TemporaryDirectory() as second:
        root, into = Path(first), Path(second)
        written = {}
        for (folder, file), content in files.items():
            path = root / f"d{folder}" / file
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(content)
            written[path.relative_to(root).as_posix()] = content
        assert unpack_all(root, ("**/*",), into) == written
        assert pack_project(root, ("**/*",)).digest == pack_project(root, ("**/*",)).digest


def test_the_right_to_be_run_is_kept(tmp_path: Path) -> None:
    (tmp_path / "tool").write_text("#!/bin/sh\n")
    (tmp_path / "tool").chmod(0o755)
    into = tmp_path / "into"
    into.mkdir()
    unpack_all(tmp_path, ("tool",), into)
    assert os.access(into / "tool", os.X_OK)


def test_an_archive_that_was_changed_on_its_way_writes_nothing(tmp_path: Path) -> None:
    (tmp_path / "it").write_text("x")
    package = pack_project(tmp_path, ("it",))
    into = tmp_path / "into"
    with pytest.raises(ValueError, match="arrived with digest"):
        unpack.unpack(package.content + b"\0", package.digest, into)
    assert not into.exists()


def test_a_link_that_leads_out_of_the_project_is_named(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (tmp_path / "outside").write_text("x")
    (root / "link").symlink_to(tmp_path / "outside")
    with pytest.raises(UsageError, match="'link' leads out of the project"):
        pack_project(root, ("*",))


def test_a_folder_without_git_or_files_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no work tree of git.*name the files by files in \[project\]"):
        pack_project(tmp_path, None)
    with pytest.raises(UsageError, match=r"nothing to send to hosts: no file of .* is nothing.*"):
        pack_project(tmp_path, ("nothing*",))


def test_too_much_is_refused_with_the_largest_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shipping, "MOST_BYTES", 100)
    (tmp_path / "large").write_bytes(b"x" * 101)
    with pytest.raises(UsageError, match=r"more than the 0 MB that are sent to hosts, the largest are large \(0 MB\)"):
        pack_project(tmp_path, ("*",))


def test_folders_of_sessions_that_are_gone_are_removed_and_no_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    first = Path(place.place("one"))
    dead = Path(place.place("two"))
    child = subprocess.Popen(["true"])
    child.wait()
    (dead / place.MARKER).write_text((dead / place.MARKER).read_text().replace(str(os.getpid()), str(child.pid)))
    foreign = first.parent / "foreign"
    foreign.mkdir()
    third = Path(place.place("three"))
    assert (first.exists(), dead.exists(), foreign.exists(), third.exists()) == (True, False, True, True)
    assert first.stat().st_mode & 0o077 == 0
