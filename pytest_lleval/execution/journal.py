"""The journal: one line per epoch, appended and flushed as it arrives, by one process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO

from ..core.encoding import load_record
from ..core.errors import RunDirectoryError
from ..core.records import Record
from .rundir import JOURNAL

__all__ = ["Journal", "read_journal"]


class Journal:
    """Appends lines to a run's ``samples.jsonl``.

    :param run: the run directory
    :raises RunDirectoryError: when the file cannot be opened
    """

    def __init__(self, run: Path) -> None:
        self.path = run / JOURNAL
        try:
            _cut_torn_line(self.path)
            self._stream: IO[str] = self.path.open("a", encoding="ascii", newline="\n")
        except OSError as error:
            raise RunDirectoryError(self._explain(error)) from error

    def append(self, line: str) -> None:
        """Write one line and hand it to the operating system before returning.

        :raises RunDirectoryError: when the disk is full or gone; nothing that was written before is lost
        """
        try:
            self._stream.write(line + "\n")
            self._stream.flush()
        except OSError as error:
            # closing tries to write once more, and fails the same way
            with suppress(OSError):
                self._stream.close()
            raise RunDirectoryError(self._explain(error)) from error

    def close(self) -> None:
        """Close the file; safe to call twice."""
        try:
            self._stream.close()
        except OSError as error:
            raise RunDirectoryError(self._explain(error)) from error

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


def read_journal(run: Path) -> Iterator[Record]:
    """Yield the records of a run in the order they were written; a torn last line is left out.

    :param run: the run directory
    :raises RunDirectoryError: when the file cannot be read or a line in the middle is broken
    """
    path = run / JOURNAL
    try:
        with path.open(encoding="ascii", errors="replace") as stream:
            for number, line in enumerate(stream, 1):
                if not line.endswith("\n"):
                    return
                try:
                    yield load_record(line)
                except RunDirectoryError as error:
                    raise RunDirectoryError(f"{path}:{number}: {error}") from error
    except FileNotFoundError:
        return
    except OSError as error:
        raise RunDirectoryError(f"{path}: cannot be read ({error})") from error


def _cut_torn_line(path: Path) -> None:
    """Cut off a last line that a killed process left without its end."""
    if not path.exists() or not path.is_file():
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
