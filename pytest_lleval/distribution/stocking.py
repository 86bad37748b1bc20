"""Sends a host the datasets and models of a session, so that it needs neither an index nor data of its own."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..core.errors import AssetError
from ..support.digest import digest_file
from .link import HostLink
from .remote import stock

__all__ = ["Stock", "send_stock"]

_CHUNK = 1 << 20
_SECONDS = 120.0


@dataclass(frozen=True, kw_only=True)
class Stock:
    """A file that a host needs.

    :param name: relative to where it goes
    :param sha256: of its content, 64 hex digits
    :param source: a file of this machine, or the content itself
    """

    name: str
    sha256: str
    source: Path | bytes

    @classmethod
    def of(cls, name: str, source: Path | bytes) -> Stock:
        """Return a file with its digest."""
        digest = digest_file(source) if isinstance(source, Path) else hashlib.sha256(source).hexdigest()
        return cls(name=name, sha256=digest, source=source)

    @property
    def size(self) -> int:
        """In bytes."""
        return self.source.stat().st_size if isinstance(self.source, Path) else len(self.source)

    def read(self) -> Iterator[bytes]:
        """Yield the content in pieces.

        :raises AssetError: when the file cannot be read
        """
        if isinstance(self.source, bytes):
            yield from (self.source[start : start + _CHUNK] for start in range(0, len(self.source), _CHUNK))
            return
        try:
            with self.source.open("rb") as stream:
                yield from iter(lambda: stream.read(_CHUNK), b"")
        except OSError as error:
            raise AssetError(
                f"{self.source} cannot be read, to be sent to hosts ({error.strerror or error})"
            ) from error


def send_stock(link: HostLink, files: Sequence[Stock], folder: str | None) -> None:
    """Send a host the files it does not have.

    :param folder: where they go on the host; its cache of assets if none
    :raises HostError: when it does not take one, or is gone
    """
    if not files:
        return
    channel = link.start(stock, folder)
    for file in files:
        with link.explain(channel, f"does not take {file.name!r}"):
            channel.send(("file", file.name, file.sha256, file.size))
            if channel.receive(_SECONDS)[0] == "have":
                continue
            for piece in file.read():
                channel.send(piece)
            channel.send(b"")
            channel.receive(_SECONDS)
    with link.explain(channel):
        channel.send(("end",))
        channel.receive(_SECONDS)
