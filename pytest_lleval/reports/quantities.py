"""Measured quantities in as many digits as a reader needs."""

from __future__ import annotations

import math

__all__ = ["format_number", "format_seconds", "format_share"]

_PREFIXES = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"))


def format_seconds(seconds: float) -> str:
    """Return a time in three digits with its unit, e.g. ``23.5 ms``."""
    if not math.isfinite(seconds):
        return "timed out"
    unit, name = next(((unit, name) for unit, name in _PREFIXES if seconds >= unit), _PREFIXES[-1])
    return f"{format_number(seconds / unit)} {name}"


def format_number(value: float) -> str:
    """Return a number in three digits, or as a whole one from 100 on."""
    return f"{value:,.0f}" if value >= 99.95 else f"{value:.3g}"


def format_share(ratio: float) -> str:
    """Return a share in whole percents; a question mark where it has no bound."""
    if not math.isfinite(ratio):
        return "?"
    return f"{100 * ratio:.0f}%" if ratio >= 0.0095 else "<1%"
