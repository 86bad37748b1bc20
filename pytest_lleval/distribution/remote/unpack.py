"""Unpacks the archive of a project into the folder of a session, once it is known to be the one that was sent.

Receives the archive in pieces and an empty one at the end; sends ``("done", problem)``, empty where there is none.
"""

import hashlib
import shutil
import tarfile
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import IO, Any


def unpack(pieces: Iterable[bytes], digest: str, folder: Path) -> None:
    """Write the files of an archive; after a failure none of them is there.

    :param pieces: of a compressed tar archive
    :param digest: its sha256
    :param folder: that gets the files
    """
    before = set(folder.iterdir())
    try:
        # has no name, and is gone when it is closed
        with tempfile.TemporaryFile(dir=folder) as spool:
            found = hashlib.sha256()
            for piece in pieces:
                found.update(piece)
                spool.write(piece)
            if found.hexdigest() != digest:
                raise ValueError(f"it has arrived with digest {found.hexdigest()[:12]} instead of {digest[:12]}")
            spool.seek(0)
            extract(spool, folder)
    except BaseException:
        for path in set(folder.iterdir()) - before:
            discard(path)
        raise


def extract(archive: IO[bytes], folder: Path) -> None:
    """Write the files of an archive, which are new, then its links: nothing is written through a link.

    :param archive: a compressed tar archive
    :param folder: that nothing may leave
    """
    links = []
    with tarfile.open(fileobj=archive, mode="r:gz") as members:
        for member in members:
            target = folder / check(member, folder)
            target.parent.mkdir(parents=True, exist_ok=True)
            if member.issym():
                links.append((target, member.linkname))
                continue
            stream = members.extractfile(member)
            with target.open("xb") as file:
                shutil.copyfileobj(stream, file)  # type: ignore[arg-type]  # regular files have one
            target.chmod(member.mode & 0o755)
    for target, to in links:
        target.symlink_to(to)
    base = folder.resolve()
    for target, to in links:
        if not is_below(target, base):
            raise ValueError(f"it has a link that leads out: {str(target.relative_to(folder))!r} to {to!r}")


def check(member: tarfile.TarInfo, folder: Path) -> PurePosixPath:
    """Return the path of a member that is no file of a project's by its looks; raise ValueError for any other.

    The filter is new in Python 3.12, and in security releases of older ones (PEP 706); it repeats what stands here.
    """
    path = PurePosixPath(member.name)
    if not (member.isreg() or member.issym()) or path.is_absolute() or not path.parts or ".." in path.parts:
        raise ValueError(f"it has what is no file of a project: {member.name!r}")
    if hasattr(tarfile, "data_filter"):
        tarfile.data_filter(member, str(folder))
    return path


def is_below(link: Path, base: Path) -> bool:
    """Tell whether a link leads to what is below a folder; one that leads in a circle leads nowhere."""
    try:
        return link.resolve().is_relative_to(base) and link.parent.resolve().is_relative_to(base)
    except (OSError, RuntimeError):
        return False


def discard(path: Path) -> None:
    """Remove a file or a folder, as far as that can be done."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()


def explain(error: Exception, folder: str) -> str:
    """Say what has happened in a sentence."""
    if isinstance(error, OSError) and error.strerror:
        free = ""
        with suppress(OSError):
            free = f", {shutil.disk_usage(folder).free / 1e6:,.1f} MB are free"
        return f"{error.strerror} ({error.filename or folder}{free})"
    return str(error) or type(error).__name__


def serve(channel: Any) -> None:
    """Receive an archive, and say what became of it."""
    where, expected = channel.receive()
    problem = ""
    try:
        unpack(iter(channel.receive, b""), expected, Path(where))
    except (OSError, ValueError, tarfile.TarError, EOFError) as error:
        problem = explain(error, where)
    channel.send(("done", problem))


if __name__ == "__channelexec__":
    channel: Any
    serve(channel)
