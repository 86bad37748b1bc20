"""How long a server asks to be left alone, read from the headers of its answers.

``Retry-After``: https://www.rfc-editor.org/rfc/rfc9110#name-retry-after. ``x-ratelimit-*``:
https://platform.openai.com/docs/guides/rate-limits. ``anthropic-ratelimit-*``:
https://docs.anthropic.com/en/api/rate-limits.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

__all__ = ["parse_duration", "read_hold", "read_wait"]

_UNITS: Mapping[str, float] = {"d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6}
_PART = r"(\d+(?:\.\d+)?)(ms|us|µs|[dhms])"
_DURATION = re.compile(f"(?:{_PART})+", re.ASCII)
_PARTS = re.compile(_PART, re.ASCII)
#: a number beyond this is a moment in time, in a form nobody has documented
_MOST_SECONDS = 1e8
_REMAINING = {
    "x-ratelimit-remaining-requests": "x-ratelimit-reset-requests",
    "x-ratelimit-remaining-tokens": "x-ratelimit-reset-tokens",
    "anthropic-ratelimit-requests-remaining": "anthropic-ratelimit-requests-reset",
    "anthropic-ratelimit-tokens-remaining": "anthropic-ratelimit-tokens-reset",
    "anthropic-ratelimit-input-tokens-remaining": "anthropic-ratelimit-input-tokens-reset",
    "anthropic-ratelimit-output-tokens-remaining": "anthropic-ratelimit-output-tokens-reset",
}


def parse_duration(text: str) -> float | None:
    """Return the seconds of a duration such as ``1s``, ``6m0s``, ``20ms`` or ``1.5``, None where it is none."""
    text = text.strip()
    if _DURATION.fullmatch(text):
        return _keep_sane(sum(float(number) * _UNITS[unit] for number, unit in _PARTS.findall(text)))
    try:
        return _keep_sane(float(text))
    except ValueError:
        return None


def read_wait(status: int, headers: Mapping[str, str], now: float | None = None) -> float | None:
    """Return after how many seconds a server that failed wants to be asked again; None where it does not say.

    ``retry-after-ms`` counts first, as in the official clients, then ``Retry-After`` in seconds or as a date, and on
    429 the reset of whichever limit has nothing left.

    :param status: of the answer
    :param headers: of the answer; their names are compared without regard to case
    :param now: seconds since 1970, for dates
    """
    moment = time.time() if now is None else now
    asked = _read_retry_after(headers, moment)
    return _read_reset(headers, moment) if asked is None and status == 429 else asked


def read_hold(headers: Mapping[str, str], now: float | None = None) -> float:
    """Return how many seconds it takes until a limit that a successful answer used up is reset; 0.0 for none."""
    return _read_reset(headers, now) or 0.0


def _read_retry_after(headers: Mapping[str, str], now: float) -> float | None:
    milliseconds = _parse_number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    text = headers.get("retry-after")
    seconds = _parse_number(text)
    return _parse_date(text, now) if seconds is None and text else seconds


def _parse_number(text: str | None) -> float | None:
    try:
        return None if text is None else _keep_sane(float(text))
    except ValueError:
        return None


def _parse_date(text: str, now: float) -> float | None:
    try:
        moment = parsedate_to_datetime(text)
        # without a zone, as -0000 is read, it is one of UTC
        return _keep_sane((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() - now)
    except (ValueError, OverflowError):
        return None


def _read_reset(headers: Mapping[str, str], now: float | None) -> float | None:
    return max(_list_resets(headers, now), default=None)


def _list_resets(headers: Mapping[str, str], now: float | None) -> Iterator[float]:
    for remaining, reset in _REMAINING.items():
        if headers.get(remaining) == "0":
            seconds = _parse_reset(headers.get(reset, ""), time.time() if now is None else now)
            if seconds is not None:
                yield seconds


def _parse_reset(text: str, now: float) -> float | None:
    seconds = parse_duration(text)
    if seconds is not None:
        return seconds
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    # RFC 3339 has an offset always; a time of nowhere says nothing
    return None if moment.tzinfo is None else _keep_sane(moment.timestamp() - now)


def _keep_sane(seconds: float) -> float | None:
    """Take what is past as now, and nothing that cannot be waited for."""
    return max(seconds, 0.0) if math.isfinite(seconds) and seconds < _MOST_SECONDS else None
