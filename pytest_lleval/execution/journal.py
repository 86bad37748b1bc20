"""The journal: one line per epoch, appended and flushed as it arrives, by one process.

Each line ends with a link, ``"chain"``: the sha256 of the link before it (nothing for the first line) and of the line
itself without its link. A line that was changed, taken out or moved breaks the chain from there on.

What came from a worker that was found lying stays where it is, for the chain is not to be broken: the manifest says
between which bytes its lines are void, and readers leave them out.

A line is the operating system's when `Journal.append` returns, so a killed process loses nothing. It is on the disk
within a second of the next line, and all are when the journal is closed: that is what a power failure can cost.
"""

from __future__ import annotations

import hashlib
import os
import re
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO, NamedTuple

from ..core.encoding import load_record
from ..core.errors import RunDirectoryError
from ..core.records import Record
from .rundir import JOURNAL, read_manifest

__all__ = ["Journal", "JournalReader", "read_journal"]


_SYNC_SECONDS = 1.0
_LINK = re.compile(r',"chain":"([0-9a-f]{64})"\}$')


class Journal:
    """Appends lines to a run's ``samples.jsonl``; any thread may.

    :param run: the run directory
    :param name: of another file in it
    :raises RunDirectoryError: when the file cannot be opened
    """

    def __init__(self, run: Path, name: str = JOURNAL) -> None:
        self.path = run / name
        self._guard = threading.Lock()
        self._synced = time.monotonic()
        try:
            _cut_torn_line(self.path)
            self._chain = _read_last_link(self.path)
            #: bytes in the file
            self.size = self.path.stat().st_size if self.path.is_file() else 0
            self._stream: IO[str] = self.path.open("a", encoding="ascii", newline="\n")
        except OSError as error:
            raise RunDirectoryError(self._explain(error)) from error

    def append(self, line: str) -> None:
        """Write one line and hand it to the operating system before returning.

        :param line: a JSON object, as `dump_record` writes it
        :raises RunDirectoryError: when the disk is full or gone; nothing that was written before is lost
        """
        with self._guard:
            self._append(line)

    def _append(self, line: str) -> None:
        chain = _link(self._chain, line)
        try:
            written = self._stream.write(f'{line[:-1]},"chain":"{chain}"}}\n')
            self._stream.flush()
            self._chain = chain
            self.size += written
            if time.monotonic() - self._synced > _SYNC_SECONDS:
                self._sync()
        except OSError as error:
            # closing tries to write once more, and fails the same way
            with suppress(OSError):
                self._stream.close()
            raise RunDirectoryError(self._explain(error)) from error

    def close(self) -> None:
        """Close the file; safe to call twice."""
        with self._guard:
            try:
                if not self._stream.closed:
                    self._sync()
                self._stream.close()
            except OSError as error:
                raise RunDirectoryError(self._explain(error)) from error

    def _sync(self) -> None:
        os.fsync(self._stream.fileno())
        self._synced = time.monotonic()

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _explain(self, error: OSError) -> str:
        reason = error.strerror or str(error)
        return (
            f"{self.path}: the journal cannot be written ({reason}); what is in it is kept: "
            f"free space, then go on with --lleval-resume={self.path.parent}"
        )


