"""The line of a traceback, or of what a command printed, that says what went wrong."""

from __future__ import annotations

__all__ = ["find_last_line"]


def find_last_line(text: str) -> str:
    """Return the last line that is not blank, without the blanks around it; empty where there is none."""
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "")
