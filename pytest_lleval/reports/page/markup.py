"""HTML built from pieces: whatever is not markup already is a text, and is escaped."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence

from ..escaping import escape_text

__all__ = ["Markup", "element", "join", "table"]

#: further signs that change how a line reads and are not seen themselves
_UNSEEN = {ord(sign): f"\\u{ord(sign):04x}" for sign in "\u061c\u200b\u200e\u200f\ufeff"}
#: elements without content; in drawings they must be closed, elsewhere they may be
_LONG = 16
_VOID = ("circle", "input", "rect", "wbr")


class Markup(str):
    """A text that is HTML already."""

    __slots__ = ()


def element(tag: str, *children: str, **attributes: str | float | bool | None) -> Markup:
    """Return an element.

    :param children: markup, or texts to be escaped
    :param attributes: named as in HTML, with ``_`` for ``-`` and behind words of Python's; left out where they are None
    """
    named = "".join(_write_attribute(name, value) for name, value in attributes.items())
    if tag in _VOID:
        return Markup(f"<{tag}{named}/>")
    return Markup(f"<{tag}{named}>{join(children)}</{tag}>")


def join(parts: Iterable[str]) -> Markup:
    """Return pieces one behind the other, those escaped that are no markup."""
    return Markup("".join(part if isinstance(part, Markup) else _escape(part) for part in parts))


def table(caption: str, head: Sequence[str], rows: Iterable[Sequence[str]], **attributes: str) -> Markup:
    """Return a table whose first column names its rows.

    :param caption: read aloud, not shown
    :param head: titles of the columns; those that end in ``#`` are of numbers
    """
    numbers = [title.endswith("#") for title in head]
    titles = [
        element("th", title.rstrip("#"), scope="col", class_="number" if is_number else None)
        for title, is_number in zip(head, numbers, strict=True)
    ]
    body = [element("tr", *(_make_cell(cell, place, numbers[place]) for place, cell in enumerate(row))) for row in rows]
    inner = (
        element("caption", caption, class_="unseen"),
        element("thead", element("tr", *titles)),
        element("tbody", *body),
    )
    made = element("table", *inner, **attributes)
    # wide and long tables scroll by themselves, also by keys
    kind = "scroll long" if len(body) > _LONG else "scroll"
    return element("div", made, class_=kind, tabindex="0", role="region", aria_label=f"Table: {caption}")


def _make_cell(cell: str, place: int, is_number: bool) -> Markup:
    kind = "number" if is_number else None
    return element("td", cell, class_=kind) if place else element("th", cell, scope="row", class_=kind)


def _write_attribute(name: str, value: str | float | bool | None) -> str:
    if value is None or value is False:
        return ""
    plain = name.rstrip("_").replace("_", "-")
    return f" {plain}" if value is True else f' {plain}="{_escape(str(value))}"'


def _escape(text: str) -> str:
    return html.escape(escape_text(text, keep="\n\t").translate(_UNSEEN))
