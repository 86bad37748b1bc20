"""Texts of servers, models and datasets, made safe to print."""

from __future__ import annotations

import re

__all__ = ["escape_text"]

#: what commands a terminal, breaks a line, turns the direction of writing, or has no encoding
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def escape_text(text: str, keep: str = "") -> str:
    """Make a text of a server, a model or a dataset safe to print: characters that do more than show are spelled out.

    :param keep: characters to leave as they are, e.g. line ends
    """
    return _UNSAFE.sub(lambda found: found[0] if found[0] in keep else repr(found[0])[1:-1], text)
