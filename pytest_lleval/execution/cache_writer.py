"""The thread that writes to the response cache, so that the event loop does not wait for the disk."""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from dataclasses import dataclass
from typing import Final

from ..core.encoding import encode_completion
from ..core.records import Completion, Request
from .cache_file import explain_failure, is_broken, open_writing
from .cache_key import make_key, name_model
from .cache_place import CachePlace, FileIdentity, identify_file
from .cache_upkeep import trim_entries

__all__ = ["CacheWriter", "NewEntry", "count_days"]

_BATCH_ENTRIES: Final = 64
_BATCH_SECONDS: Final = 0.5
_CLOSE_SECONDS: Final = 60.0
_INSERT: Final = (
    "INSERT INTO responses (key, model, made, used, value) VALUES (?, ?, ?, ?, ?) "
    "ON CONFLICT (key) DO UPDATE SET made = excluded.made, used = excluded.used, value = excluded.value"
)
_TOUCH: Final = "UPDATE responses SET used = ? WHERE id = ?"


@dataclass(frozen=True, kw_only=True, slots=True)
class NewEntry:
    """An answer to keep, and what it answers."""

    request: Request
    scope: str
    epoch: int
    completion: Completion


class CacheWriter:
    """Writes answers in batches, by a thread that is started with the first one.

    A failure ends the writing and is told in `problem`; it never reaches the run.

    :param place: where to write
    """

    def __init__(self, place: CachePlace) -> None:
        #: why nothing more is written; empty while all is well
        self.problem = ""
        #: the file, once its content was found broken
        self.broken: FileIdentity | None = None
        self._place = place
        self._file: FileIdentity | None = None
        self._entries: list[NewEntry] = []
        self._touched: list[int] = []
        self._changed = threading.Condition()
        self._closing = False
        self._thread: threading.Thread | None = None

    def add(self, entry: NewEntry) -> None:
        """Take an answer; it is in the file half a second later, or when 64 have come together."""
        with self._changed:
            if self.problem or self._closing:
                return
            self._entries.append(entry)
            self._wake(len(self._entries))

    def touch(self, number: int) -> None:
        """Take the number of an entry that was used today for the first time."""
        with self._changed:
            if self.problem or self._closing:
                return
            self._touched.append(number)
            self._wake(len(self._touched))

    def _wake(self, waiting: int) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="lleval-cache", daemon=True)
            self._thread.start()
        # waking it for every entry would cost the event loop more than the entry
        if waiting in (1, _BATCH_ENTRIES):
            self._changed.notify()

    def close(self) -> None:
        """Write what is left and end the thread; safe to call twice."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        thread = self._thread
        if thread is None:
            return
        deadline = time.monotonic() + _CLOSE_SECONDS
        while thread.is_alive() and time.monotonic() < deadline:
            thread.join(0.5)  # in slices, for Ctrl-C on Windows
        if thread.is_alive():
            self.problem = f"{self._place.path} was still being written after {_CLOSE_SECONDS:g} s, and was left behind"

    def _run(self) -> None:
        connection: sqlite3.Connection | None = None
        try:
            while self._await_batch():
                if connection is None:
                    connection = self._open()
                self._write(connection)
        except Exception as error:  # noqa: BLE001 - whatever it is, the run goes on and hears of it
            self._give_up(error)
        finally:
            if connection is not None:
                connection.close()

    def _await_batch(self) -> bool:
        """Wait until there is enough to write, or for long enough; tell whether there is anything."""
        with self._changed:
            self._changed.wait_for(lambda: self._entries or self._touched or self._closing)
            self._changed.wait_for(lambda: len(self._entries) >= _BATCH_ENTRIES or self._closing, _BATCH_SECONDS)
            return bool(self._entries or self._touched)

    def _open(self) -> sqlite3.Connection:
        try:
            return open_writing(self._place.path)
        finally:
            self._file = identify_file(self._place.path)

    def _write(self, connection: sqlite3.Connection) -> None:
        with self._changed:
            entries, self._entries = self._entries, []
            touched, self._touched = self._touched, []
        now = time.time()
        rows = [_make_row(entry, now) for entry in entries]
        with connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(_INSERT, rows)
            connection.executemany(_TOUCH, [(count_days(now), number) for number in touched])
        trim_entries(connection, self._place.limit)

    def _give_up(self, error: Exception) -> None:
        with self._changed:
            self.problem = explain_failure(self._place.path, error)
            self._entries, self._touched = [], []
        if is_broken(error):
            self.broken = self._file


def count_days(now: float) -> int:
    """Return the day of a time in seconds since 1970; an entry's last use is known to the day."""
    return int(now // 86400)


def _make_row(entry: NewEntry, now: float) -> tuple[bytes, str, int, int, str]:
    return (
        make_key(entry.request, entry.scope, entry.epoch),
        name_model(entry.scope),
        int(now),
        count_days(now),
        json.dumps(encode_completion(entry.completion), separators=(",", ":")),
    )
