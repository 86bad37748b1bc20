"""A line of what is printed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

__all__ = ["Line"]


class Line(NamedTuple):
    """A line of output with its markup, e.g. ``{"yellow": True}``."""

    text: str
    markup: Mapping[str, bool] = {}
