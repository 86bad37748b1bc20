"""What the response cache holds, and how it is kept small."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from .cache_file import ask_number

__all__ = ["ModelEntries", "measure_files", "remove_entries", "summarise_models", "trim_entries"]

#: of the limit: what eviction leaves, so that it does not begin anew with the next answer
_KEPT_SHARE: Final = 0.9
#: entries removed in one transaction: writers of other processes wait no longer than that takes
_CHUNK: Final = 500
_VACUUM_PAGES: Final = 2000


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelEntries:
    """The answers of one model; times in seconds since 1970."""

    model: str
    entries: int
    oldest: int
    newest: int


def measure_files(path: Path) -> int:
    """Return the bytes that a cache and the journal beside it take on the disk."""
    return sum(file.stat().st_size for file in (path, path.with_name(f"{path.name}-wal")) if file.exists())


def summarise_models(connection: sqlite3.Connection) -> list[ModelEntries]:
    """Return what there is of each model, in alphabetical order."""
    rows = connection.execute(
        "SELECT model, count(*), min(made), max(made) FROM responses GROUP BY model ORDER BY model"
    )
    return [ModelEntries(model=row[0], entries=row[1], oldest=row[2], newest=row[3]) for row in rows]


def remove_entries(connection: sqlite3.Connection, *, model: str = "*", before: float | None = None) -> int:
    """Remove answers, give their space back, and return how many they were.

    :param model: a pattern for ``provider/model``
    :param before: only answers of models from before this time, in seconds since 1970
    """
    made = math.inf if before is None else before
    rows = connection.execute("SELECT id FROM responses WHERE model GLOB ? AND made < ?", (model, made))
    ids = [row[0] for row in rows]
    removed = sum(_delete(connection, ids[start : start + _CHUNK]) for start in range(0, len(ids), _CHUNK))
    _give_back(connection)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    return removed


def trim_entries(connection: sqlite3.Connection, limit: int) -> int:
    """Remove the answers used least recently while all together are too large, and return how many they were.

    :param limit: in bytes
    """
    size = ask_number(connection, "PRAGMA page_count") * ask_number(connection, "PRAGMA page_size")
    if size <= limit:
        return 0
    removed = 0
    # a process killed at this point leaves a file that is large and yet has room
    if _measure_used(connection) > limit:
        while ids := _pick_oldest(connection, _measure_used(connection) - int(limit * _KEPT_SHARE)):
            removed += _delete(connection, ids)
    _give_back(connection)
    return removed


def _pick_oldest(connection: sqlite3.Connection, excess: int) -> list[int]:
    """Return which answers to remove next: those used least recently, and of one day the first made."""
    if excess <= 0:
        return []
    ids = []
    for entry, size in connection.execute(
        "SELECT id, length(value) FROM responses ORDER BY used, id LIMIT ?", (_CHUNK,)
    ).fetchall():
        ids.append(entry)
        excess -= size
        if excess <= 0:
            break
    return ids


def _delete(connection: sqlite3.Connection, ids: Sequence[int]) -> int:
    with connection:
        connection.execute("BEGIN IMMEDIATE")
        return connection.executemany("DELETE FROM responses WHERE id = ?", [(entry,) for entry in ids]).rowcount


def _measure_used(connection: sqlite3.Connection) -> int:
    """Return the bytes of all pages but the free ones."""
    pages = ask_number(connection, "PRAGMA page_count") - ask_number(connection, "PRAGMA freelist_count")
    return pages * ask_number(connection, "PRAGMA page_size")


def _give_back(connection: sqlite3.Connection) -> None:
    """Cut free pages off the end of the file, a slice at a time."""
    left = ask_number(connection, "PRAGMA freelist_count")
    while left:
        # it moves one page for each row that is fetched
        connection.execute(f"PRAGMA incremental_vacuum({_VACUUM_PAGES})").fetchall()
        before, left = left, ask_number(connection, "PRAGMA freelist_count")
        if left >= before:
            return
