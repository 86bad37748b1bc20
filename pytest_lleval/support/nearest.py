"""Suggestions for a mistyped name."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

__all__ = ["suggest_names"]


def suggest_names(name: str, known: Iterable[str]) -> str:
    """Return a half sentence that names the known words nearest to `name`, or all when few.

    :param name: the word that is not known
    :param known: the words that are
    """
    names = sorted(known)
    if not names:
        return "there is none to choose from"
    close = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
    if close:
        return "did you mean " + " or ".join(repr(word) for word in close) + "?"
    shown = ", ".join(names[:12])
    return f"known: {shown}" + (f" and {len(names) - 12} more" if len(names) > 12 else "")
