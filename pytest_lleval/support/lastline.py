"""The line of a traceback, or of what a command printed, that says what went wrong."""

from __future__ import annotations

import traceback
from pathlib import Path

__all__ = ["describe_fault", "find_last_line"]


def find_last_line(text: str) -> str:
    """Return the last line that is not blank, without the blanks around it; empty where there is none."""
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "")


def describe_fault(error: BaseException) -> str:
    """Return the kind of an error and the line that raised it, and nothing of what it says: ``KeyError at x.py:7``."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}{place}"
