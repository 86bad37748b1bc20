"""Which files of a project hosts are sent: those git knows of or would add, or those that the user has named."""

from __future__ import annotations

import os
import posixpath
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath, PurePosixPath

from ..core.errors import UsageError
from .remote.place import CONFIG, DATA, MARKER

__all__ = ["WAY_OUT", "ProjectFiles", "choose_files"]

WAY_OUT = "name the files to send by files in [project] of the file of hosts, or a chdir where the project is"
#: of what a session's folder on a host holds beside the project
_OURS = (MARKER, CONFIG, DATA)
_NEVER = (".git", ".lleval", "__pycache__", ".pytest_cache", *_OURS)
_MAGIC = "*?["


@dataclass(frozen=True, kw_only=True)
class ProjectFiles:
    """What is sent of a project; names are relative to its root, with ``/``."""

    files: Mapping[str, Path]
    #: links to what is sent too: name, and target relative to the link's folder
    links: Mapping[str, str]
    #: names of links to what is not sent, of what is neither file nor link, of ignored ``.env`` files that a pattern
    #: would have, and of submodules that are not checked out
    left_out: tuple[str, ...]


def choose_files(root: Path, globs: Sequence[str] | None, also: Iterable[Path] = ()) -> ProjectFiles:
    """Choose the files of a project that hosts are sent.

    What git ignores, it does not know of. Links stay links.

    :param root: the project's
    :param globs: patterns below it, where a folder's name or ``**`` at the end stand for all that is in the folder;
        None for all files that git knows of or would add, in submodules too
    :param also: further files; those outside of the root are passed over
    :raises UsageError: when there are none, a pattern finds none, or a link leads out of the project
    """
    if globs is None:
        names, left_out = _list_known(root)
        wanted = "known to git"
    else:
        names, left_out = _list_named(root, globs)
        wanted = " or ".join(globs)
    names = {name for name in names if not _is_never_sent(name)}
    names |= {path.relative_to(root).as_posix() for path in also if path.is_relative_to(root) and path.is_file()}
    chosen = _sort_out(root, sorted(names), sorted(left_out))
    if not chosen.files:
        raise UsageError(f"nothing to send to hosts: no file of {root} is {wanted}; {WAY_OUT}")
    return chosen


def _is_never_sent(name: str) -> bool:
    return any(part in _NEVER for part in name.split("/"))


def _sort_out(root: Path, names: Sequence[str], left_out: Iterable[str]) -> ProjectFiles:
    """Tell files from links, and refuse links that lead out."""
    linked = {name for name in names if (root / name).is_symlink()}
    files: dict[str, Path] = {}
    pending: dict[str, PurePosixPath] = {}
    missing, real = set(left_out), root.resolve()
    for name in names:
        path = root / name
        if any(str(folder) in linked for folder in PurePosixPath(name).parents):
            continue  # is sent where the link leads to
        if not path.exists():
            # of a deleted file git knows still
            missing |= {name} if name in linked else set()
            continue
        target = _resolve_inside(root, real, name)
        if name in linked:
            pending[name] = target
        elif path.is_file():
            files[name] = path
        elif not path.is_dir():
            missing.add(name)
    folders = {str(folder) for name in files for folder in PurePosixPath(name).parents}
    links = {}
    for name, target in pending.items():
        if str(target) in files or str(target) in folders:
            links[name] = posixpath.relpath(f"/{target}", f"/{posixpath.dirname(name)}")
        else:
            missing.add(name)
    return ProjectFiles(files=files, links=links, left_out=tuple(sorted(missing)))


def _resolve_inside(root: Path, real: Path, name: str) -> PurePosixPath:
    """Return where a file really is, relative to the root, which really is at `real`."""
    found = (root / name).resolve()
    if not found.is_relative_to(real):
        raise UsageError(f"{name!r} leads out of the project {root}, which is all that hosts are sent; {WAY_OUT}")
    return PurePosixPath(found.relative_to(real).as_posix())


def _list_known(root: Path) -> tuple[set[str], set[str]]:
    """Return what git tracks and what it would add, and submodules that are not there."""
    found: set[str] = set()
    missing: set[str] = set()
    folders = [PurePosixPath()]
    while folders:
        folder = folders.pop()
        done = _run_git(root / folder, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
        if done is None or done.returncode:
            said = _find_complaint(done)
            raise UsageError(f"{root / folder} is no work tree of git ({said}), whose files could be sent; {WAY_OUT}")
        for inner in (folder / name for name in _split(done.stdout)):
            path = root / inner
            if path.is_symlink() or not path.is_dir():
                found.add(str(inner))
            elif (path / ".git").exists():
                # a submodule, or a clone that is none yet
                folders.append(inner)
            else:
                missing.add(str(inner))
    return found, missing


def _run_git(folder: Path, *words: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes] | None:
    """Run git in a folder, by the settings of that folder alone; None where there is no git."""
    git = shutil.which("git")
    if git is None:
        return None
    # hooks of git, which may run tests, set them for the repository they belong to
    own = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_COMMON_DIR", "GIT_OBJECT_DIRECTORY")
    environment = {name: value for name, value in os.environ.items() if name not in own} | {"LC_ALL": "C"}
    command = [git, "-C", str(folder), *words]
    return subprocess.run(command, capture_output=True, check=False, input=given, env=environment)  # noqa: S603


def _find_complaint(done: subprocess.CompletedProcess[bytes] | None) -> str:
    if done is None:
        return "there is no git command"
    return next(iter(done.stderr.decode(errors="replace").splitlines()), f"status {done.returncode}")


def _split(output: bytes) -> Iterator[str]:
    yield from (os.fsdecode(name) for name in output.split(b"\0") if name)


def _list_named(root: Path, globs: Sequence[str]) -> tuple[set[str], set[str]]:
    """Return what patterns find, without ignored ``.env`` files that no pattern names in full, and those."""
    found: set[str] = set()
    for pattern in globs:
        path = PurePath(pattern)
        if path.is_absolute() or ".." in path.parts:
            raise UsageError(f"[project] files: {pattern!r} leads out of the project {root}; {WAY_OUT}")
        hits = set(_expand(root, pattern))
        if not hits:
            raise UsageError(f"[project] files: {pattern!r} finds nothing in the project {root}; leave it out")
        found |= hits
    secrets = {name for name in found - set(globs) if _may_hold_secrets(name)}
    hidden = _list_ignored(root, secrets)
    return found - hidden, hidden


def _expand(root: Path, pattern: str) -> Iterator[str]:
    last = PurePath(pattern).name
    whole = last == "**" or not any(sign in last for sign in _MAGIC)
    # before Python 3.13 `**` at the end finds folders alone, since then files too
    for path in root.glob(pattern):
        if path.is_symlink() or not path.is_dir():
            yield path.relative_to(root).as_posix()
        elif whole:
            yield from _walk(root, path)


def _walk(root: Path, folder: Path) -> Iterator[str]:
    for top, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if name not in _NEVER]
        here = Path(top)
        links = [name for name in folders if (here / name).is_symlink()]
        yield from ((here / name).relative_to(root).as_posix() for name in (*files, *links))


def _may_hold_secrets(name: str) -> bool:
    last = posixpath.basename(name)
    return last == ".env" or last.startswith(".env.")


def _list_ignored(root: Path, names: set[str]) -> set[str]:
    """Return those of the files that git ignores; all of them where nobody can say."""
    if not names:
        return set()
    done = _run_git(root, "check-ignore", "-z", "--stdin", given=b"".join(os.fsencode(name) + b"\0" for name in names))
    if done is None or done.returncode not in (0, 1):
        return names
    return set(_split(done.stdout))
