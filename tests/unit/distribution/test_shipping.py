"""The archive of a project, and what a host makes of it."""

import errno
import gzip
import hashlib
import io
import os
import tarfile
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_lleval.core.errors import UsageError
from pytest_lleval.distribution import projectfiles, shipping
from pytest_lleval.distribution.remote import unpack
from pytest_lleval.distribution.shipping import Package, pack_project

#: no longer than file systems allow, and nothing that is never sent
names = st.text(
    st.characters(exclude_characters="/\0", exclude_categories=["Cs", "Cc"]), min_size=1, max_size=12
).filter(lambda word: word not in (".", "..") and not projectfiles._is_never_sent(word) and len(word.encode()) < 200)
odd = st.sampled_from(["-rf", "--help", " leading", "trailing ", "two  words", "ü𝄞", "a\\b", "*", "new\nline", "…"])
paths = st.lists(names | odd, min_size=1, max_size=6)


def receive(package: Package, into: Path) -> None:
    """Unpack as a host does, from small pieces."""
    content = package.content
    unpack.unpack((content[start : start + 100] for start in range(0, len(content), 100)), package.digest, into)


def read_all(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@given(files=st.lists(st.tuples(paths, st.binary(max_size=50)), min_size=1, max_size=5))
def test_files_arrive_as_they_were_whatever_they_are_called(files: list[tuple[list[str], bytes]]) -> None:
    with tempfile.TemporaryDirectory() as first, tempfile.TemporaryDirectory() as second:
        root, into = Path(first), Path(second)
        written = {}
        for number, (parts, content) in enumerate(files):
            path = root.joinpath(f"d{number}", *parts)
            path.parent.mkdir(parents=True)
            path.write_bytes(content)
            written[path.relative_to(root).as_posix()] = content
        package = pack_project(root, ("**/*",))
        receive(package, into)
        missing = set(package.left_out)
        assert read_all(into) == {name: content for name, content in written.items() if name not in missing}
        assert package.files == len(written) - len(missing)


def test_the_same_files_make_the_same_archive_wherever_and_whenever_they_were_written(tmp_path: Path) -> None:
    digests = set()
    for folder, order, moment in (("a", ("x", "y"), 1), ("b", ("y", "x"), 2_000_000_000)):
        for name in order:
            (tmp_path / folder).mkdir(exist_ok=True)
            (tmp_path / folder / name).write_text(name)
            os.utime(tmp_path / folder / name, (moment, moment))
        digests.add(pack_project(tmp_path / folder, ("*",)).digest)
    assert len(digests) == 1


def test_names_that_are_no_text_arrive(tmp_path: Path) -> None:
    root, into = tmp_path / "root", tmp_path / "into"
    root.mkdir()
    into.mkdir()
    try:
        Path(os.fsdecode(os.fsencode(root) + b"/caf\xe9.txt")).write_text("x")
    except OSError:
        pytest.skip("this file system wants names that are text")
    receive(pack_project(root, ("*",)), into)
    assert [os.fsencode(path.name) for path in into.iterdir()] == [b"caf\xe9.txt"]


def test_the_right_to_be_run_is_kept_and_links_stay_links(tmp_path: Path) -> None:
    root, into = tmp_path / "root", tmp_path / "into"
    (root / "bin").mkdir(parents=True)
    into.mkdir()
    (root / "bin/tool").write_text("#!/bin/sh\n")
    (root / "bin/tool").chmod(0o755)
    (root / "folder").symlink_to("bin")
    (root / "bin/again").symlink_to(root / "bin/tool")
    receive(pack_project(root, ("**/*",)), into)
    assert os.access(into / "bin/tool", os.X_OK)
    assert str((into / "folder").readlink()) == "bin"
    assert str((into / "bin/again").readlink()) == "tool"


def test_too_much_is_refused_with_the_largest_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shipping, "MOST_BYTES", 1_000_000)
    (tmp_path / "large").write_bytes(b"x" * 900_000)
    (tmp_path / "larger").write_bytes(b"x" * 1_200_000)
    with pytest.raises(UsageError, match=r"has 2 MB .* than the 1 MB .* are larger \(1.2 MB\), large \(0.9 MB\); name"):
        pack_project(tmp_path, ("*",))


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="needs a user that may not read everything")
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "locked").write_text("x")
    (tmp_path / "locked").chmod(0)
    with pytest.raises(UsageError, match="locked"):
        pack_project(tmp_path, ("*",))


def test_a_file_that_goes_while_it_is_packed_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "gone").write_text("x")

    def fail(path: Path) -> bytes:
        raise FileNotFoundError(errno.ENOENT, "No such file or directory", str(path))

    monkeypatch.setattr(Path, "read_bytes", fail)
    with pytest.raises(UsageError, match=r"cannot be sent to hosts: .*gone"):
        pack_project(tmp_path, ("*",))


