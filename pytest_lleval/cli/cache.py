"""``lleval cache``: look at the response cache, and remove answers from it, while runs may be using it."""

from __future__ import annotations

import argparse
import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from ..core.errors import UsageError
from ..execution.cache_file import explain_failure, open_reading, open_writing
from ..execution.cache_place import find_place
from ..execution.cache_upkeep import measure_files, remove_entries, summarise_models
from ..reports.escaping import escape_text
from .output import say

__all__ = ["add_cache_actions"]

_DAY = 86400.0
_EVERY_MODEL = "*"


def add_cache_actions(cache: argparse.ArgumentParser) -> None:
    """Add ``stats`` and ``clear`` to the command ``lleval cache``."""
    actions = cache.add_subparsers(required=True, metavar="ACTION")
    stats = actions.add_parser("stats", help="say where it is, how large, and what it has of each model")
    stats.set_defaults(run=_print_stats)
    clear = actions.add_parser("clear", help="remove answers, all of them unless told otherwise")
    clear.add_argument("--model", default=_EVERY_MODEL, metavar="GLOB", help="of PROVIDER/MODEL, e.g. 'openai/*'")
    clear.add_argument("--older-than", type=float, metavar="DAYS", help="kept more than so many days ago")
    clear.set_defaults(run=_clear_cache)


def _print_stats(_: argparse.Namespace) -> None:
    place = find_place()
    with _explain_failures("stats", place.path):
        reader = open_reading(place.path)
        if reader is None:
            _say_absent(place.path)
            return
        with closing(reader):
            models = summarise_models(reader)
        size = measure_files(place.path)
    say(f"file     {place.path}")
    say(f"size     {_format_size(size)} of at most {_format_size(place.limit)}")
    say(f"entries  {sum(model.entries for model in models):,}")
    for model in models:
        days = f"{_format_day(model.oldest)} to {_format_day(model.newest)}"
        say(f"  {escape_text(model.model)}  {model.entries:,} entries, {days}")


def _clear_cache(parsed: argparse.Namespace) -> None:
    before = _read_age(parsed.older_than)
    place = find_place()
    if place.own and parsed.model == _EVERY_MODEL and before is None and place.aside.is_dir():
        shutil.rmtree(place.aside, ignore_errors=True)
        say(f"removed a broken cache that had been moved to {place.aside}")
    with _explain_failures("clear", place.path):
        reader = open_reading(place.path)
        if reader is None:
            _say_absent(place.path)
            return
        reader.close()
        size = measure_files(place.path)
        with closing(open_writing(place.path)) as writer:
            removed = remove_entries(writer, model=parsed.model, before=before)
        given = max(0, size - measure_files(place.path))
    say(f"removed {removed:,} entries from {place.path}; {_format_size(given)} given back")


def _read_age(days: float | None) -> float | None:
    """Return the time before which entries are meant, in seconds since 1970; None where none was named."""
    if days is None:
        return None
    if not 0 <= days < 1e5:
        raise UsageError(f"lleval cache clear: --older-than={days:g} is no number of days from 0 up")
    return time.time() - days * _DAY


@contextmanager
def _explain_failures(action: str, path: Path) -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise UsageError(f"lleval cache {action}: {explain_failure(path, error)}") from error


def _say_absent(path: Path) -> None:
    say(f"there is no response cache yet: nothing has been kept in {path}")


def _format_size(size: int) -> str:
    return f"{size / (1 << 20):,.1f} MB"


def _format_day(moment: int) -> str:
    return time.strftime("%Y-%m-%d", time.localtime(moment))
