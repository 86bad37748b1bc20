"""Samples that are known to fail, from a file: each with a reason, and with a day after which it counts again."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any

from ..core.errors import UnknownNameError, UsageError

__all__ = [
    "FILE_NAME",
    "KnownFailure",
    "KnownFailures",
    "decode_known_failures",
    "encode_known_failures",
    "fits_glob",
    "load_known_failures",
]

#: looked for at the root where no other file is named
FILE_NAME = "known_failures.toml"
_OPTION = "--lleval-known-failures"
_KEYS = ("sample", "model", "reason", "expires")


@dataclass(frozen=True, kw_only=True, slots=True)
class KnownFailure:
    """One ``[[failure]]`` of the file.

    In `sample` and `model` a ``*`` stands for any text and a ``?`` for any sign; brackets stand for themselves, because
    node ids hold them.
    """

    #: a case's node id, ``SUITE::SAMPLE``, or the sample's id alone
    sample: str
    reason: str
    #: the model as the user names it
    model: str = "*"
    #: the last day on which it is excused
    expires: date | None = None
    #: its place in the file, counted from 1
    number: int = 1

    def is_expired(self, today: date) -> bool:
        """Tell whether its last day is over."""
        return self.expires is not None and today > self.expires

    def matches(self, case: str, suite: str, sample: str, model: str) -> bool:
        """Tell whether it is about a case, expired or not."""
        names = (case, f"{suite}::{sample}", sample)
        return fits_glob(self.model, model) and any(fits_glob(self.sample, name) for name in names)


@dataclass(frozen=True, kw_only=True, slots=True)
class KnownFailures:
    """The failures of a file, as of a day."""

    entries: tuple[KnownFailure, ...] = ()
    file: str = FILE_NAME
    today: date = date.min

    def find(self, case: str, suite: str, sample: str, model: str) -> KnownFailure | None:
        """Return the first failure that excuses a case; one that has expired excuses nothing.

        :param case: its node id
        :param model: as the user named it
        """
        return next((entry for entry in self.entries if self._excuses(entry, case, suite, sample, model)), None)

    def _excuses(self, entry: KnownFailure, *names: str) -> bool:
        return not entry.is_expired(self.today) and entry.matches(*names)


def load_known_failures(root: Path, chosen: str | None = None, today: date | None = None) -> KnownFailures:
    """Read a file of known failures; without one there are none.

    :param root: the folder of the usual file, and where relative paths start from
    :param chosen: the file the user named; None looks for the usual one
    :param today: the day that decides what has expired; the one of the local clock by default
    :raises UsageError: for a file that is not there, is no TOML, or holds what is no known failure
    """
    # whoever writes a day into the file means a day where they are
    day = today or date.today()
    path = root / (chosen or FILE_NAME)
    if chosen is None and not path.exists():
        return KnownFailures(file=chosen or FILE_NAME, today=day)
    entries = tuple(_read_entry(f"{path}: failure {number}", table, number) for number, table in _read_tables(path))
    return KnownFailures(entries=entries, file=chosen or FILE_NAME, today=day)


def encode_known_failures(known: KnownFailures) -> dict[str, object]:
    """Return known failures as JSON values, for a run's manifest."""
    entries = [
        {**asdict(entry), "expires": entry.expires.isoformat() if entry.expires else None} for entry in known.entries
    ]
    return {"file": known.file, "today": known.today.isoformat(), "entries": entries}


def decode_known_failures(raw: Mapping[str, Any]) -> KnownFailures:
    """Read what `encode_known_failures` wrote."""
    entries = [
        KnownFailure(**{**entry, "expires": date.fromisoformat(entry["expires"]) if entry["expires"] else None})
        for entry in raw["entries"]
    ]
    return KnownFailures(entries=tuple(entries), file=raw["file"], today=date.fromisoformat(raw["today"]))


def _read_tables(path: Path) -> list[tuple[int, Mapping[str, object]]]:
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UsageError(f"{_OPTION}: there is no file {str(path)!r}; write it or leave the option out") from None
    except OSError as error:
        raise UsageError(f"{_OPTION}: {str(path)!r} cannot be read: {error}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: it is no TOML ({error}); mend it there") from error
    unknown = next((name for name in content if name != "failure"), None)
    if unknown is not None:
        raise UnknownNameError(str(path), "table of known failures", unknown, ["failure"])
    tables = content.get("failure", [])
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise UsageError(f"{path}: 'failure' is no list of tables; begin each with a line [[failure]]")
    return list(enumerate(tables, start=1))


def _read_entry(place: str, table: Mapping[str, object], number: int) -> KnownFailure:
    unknown = next((key for key in table if key not in _KEYS), None)
    if unknown is not None:
        raise UnknownNameError(place, "key of a known failure", unknown, _KEYS)
    expires = table.get("expires")
    # a datetime is a date to Python
    if expires is not None and type(expires) is not date:
        raise UsageError(f"{place}: expires={expires!r} is no date; write it without quotes, e.g. expires = 2026-12-31")
    return KnownFailure(
        sample=_read_text(place, table, "sample", "which samples fail, e.g. 'mmlu::anatomy/*'"),
        reason=_read_text(place, table, "reason", "why they fail"),
        model=_read_text(place, {"model": "*", **table}, "model", "of which models, e.g. 'openai/*'"),
        expires=expires if isinstance(expires, date) else None,
        number=number,
    )


def _read_text(place: str, table: Mapping[str, object], key: str, what: str) -> str:
    if key not in table:
        raise UsageError(f"{place}: it has no {key}; write {what}")
    value = table[key]
    if not isinstance(value, str) or not value.strip():
        raise UsageError(f"{place}: {key}={value!r} is no text; write {what}")
    return value.strip()


def fits_glob(pattern: str, text: str) -> bool:
    """Tell whether a text is the pattern, or what ``*`` and ``?`` in it may stand for."""
    return pattern == text or _compile(pattern).fullmatch(text) is not None


@lru_cache(maxsize=4096)
def _compile(pattern: str) -> re.Pattern[str]:
    parts = {"*": ".*", "?": "."}
    return re.compile("".join(parts.get(sign) or re.escape(sign) for sign in pattern), re.DOTALL)
