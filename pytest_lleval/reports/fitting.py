"""Texts of any kind made to fit a column of a terminal."""

from __future__ import annotations

from unicodedata import combining, east_asian_width

from .escaping import escape_text

__all__ = ["fit_text", "measure_width", "show_first_line"]

_CUT = "..."


def measure_width(text: str) -> int:
    """Return how many columns a text takes: letters of some scripts take two, marks above them none."""
    if text.isascii():
        return len(text)
    return sum(0 if combining(letter) else 2 if east_asian_width(letter) in "WF" else 1 for letter in text)


def fit_text(text: str, width: int, *, pad: bool = True) -> str:
    """Make a text safe to print and exactly so many columns wide: cut, which is marked by dots, or padded.

    :param width: columns, at least 4
    :param pad: whether a shorter text gets spaces behind it
    """
    # more letters than this cannot fit; escaping a text of megabytes for a column takes seconds
    safe = escape_text(text[: width + 1])
    if measure_width(safe) > width:
        while measure_width(safe) > width - len(_CUT):
            safe = safe[:-1]
        safe += _CUT
    return safe + " " * (width - measure_width(safe)) if pad else safe


def show_first_line(text: str, width: int) -> str:
    """Return the first line of a text that is not blank, as far as it fits, and say by dots that there is more."""
    lines = text.strip().splitlines() or [""]
    more = " ..." if len(lines) > 1 else ""
    return fit_text(lines[0], width - len(more), pad=False) + more
