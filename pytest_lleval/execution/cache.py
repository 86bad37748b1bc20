"""The response cache: answers from earlier runs to the same request, of the same backend, in the same epoch."""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from dataclasses import replace
from typing import Final

from ..core.encoding import decode_completion
from ..core.errors import CallError, LlevalError
from ..core.records import Completion, Request, Timing
from ..core.settings import CacheMode
from .cache_file import explain_failure, is_broken, open_reading
from .cache_key import is_repeatable, make_key, scope_of
from .cache_place import CachePlace, FileIdentity, find_place, identify_file, set_aside
from .cache_writer import CacheWriter, NewEntry, count_days

__all__ = ["ResponseCache", "open_cache", "scope_of"]

_SELECT: Final = "SELECT id, used, value FROM responses WHERE key = ?"
_WAY_OUT: Final = "run with --lleval-cache=on"


def open_cache(mode: CacheMode) -> ResponseCache | None:
    """Return the response cache of this process; None when the mode is ``off``. Touches no file yet.

    :raises UsageError: when the cache's environment variables say nothing usable
    """
    return None if mode == "off" else ResponseCache(find_place(), mode)


class ResponseCache:
    """Answers kept from earlier runs; one a process, shared with others through a file.

    Only requests at temperature 0 are answered or kept. What is wrong with the file fails no call but those of the
    mode ``only``; it is told in `problem`.

    :param place: where the file is
    :param mode: ``on`` reads and keeps, ``refresh`` only keeps, ``only`` only reads
    """

    def __init__(self, place: CachePlace, mode: CacheMode) -> None:
        self._place = place
        self._must_find = mode == "only"
        self._reads = mode != "refresh"
        self._writer = None if mode == "only" else CacheWriter(place)
        self._lock = threading.Lock()
        self._reader: sqlite3.Connection | None = None
        self._file: FileIdentity | None = None
        self._broken: FileIdentity | None = None
        self._moved = False
        self._problem = ""

    @property
    def must_find(self) -> bool:
        """Whether what is not found must not be asked."""
        return self._must_find

    @property
    def problem(self) -> str:
        """What a user must know about the cache, complete once it is closed; empty when all was well."""
        if self._moved:
            return (
                f"the response cache {self._place.path} was broken and has been moved out of the way; "
                "the next run begins a new one"
            )
        unwritten = self._writer.problem if self._writer else ""
        texts = (
            self._problem and f"the response cache is not read any more: {self._problem}",
            unwritten and f"new answers are not kept in the response cache: {unwritten}",
        )
        return "; ".join(text for text in texts if text)

    def find(self, request: Request, scope: str, epoch: int) -> Completion | None:
        """Return the answer that was kept, without a timing and marked as cached; None when there is none.

        :param request: what would be asked
        :param scope: who would be asked, as `scope_of` says
        :param epoch: which sampling run of the case it is
        :raises CallError: in the mode ``only``, when there is none
        """
        if self._reads and is_repeatable(request):
            found = self._look_up(make_key(request, scope, epoch))
            if found is not None:
                return replace(found, cached=True, timing=Timing())
        if self._must_find:
            raise CallError(self._explain_miss(request))
        return None

    def _explain_miss(self, request: Request) -> str:
        if not is_repeatable(request):
            temperature = request.generation.temperature
            return f"asked at temperature {temperature}, and only 0 is in the response cache; {_WAY_OUT}"
        return self.problem or f"not in the response cache; {_WAY_OUT}"

    def keep(self, request: Request, scope: str, epoch: int, completion: Completion) -> None:
        """Keep the answer of a model; it is written soon, by another thread. Answers from a cache are not kept."""
        if self._writer is not None and is_repeatable(request) and not completion.cached:
            self._writer.add(NewEntry(request=request, scope=scope, epoch=epoch, completion=completion))

    def close(self) -> None:
        """Write what is left, and let go of the file; safe to call twice."""
        with self._lock:
            self._reads = False
            self._close_reader()
        if self._writer is not None:
            self._writer.close()
            broken = self._broken or self._writer.broken
            self._moved = self._moved or (broken is not None and set_aside(self._place, broken))

    def _look_up(self, key: bytes) -> Completion | None:
        with self._lock:
            if not self._reads:
                return None
            try:
                reader = self._reader or self._open_reader()
                # fetching all ends the statement, and with it the hold on the file
                rows = reader.execute(_SELECT, (key,)).fetchall() if reader else []
                return self._read_row(*rows[0]) if rows else None
            except (sqlite3.Error, OSError, LlevalError) as error:
                self._give_up(explain_failure(self._place.path, error), broken=is_broken(error))
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                self._give_up(f"{self._place.path} holds what is no answer ({error!r})", broken=True)
            return None

    def _open_reader(self) -> sqlite3.Connection | None:
        self._file = identify_file(self._place.path)
        self._reader = open_reading(self._place.path)
        return self._reader

    def _read_row(self, number: int, used: int, value: str) -> Completion:
        completion = decode_completion(json.loads(value))
        if self._writer is not None and used != count_days(time.time()):
            self._writer.touch(number)
        return completion

    def _give_up(self, problem: str, *, broken: bool) -> None:
        self._reads = False
        self._problem = problem
        self._broken = self._file if broken else None
        self._close_reader()

    def _close_reader(self) -> None:
        reader, self._reader = self._reader, None
        if reader is not None:
            reader.close()