class JournalReader:
    """Reads a run's journal as far as it is written, and later from there on.

    :param run: the run directory
    :param outline: leave out what was asked and answered, and keep the numbers: a tenth of the memory
    :param name: of another file in it
    """

    def __init__(self, run: Path, *, outline: bool = False, name: str = JOURNAL) -> None:
        self._path = run / name
        self._outline = outline
        self._void = _read_void(run) if name == JOURNAL else ()
        self._position = 0
        self._number = 0
        self._chain = ""

    def read(self) -> Iterator[Record]:
        """Yield the records that were not read before, in the order they were written; a torn last line is left out.

        :raises RunDirectoryError: when the file cannot be read, a line in the middle is broken, or the chain is
        """
        return (record for record, counts in self.read_all() if counts)

    def read_all(self) -> Iterator[tuple[Record, bool]]:
        """Yield the same with the records that are void, each with whether it counts.

        :raises RunDirectoryError: as `read` does
        """
        for at, line in self.read_lines():
            try:
                record = load_record(line, outline=self._outline)
            except RunDirectoryError as error:
                raise RunDirectoryError(f"{self._path}:{self._number}: {error}") from error
            yield record, not self.is_void(record.worker, at)

    def read_lines(self) -> Iterator[tuple[int, str]]:
        """Yield lines as they were appended, void ones too, each with its position in the file, as `read` does records.

        :raises RunDirectoryError: when the file cannot be read, or the chain is broken
        """
        try:
            with self._path.open("rb") as stream:
                stream.seek(self._position)
                for line in stream:
                    if not line.endswith(b"\n"):
                        return
                    at = self._position
                    yield at, self._check_line(line)
        except FileNotFoundError:
            return
        except OSError as error:
            raise RunDirectoryError(f"{self._path}: cannot be read ({error})") from error

    @property
    def chain(self) -> str:
        """The link of the last line that was read; empty before the first."""
        return self._chain

    def is_void(self, worker: str, position: int) -> bool:
        """Tell whether a worker's line at a position in the file does not count."""
        return any(void.holds(worker, position) for void in self._void)

    def _check_line(self, line: bytes) -> str:
        self._position += len(line)
        self._number += 1
        try:
            body, link = _split_link(line.decode("ascii", "replace"))
            self._chain = _link(self._chain, body)
            if link != self._chain:
                raise RunDirectoryError("the chain of digests breaks here: a line was changed, moved or taken out")
        except RunDirectoryError as error:
            raise RunDirectoryError(f"{self._path}:{self._number}: {error}") from error
        return body


def read_journal(run: Path, *, outline: bool = False, name: str = JOURNAL) -> Iterator[Record]:
    """Yield the records of a run in the order they were written; a torn last line is left out.

    :param run: the run directory
    :param outline: leave out what was asked and answered, and keep the numbers: a tenth of the memory
    :param name: of another file in it
    :raises RunDirectoryError: when the file cannot be read, a line in the middle is broken, or the chain is
    """
    return JournalReader(run, outline=outline, name=name).read()


class _Void(NamedTuple):
    """Where in a journal the lines of one worker are void."""

    worker: str
    begin: int
    end: int

    def holds(self, worker: str, position: int) -> bool:
        """Tell whether a worker's line at a position in the file is."""
        return worker == self.worker and self.begin <= position < self.end


def _read_void(run: Path) -> tuple[_Void, ...]:
    """Return which lines of a run's journal do not count."""
    try:
        sessions = read_manifest(run).get("sessions", ())
    except RunDirectoryError:
        # a journal alone is no run, and has no such lines
        return ()
    return tuple(
        _Void(void["worker"], void["begin"], void["end"])
        for session in sessions
        for void in session.get("excluded", ())
    )


def _link(before: str, line: str) -> str:
    return hashlib.sha256((before + line).encode("ascii", "replace")).hexdigest()


def _split_link(line: str) -> tuple[str, str]:
    """Return a line as it was appended, and its link."""
    found = _LINK.search(line.rstrip("\n"))
    if found is None:
        # the record's own error says more, where it is none
        load_record(line)
        raise RunDirectoryError("the line has no link of the chain of digests")
    return line[: found.start()] + "}", found[1]


def _read_last_link(path: Path) -> str:
    """Return the link the next line goes on from."""
    if not path.is_file():
        return ""
    with path.open("rb") as stream:
        stream.seek(max(0, stream.seek(0, 2) - 100))
        found = _LINK.search(stream.read().decode("ascii", "replace").rstrip("\n"))
    return found[1] if found else ""


def _cut_torn_line(path: Path) -> None:
    """Cut off a last line that a killed process left without its end."""
    if not path.is_file():
        return
    with path.open("rb+") as stream:
        size = stream.seek(0, 2)
        if size == 0:
            return
        stream.seek(size - 1)
        if stream.read(1) == b"\n":
            return
        stream.seek(0)
        kept = stream.read().rfind(b"\n") + 1
        stream.truncate(kept)
