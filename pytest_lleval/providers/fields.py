"""Values of the JSON that a server has sent, which may be anything."""

from __future__ import annotations

__all__ = ["read_count", "read_string"]


def read_string(value: object) -> str | None:
    """Return `value` if it is a text that says something, else None."""
    return value if isinstance(value, str) and value else None


def read_count(holder: object, name: str) -> int | None:
    """Return the count called `name` of a parsed JSON object, None where there is none."""
    value = holder.get(name) if isinstance(holder, dict) else None
    return value if isinstance(value, int) and not isinstance(value, bool) else None
