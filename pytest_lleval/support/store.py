"""Files in the cache: written whole or not at all, checked before they are used."""

from __future__ import annotations

import hashlib
import json
import os
import uuid
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

from .digest import digest_file
from .failure import AssetError
from .folders import guard_writes, sweep_stale
from .locks import hold_lock
from .places import PlaceError

__all__ = ["Content", "fetch_once", "find_stored", "read_chunks", "store_chunks"]

_CHUNK = 1 << 20


@dataclass(frozen=True, kw_only=True, slots=True)
class Content:
    """What a file must hold.

    :param sha256: 64 hex digits
    :param size: in bytes
    """

    sha256: str
    size: int


@dataclass(frozen=True, kw_only=True, slots=True)
class _Stamp:
    size: int
    mtime_ns: int
    sha256: str


def find_stored(path: Path, sha256: str | None) -> Path | None:
    """Return `path` when it holds what was stored there, else None.

    The bytes are hashed only when size or modification time differ from those noted after the last hashing.

    :param path: in the cache
    :param sha256: 64 hex digits, or None to ask for those found when the file was stored
    """
    stamp = _read_stamp(path)
    try:
        status = path.stat()
        wanted = sha256 or (stamp.sha256 if stamp else None)
        if wanted is None:
            return None
        if stamp == _Stamp(size=status.st_size, mtime_ns=status.st_mtime_ns, sha256=wanted):
            return path
        if digest_file(path) != wanted:
            return None
    except OSError:
        return None
    _write_stamp(path, wanted)
    return path


def fetch_once(path: Path, sha256: str | None, fetch: Callable[[], Path]) -> Path:
    """Return the stored file at `path`, calling `fetch` when there is none or it is damaged.

    Of several processes that ask at once, one fetches and the others wait for it.

    :raises AssetError: the cache cannot be written to, or what `fetch` raises
    """
    if found := find_stored(path, sha256):
        return found
    with hold_lock(path.parent / ".lock"):
        if found := find_stored(path, sha256):
            return found
        with guard_writes():
            path.unlink(missing_ok=True)
        return fetch()


def store_chunks(path: Path, chunks: Iterable[bytes], content: Content | None, origin: str) -> Path:
    """Write a file of the cache in one step, and only when it is the right one.

    :param path: in the cache
    :param chunks: the file's bytes
    :param content: what it must hold, or None to take it as it is
    :param origin: where the bytes come from, for the message
    :raises AssetError: the bytes are others, or the cache cannot be written to
    """
    part = path.with_name(f".{uuid.uuid4().hex}.part")
    with guard_writes():
        path.parent.mkdir(parents=True, exist_ok=True)
        sweep_stale(path.parent, ".*.part")
        try:
            found = _write_part(part, chunks, content.size if content else None)
            if content and found != content:
                raise AssetError(_describe_difference(path, origin, content, found))
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
    _write_stamp(path, found.sha256)
    return path


def read_chunks(stream: IO[bytes], origin: str) -> Iterator[bytes]:
    """Read a stream to its end.

    :param origin: where the bytes come from, for the message
    :raises PlaceError: the stream breaks off or is damaged
    """
    try:
        while chunk := stream.read(_CHUNK):
            yield chunk
    except (OSError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise PlaceError(f"{origin} is damaged ({error})") from error


def _write_part(part: Path, chunks: Iterable[bytes], limit: int | None) -> Content:
    hasher = hashlib.sha256()
    size = 0
    with part.open("xb") as stream:
        for chunk in chunks:
            stream.write(chunk)
            hasher.update(chunk)
            size += len(chunk)
            if limit is not None and size > limit:
                break
        stream.flush()
        os.fsync(stream.fileno())
    return Content(sha256=hasher.hexdigest(), size=size)


def _describe_difference(path: Path, origin: str, content: Content, found: Content) -> str:
    if found.size > content.size:
        return f"{origin} holds more than the expected {content.size} bytes; nothing of it was kept"
    return (
        f"{origin} is another file than expected: sha256 {found.sha256} ({found.size} bytes) instead of "
        f"{content.sha256} ({content.size} bytes); nothing was kept, and the right file may be put at {str(path)!r}"
    )


def _stamp_path(path: Path) -> Path:
    return path.with_name(path.name + ".ok")


def _read_stamp(path: Path) -> _Stamp | None:
    try:
        return _Stamp(**json.loads(_stamp_path(path).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def _write_stamp(path: Path, sha256: str) -> None:
    # Without its stamp (a read-only cache, say) a file is hashed at every use: slower, not wrong.
    with suppress(OSError):
        status = path.stat()
        stamp = _Stamp(size=status.st_size, mtime_ns=status.st_mtime_ns, sha256=sha256)
        _stamp_path(path).write_text(json.dumps(asdict(stamp)), encoding="utf-8")
