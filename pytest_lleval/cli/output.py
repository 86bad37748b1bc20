"""How the command prints."""

from __future__ import annotations

import sys

__all__ = ["say"]


def say(text: str) -> None:
    """Print one line, whatever letters it has."""
    # a group's name may be written in letters that the terminal's encoding does not have
    encoding = sys.stdout.encoding or "utf-8"
    sys.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding) + "\n")
