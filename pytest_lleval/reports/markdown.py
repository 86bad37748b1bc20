"""Parts of Markdown pages: every name and message in them is data, and stays it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from .escaping import escape_text

__all__ = ["escape_markdown", "render_table"]

#: what begins markup, a table's cell, an HTML tag, an entity, a formula, a short name of an emoji, or a link
_MARKS = re.compile(r"[\\`*_\[\]<>#|~$&@:]|www\.", re.IGNORECASE)
_CLIPPED = 600


def escape_markdown(text: str, limit: int = _CLIPPED) -> str:
    """Make a text of a server, a model or a dataset one line of Markdown that shows as it is and does nothing.

    Mentions and references to issues are made of the finished page, where entities do not stop them: a space without
    width does.

    :param limit: how many characters of the text are shown
    """
    clipped = text if len(text) <= limit else text[: limit - 1] + "…"
    return _MARKS.sub(_spell, escape_text(clipped))


def _spell(found: re.Match[str]) -> str:
    mark = found[0]
    if len(mark) > 1:
        return f"{mark[:-1]}&#46;"
    return f"&#{ord(mark)};" + ("\u200b" if mark in "@#" else "")


def render_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Yield the lines of a table.

    :param head: the titles of its columns, none of them data
    :param rows: cells as data: they are escaped here
    """
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(escape_markdown(cell) for cell in row)} |"
