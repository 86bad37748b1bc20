"""Marks that tell the curves of a drawing apart without their colours."""

from __future__ import annotations

from .markup import Markup, element

__all__ = ["draw_mark"]

#: outlines around 0, 0: disc, square, triangle, diamond, and a triangle on its head
_OUTLINES = (
    "M-5 0a5 5 0 1 0 10 0a5 5 0 1 0-10 0z",
    "M-4.5-4.5h9v9h-9z",
    "M0-5.5l5.5 10h-11z",
    "M0-6l6 6l-6 6l-6-6z",
    "M0 5.5l5.5-10h-11z",
)


def draw_mark(number: int, x: float, y: float) -> Markup:
    """Return the mark of a curve; those of the first five are filled, those of the next five hollow, and so on.

    :param number: of the curve, from 0
    :param x: where its middle is
    :param y: where its middle is
    """
    kind = "mark hollow" if number // len(_OUTLINES) % 2 else "mark"
    outline = _OUTLINES[number % len(_OUTLINES)]
    return element("path", d=outline, transform=f"translate({x:.1f} {y:.1f})", class_=kind)