def test_an_archive_that_was_changed_on_its_way_writes_nothing(tmp_path: Path) -> None:
    (tmp_path / "it").write_text("x")
    package = pack_project(tmp_path, ("it",))
    into = tmp_path / "into"
    into.mkdir()
    with pytest.raises(ValueError, match="arrived with digest"):
        unpack.unpack([package.content, b"\0"], package.digest, into)
    assert not list(into.iterdir())


def make_archive(members: Iterable[tuple[str, bytes, str]]) -> bytes:
    """Write an archive as no honest controller does.

    :param members: name, type and link target of each
    """
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, kind, target in members:
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, target
            info.size = 1 if kind == tarfile.REGTYPE else 0
            archive.addfile(info, io.BytesIO(b"x"))
    return buffer.getvalue()


evil_names = st.lists(st.sampled_from(["..", ".", "", "a", "b", "/", "link"]), min_size=1, max_size=5).map("/".join)
evil_kinds = st.sampled_from([tarfile.REGTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.FIFOTYPE])


@given(members=st.lists(st.tuples(evil_names, evil_kinds, evil_names), max_size=6))
def test_no_member_leaves_the_folder_and_a_refused_archive_leaves_nothing(
    members: list[tuple[str, bytes, str]],
) -> None:
    content = make_archive(members)
    with tempfile.TemporaryDirectory() as around:
        inside = Path(around) / "runs" / "inside"
        inside.mkdir(parents=True)
        (inside / "mine").write_text("marker")
        try:
            unpack.unpack([content], hashlib.sha256(content).hexdigest(), inside)
        except (ValueError, OSError, tarfile.TarError):
            assert [path.name for path in inside.iterdir()] == ["mine"]
        assert [path.name for path in Path(around).iterdir()] == ["runs"]
        assert [path.name for path in inside.parent.iterdir()] == ["inside"]
        for path in inside.rglob("*"):
            assert path.resolve().is_relative_to(inside.resolve())


@pytest.mark.parametrize(
    "member",
    [
        ("../evil", tarfile.REGTYPE, ""),
        ("/tmp/evil", tarfile.REGTYPE, ""),
        ("a/../../evil", tarfile.REGTYPE, ""),
        ("hard", tarfile.LNKTYPE, "/etc/passwd"),
        ("device", tarfile.CHRTYPE, ""),
        ("link", tarfile.SYMTYPE, "/etc"),
        ("link", tarfile.SYMTYPE, "../.."),
        ("mine", tarfile.REGTYPE, ""),
    ],
)
@pytest.mark.parametrize("filters", [True, False])
def test_what_no_project_holds_is_refused_with_and_without_pythons_own_filter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, member: tuple[str, bytes, str], *, filters: bool
) -> None:
    if not filters:
        monkeypatch.delattr(tarfile, "data_filter", raising=False)
    (tmp_path / "mine").write_text("marker")
    content = make_archive([("good", tarfile.REGTYPE, ""), member])
    with pytest.raises((ValueError, OSError, tarfile.TarError)):
        unpack.unpack([content], hashlib.sha256(content).hexdigest(), tmp_path)
    assert read_all(tmp_path) == {"mine": b"marker"}


def test_links_that_lead_out_together_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(tarfile, "data_filter", raising=False)
    inside = tmp_path / "inside"
    inside.mkdir()
    content = make_archive([("s/t", tarfile.SYMTYPE, ".."), ("out", tarfile.SYMTYPE, "s/t/..")])
    with pytest.raises(ValueError, match="a link that leads out: 'out'"):
        unpack.unpack([content], hashlib.sha256(content).hexdigest(), inside)
    assert not list(inside.iterdir())


class FakeChannel:
    """Gives what was sent, and keeps what is answered."""

    def __init__(self, *messages: object) -> None:
        self._messages = list(messages)
        self.sent: list[Any] = []

    def receive(self) -> Any:
        """Return the next message."""
        return self._messages.pop(0)

    def send(self, message: object) -> None:
        """Keep an answer."""
        self.sent.append(message)


def test_a_folder_that_is_not_there_is_told_in_words() -> None:
    channel = FakeChannel(("/nowhere/at/all", "0" * 64), b"")
    unpack.serve(channel)
    ((word, problem),) = channel.sent
    assert word == "done"
    assert problem == "No such file or directory (/nowhere/at/all)"


def test_what_is_no_archive_is_told_in_words(tmp_path: Path) -> None:
    content = gzip.compress(b"no archive")
    channel = FakeChannel((str(tmp_path), hashlib.sha256(content).hexdigest()), content, b"")
    unpack.serve(channel)
    assert channel.sent[0][0] == "done"
    assert channel.sent[0][1]
