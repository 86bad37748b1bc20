"""Sends a project to a host: its files in one archive, known by its digest, into a folder that lives with a session."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ..core.errors import HostError, UsageError
from .link import HostLink
from .projectfiles import WAY_OUT, ProjectFiles, choose_files
from .remote import place, unpack

__all__ = ["Package", "pack_project", "place_folder", "remove_folder", "send_project"]

#: bytes of all files together, before they are compressed
MOST_BYTES = 200_000_000
_CHUNK = 1 << 20
_SECONDS = 120.0
#: until a host has unpacked; one that is gone is noticed sooner
_UNPACK_SECONDS = 600.0
#: the time of every file: the same files are the same bytes, and compiled modules, which know their source by time and
#: size, are never sent and are made in a new folder. The year 1980 is the first that zip archives know
_MOMENT = 315532800
_LARGEST = 3


@dataclass(frozen=True, kw_only=True)
class Package:
    """A project as it is sent."""

    #: a compressed tar archive, and its sha256 as 64 hex digits
    content: bytes
    digest: str
    #: bytes of the files before they were compressed
    size: int
    #: how many there are, links included
    files: int
    #: names of what is not sent although git knows of it, or a pattern names it
    left_out: tuple[str, ...] = ()


def pack_project(root: Path, files: Sequence[str] | None, also: Iterable[Path] = ()) -> Package:
    """Put the files of a project into an archive; the same files make the same archive.

    :param root: the project's
    :param files: globs below it; None for all files that git knows of or would add
    :param also: further files, such as the ini file; those outside of the root are passed over
    :raises UsageError: when there are none, too many, one that cannot be read or a link that leads out of the project
    """
    chosen = choose_files(root, files, also)
    try:
        sizes = {name: path.stat().st_size for name, path in chosen.files.items()}
        if sum(sizes.values()) > MOST_BYTES:
            raise UsageError(_describe_excess(root, sizes))
        content = _write_archive(chosen)
    except OSError as error:
        raise UsageError(f"the project {root} cannot be sent to hosts: {error}; {WAY_OUT}") from error
    return Package(
        content=content,
        digest=hashlib.sha256(content).hexdigest(),
        size=sum(sizes.values()),
        files=len(chosen.files) + len(chosen.links),
        left_out=chosen.left_out,
    )


def place_folder(link: HostLink, run: str) -> str:
    """Make a folder for a session on a host, and remove those that sessions left behind which were killed.

    It lives with the link: once that is closed, another session's call may remove it.

    :param run: of the session
    :returns: its absolute path there
    :raises HostError: when it cannot be made
    """
    folder, problem = link.call(place, "place", run, seconds=_SECONDS)
    if problem:
        raise HostError(f"host {link.host.name!r} has no folder for the session: {problem}")
    return str(folder)


def send_project(link: HostLink, package: Package, folder: str) -> None:
    """Put a project's files into a folder of a host; after a failure nothing of them is there.

    :param folder: from `place_folder`
    :raises HostError: when they do not arrive as they were sent, or have no room there
    """
    channel = link.start(unpack, folder, package.digest)
    with link.explain(channel, "does not take the project"):
        # the other end may stop to listen, and say why
        with suppress(OSError):
            for start in range(0, len(package.content), _CHUNK):
                channel.send(package.content[start : start + _CHUNK])
            channel.send(b"")
        _, problem = channel.receive(_UNPACK_SECONDS)
    if problem:
        raise HostError(f"host {link.host.name!r} does not take the project: {problem}")


def remove_folder(link: HostLink, folder: str) -> None:
    """Remove a folder that `place_folder` has made, with all that is in it; one that is not there is none to remove.

    :raises HostError: when the host is gone, or keeps some of it
    """
    _, problem = link.call(place, "remove", folder, seconds=_SECONDS)
    if problem:
        raise HostError(f"host {link.host.name!r} keeps {folder}: {problem}")


def _describe_excess(root: Path, sizes: dict[str, int]) -> str:
    largest = sorted(sizes, key=lambda name: -sizes[name])[:_LARGEST]
    told = ", ".join(f"{name} ({sizes[name] / 1e6:,.1f} MB)" for name in largest)
    return (
        f"{root} has {sum(sizes.values()) / 1e6:,.0f} MB of files, more than the {MOST_BYTES / 1e6:,.0f} MB that are "
        f"sent to hosts, the largest are {told}; {WAY_OUT}"
    )


def _write_archive(chosen: ProjectFiles) -> bytes:
    buffer = io.BytesIO()
    with (
        gzip.GzipFile(filename="", mode="wb", fileobj=buffer, compresslevel=6, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for name, path in chosen.files.items():
            content = path.read_bytes()
            info = _describe_member(name)
            info.size = len(content)
            info.mode = 0o755 if path.stat().st_mode & 0o100 else 0o644
            archive.addfile(info, io.BytesIO(content))
        for name, target in chosen.links.items():
            info = _describe_member(name)
            info.type, info.linkname = tarfile.SYMTYPE, target
            archive.addfile(info)
    return buffer.getvalue()


def _describe_member(name: str) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.mtime = _MOMENT
    return info
