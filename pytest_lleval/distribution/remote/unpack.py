"""Unpacks the archive of a project into the folder of a session, once it is known to be the one that was sent."""

import gzip
import hashlib
import io
import tarfile
from pathlib import Path, PurePosixPath
from typing import Any


def unpack(content: bytes, digest: str, folder: Path) -> None:
    """Write the files of an archive.

    :param content: a compressed tar archive
    :param digest: its sha256
    :param folder: that gets the files
    """
    found = hashlib.sha256(content).hexdigest()
    if found != digest:
        raise ValueError(f"it has arrived with digest {found[:12]} instead of {digest[:12]}")
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(content))) as archive:
        for member in archive:
            path = PurePosixPath(member.name)
            stream = archive.extractfile(member)
            if not member.isreg() or stream is None or path.is_absolute() or ".." in path.parts:
                raise ValueError(f"no file of a project: {member.name!r}")
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(stream.read())
            target.chmod(member.mode & 0o755)


if __name__ == "__channelexec__":
    channel: Any
    where, expected = channel.receive()
    unpack(b"".join(iter(channel.receive, b"")), expected, Path(where))
    channel.send(("done", None))
