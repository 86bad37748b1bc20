"""Sends a project to a host: the files that git knows of, or those that are named, in one archive with its digest."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import shutil
import subprocess
import tarfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..core.errors import HostError, UsageError
from .link import HostLink
from .remote import place, unpack

__all__ = ["Package", "pack_project", "place_folder", "send_project"]

#: bytes of all files together, before they are compressed
MOST_BYTES = 200_000_000
_CHUNK = 1 << 20
_SECONDS = 120.0
#: of every file in the archive: the same files are the same bytes
_MOMENT = 315532800
_NEVER = (".git", ".lleval", "__pycache__", ".pytest_cache")
_LARGEST = 3


@dataclass(frozen=True, kw_only=True)
class Package:
    """A project as it is sent."""

    #: a compressed tar archive, and its sha256 as 64 hex digits
    content: bytes
    digest: str
    #: bytes of the files before they were compressed
    size: int
    files: int


def pack_project(root: Path, files: Sequence[str] | None) -> Package:
    """Put the files of a project into an archive.

    :param root: the project's
    :param files: globs below it; None for all files that git knows of or would add
    :raises UsageError: when there are none, too many, or one that leads out of the project
    """
    names = _list_globbed(root, files) if files is not None else _list_known(root)
    chosen = {name: root / name for name in sorted(names) if not _is_left_out(name) and (root / name).is_file()}
    if not chosen:
        raise UsageError(f"nothing to send to hosts: no file of {root} is {' or '.join(files or ('known to git',))}")
    for name, path in chosen.items():
        if not path.resolve().is_relative_to(root.resolve()):
            raise UsageError(
                f"{name!r} leads out of the project {root}, which is all that hosts are sent; name the files to send "
                "by files in [project] of the file of hosts, or a chdir where the project is"
            )
    sizes = {name: path.stat().st_size for name, path in chosen.items()}
    if sum(sizes.values()) > MOST_BYTES:
        raise UsageError(_describe_excess(root, sizes))
    content = gzip.compress(_write_archive(chosen), 6, mtime=0)
    digest = hashlib.sha256(content).hexdigest()
    return Package(content=content, digest=digest, size=sum(sizes.values()), files=len(chosen))


def place_folder(link: HostLink, run: str) -> str:
    """Make a folder for a session on a host, and remove those that sessions left behind which were killed.

    :param run: of the session
    :returns: its absolute path there
    :raises HostError: when it cannot be made
    """
    folder: str = link.call(place, run, seconds=_SECONDS)
    return folder


def send_project(link: HostLink, package: Package, folder: str) -> None:
    """Put a project's files into a folder of a host.

    :raises HostError: when they do not arrive as they were sent, or have no room there
    """
    channel = link.start(unpack, folder, package.digest)
    try:
        for start in range(0, len(package.content), _CHUNK):
            channel.send(package.content[start : start + _CHUNK])
        channel.send(b"")
        channel.receive(_SECONDS)
    except channel.RemoteError as error:
        reason = error.formatted.strip().splitlines()[-1]
        raise HostError(f"host {link.host.name!r} does not take the project: {reason}") from error
    except (OSError, EOFError, channel.TimeoutError) as error:
        raise HostError(f"host {link.host.name!r}: the connection is gone ({error or 'closed'})") from error


def _list_globbed(root: Path, globs: Iterable[str]) -> set[str]:
    return {path.relative_to(root).as_posix() for pattern in globs for path in root.glob(pattern) if path.is_file()}


def _list_known(root: Path) -> set[str]:
    """Return what git tracks, submodules included, and what it would add."""
    git = shutil.which("git")
    kinds = (("--cached", "--recurse-submodules"), ("--others", "--exclude-standard"))
    found: set[str] = set()
    for words in kinds:
        command = [git or "git", "-C", str(root), "ls-files", "-z", *words]
        done = subprocess.run(command, capture_output=True, check=False) if git else None  # noqa: S603  # fixed words
        if done is None or done.returncode:
            raise UsageError(
                f"{root} is no work tree of git, so nobody knows what hosts need of it; name the files by files in "
                "[project] of the file of hosts, or a chdir where the project is"
            )
        found.update(os.fsdecode(name) for name in done.stdout.split(b"\0") if name)
    return found


def _is_left_out(name: str) -> bool:
    return any(part in _NEVER for part in name.split("/"))


def _describe_excess(root: Path, sizes: dict[str, int]) -> str:
    largest = sorted(sizes, key=lambda name: -sizes[name])[:_LARGEST]
    told = ", ".join(f"{name} ({sizes[name] / 1e6:,.0f} MB)" for name in largest)
    return (
        f"{root} has {sum(sizes.values()) / 1e6:,.0f} MB of files, more than the {MOST_BYTES / 1e6:,.0f} MB that are "
        f"sent to hosts, the largest are {told}; name the files to send by files in [project] of the file of hosts, "
        "or a chdir where the project is"
    )


def _write_archive(files: dict[str, Path]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, path in files.items():
            content = path.read_bytes()
            info = tarfile.TarInfo(name)
            info.size, info.mtime = len(content), _MOMENT
            info.mode = 0o755 if path.stat().st_mode & 0o100 else 0o644
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()
