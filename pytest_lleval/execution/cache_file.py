"""The file of the response cache: how many processes open it at once, and what is wrong with it."""

from __future__ import annotations

import os
import sqlite3
import time
from pathlib import Path
from typing import Final

from ..core.errors import LlevalError, UsageError
from ..support.mounts import find_network
from .cache_place import CACHE_VERSION, FILE_VARIABLE

__all__ = ["ask_number", "explain_failure", "is_broken", "open_reading", "open_writing"]

#: "LLev", so that no other program's database is taken for a cache
_APPLICATION: Final = 0x4C4C6576
#: how long to wait for other processes: reading holds up the event loop, writing has a thread of its own
_READ_SECONDS: Final = 1.0
#: others may hold the lock again and again: SQLite hands it to nobody, and who waits looks now and then
_WRITE_SECONDS: Final = 20.0
#: what the journal beside the database is cut back to, in bytes
_JOURNAL_BYTES: Final = 4 << 20
_BROKEN: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_SCHEMA: Final = (
    # the long column comes last: what stands behind it is slow to reach
    "CREATE TABLE IF NOT EXISTS responses (id INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE, model TEXT NOT NULL, "
    "made INTEGER NOT NULL, used INTEGER NOT NULL, value TEXT NOT NULL)",
    "CREATE INDEX IF NOT EXISTS responses_by_use ON responses (used)",
    "CREATE INDEX IF NOT EXISTS responses_by_model ON responses (model, made)",
    f"PRAGMA application_id = {_APPLICATION}",
    f"PRAGMA user_version = {CACHE_VERSION}",
)


def open_reading(path: Path) -> sqlite3.Connection | None:
    """Open the cache to read it, without changing anything; None where there is none yet.

    :raises UsageError: the file is no cache of this version, or lies where it cannot be read safely
    :raises sqlite3.Error: it is broken, locked or not readable
    """
    if not path.exists():
        return None
    uri = f"{path.as_uri()}?mode=ro"
    if not os.access(path.parent, os.W_OK) or find_network(path):
        # Readers of a shared database write their locks beside it. Where they cannot, it must be at rest.
        journal = path.with_name(f"{path.name}-wal")
        if journal.exists() and journal.stat().st_size:
            raise UsageError(
                f"{path} is in use, or was left by a killed process, and lies where this one cannot take part; "
                f"let one run that can write there end, or name another file by {FILE_VARIABLE}"
            )
        uri += "&immutable=1"
    connection = _connect(uri, _READ_SECONDS)
    try:
        ready = _is_ready(connection, path)
    except BaseException:
        connection.close()
        raise
    if ready:
        return connection
    connection.close()
    return None


def open_writing(path: Path) -> sqlite3.Connection:
    """Open the cache to read and write it; a new one is made where there is none.

    :raises UsageError: the file is no cache of this version, or lies on a network file system
    :raises sqlite3.Error: it is broken, locked for long, or cannot be written
    :raises OSError: its folder cannot be made
    """
    if system := find_network(path):
        raise UsageError(
            f"{path} lies on a network file system ({system}), where machines would break each other's writes; "
            f"name a file on a local disk by {FILE_VARIABLE}"
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = _connect(path.as_uri(), _WRITE_SECONDS)
    try:
        _prepare(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


def _connect(uri: str, seconds: float) -> sqlite3.Connection:
    # one thread uses a connection, and another may close it at the end
    return sqlite3.connect(uri, uri=True, timeout=seconds, isolation_level=None, check_same_thread=False)


def _is_ready(connection: sqlite3.Connection, path: Path) -> bool:
    """Tell whether the tables are there; they and the marks come in one transaction, so that they are read first."""
    tables = ask_number(connection, "SELECT count(*) FROM sqlite_master")
    owner, version = ask_number(connection, "PRAGMA application_id"), ask_number(connection, "PRAGMA user_version")
    if owner == _APPLICATION and version == CACHE_VERSION:
        return True
    if owner == _APPLICATION:
        raise UsageError(
            f"{path} has answers in format {version} of another version of pytest-lleval, this one has format "
            f"{CACHE_VERSION}; name another file by {FILE_VARIABLE}"
        )
    if tables or owner or version:
        raise UsageError(f"{path} is the database of another program; name another file by {FILE_VARIABLE}")
    return False


def ask_number(connection: sqlite3.Connection, question: str) -> int:
    """Return the one number a statement answers."""
    answer: int = connection.execute(question).fetchall()[0][0]
    return answer


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    deadline = time.monotonic() + _WRITE_SECONDS
    while not _try_prepare(connection, path, deadline):
        time.sleep(0.01)
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute(f"PRAGMA journal_size_limit = {_JOURNAL_BYTES}")


def _try_prepare(connection: sqlite3.Connection, path: Path, deadline: float) -> bool:
    try:
        if not _is_ready(connection, path):
            connection.execute("PRAGMA auto_vacuum = INCREMENTAL")  # has to come before anything is written
            connection.execute("PRAGMA journal_mode = WAL")
            with connection:
                connection.execute("BEGIN IMMEDIATE")
                for statement in _SCHEMA:
                    connection.execute(statement)
    except sqlite3.OperationalError as error:
        # SQLite does not wait by itself when several processes turn on the journal of a new file at once.
        if _read_code(error) != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
            raise
        return False
    return True


def _read_code(error: sqlite3.Error) -> int:
    """Return the primary code of an error; those of Python's own checks have none."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def is_broken(error: Exception) -> bool:
    """Tell whether an error says that the content of the file is broken, whoever reads it."""
    return isinstance(error, sqlite3.Error) and _read_code(error) in _BROKEN


def explain_failure(path: Path, error: Exception) -> str:
    """Return what is wrong with the file and the way out, for the end of a sentence."""
    if isinstance(error, LlevalError):
        return str(error)
    if is_broken(error):
        return f"{path} is broken ({error}); remove it or name another file by {FILE_VARIABLE}"
    reason = (isinstance(error, OSError) and error.strerror) or str(error) or repr(error)
    return f"{path}: {reason}; see to the file or its disk, or name another file by {FILE_VARIABLE}"
