"""Single values of result files: numbers, times, yes and no, and what became of a call."""

from __future__ import annotations

import json
import math
import re
from datetime import UTC, datetime
from typing import Any

from ..core.observations import RowStatus

__all__ = [
    "ABSENT",
    "as_mapping",
    "describe_failure",
    "dig",
    "read_count",
    "read_flag",
    "read_moment",
    "read_number",
    "read_status",
    "read_text",
]

#: texts that stand for no value
ABSENT = frozenset({"", "-", "n/a", "na", "nan", "none", "null", "nil", "inf", "-inf", "infinity", "-infinity"})
_TRUE = frozenset({"1", "true", "yes", "y", "hit"})
_FALSE = frozenset({"0", "false", "no", "n", "miss"})
_OK = frozenset(
    {"ok", "success", "succeeded", "successful", "200", "done", "completed", "complete", "finished", "true"}
)
_TIMEOUT = re.compile(r"time[d]?[\s_-]*out|deadline|\b(408|504)\b", re.IGNORECASE)
_FAILED = re.compile(
    r"err|exception|abort|cancel|crash|refused|rejected|unavailable|\bfail(ed|ure)?\b|^false$|^[45]\d\d$", re.IGNORECASE
)
#: beyond these a number is a mistake, and arithmetic with it one too
_SMALLEST, _LARGEST = 1e-12, 1e19
_DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+")


def read_number(value: object, comma: bool = False) -> float | None:
    """Return a number of a size that something can have been measured or counted with, None where there is none.

    :param comma: a comma stands before the decimals
    """
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, str):
        text = value.strip()
        value = text.replace(",", ".") if comma and _DECIMAL_COMMA.fullmatch(text) else text.replace("_", "x")
    try:
        number = float(value)  # type: ignore[arg-type]  # whatever it is
    except (TypeError, ValueError, OverflowError):
        return None
    if not math.isfinite(number) or abs(number) > _LARGEST:
        return None
    return number if abs(number) >= _SMALLEST else 0.0


def read_count(value: object, comma: bool = False) -> int | None:
    """Return a whole number from 0 up, None where there is none."""
    number = read_number(value, comma)
    return int(number) if number is not None and number >= 0 and number == int(number) else None


def read_text(value: object) -> str:
    """Return a value as a text; what is no text as JSON; nothing as an empty text."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    return json.dumps(value, ensure_ascii=False, default=repr)


def read_flag(value: object) -> bool | None:
    """Return yes or no, None where the value says neither."""
    if isinstance(value, bool):
        return value
    text = read_text(value).strip().lower()
    return True if text in _TRUE else False if text in _FALSE else None


def read_status(value: object) -> RowStatus | None:
    """Return what became of a call, None where the value does not say, e.g. for ``pass`` and ``fail`` of a grader."""
    text = read_text(value).strip()
    if text.lower() in _OK:
        return "ok"
    if _TIMEOUT.search(text):
        return "timeout"
    return "error" if _FAILED.search(text) else None


def describe_failure(message: str) -> RowStatus:
    """Return what kind of failure an error message tells of."""
    return "timeout" if _TIMEOUT.search(message) else "error"


def read_moment(value: object) -> float | None:
    """Return seconds since 1970 of a number (seconds, milliseconds, …) or of an ISO 8601 text."""
    number = read_number(value)
    if number is not None:
        while number > 1e11:
            number /= 1000.0
        return number
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value.strip())
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None


def as_mapping(value: object) -> dict[str, Any]:
    """Return a JSON object, an empty one where the value is none."""
    return value if isinstance(value, dict) else {}


def dig(value: object, *names: str) -> Any:
    """Return what is under names in nested JSON objects, None where there is nothing."""
    for name in names:
        value = as_mapping(value).get(name)
    return value
