"""The page's own files: its frame, its style, and its script, which is put together from one file a subject."""

from __future__ import annotations

import base64
import hashlib
from functools import lru_cache
from importlib.resources import files
from string import Template

__all__ = ["fill_frame", "make_policy", "read_script", "read_style"]

#: in the order they are run
_SCRIPTS = ("reading", "showing", "filtering", "listing", "details", "journal", "charts", "groups", "theme", "start")


@lru_cache(maxsize=1)
def read_style() -> str:
    """Return the style sheet."""
    return _read("page.css")


@lru_cache(maxsize=1)
def read_script() -> str:
    """Return the script: the files share one scope, which nothing else sees."""
    return "(() => {\n'use strict';\n" + "".join(_read(f"{name}.js") for name in _SCRIPTS) + "})();\n"


def make_policy() -> str:
    """Return the policy that lets the page run its own script and style, and nothing else; it may load nothing."""
    return (
        f"default-src 'none'; script-src '{_digest(read_script())}'; style-src '{_digest(read_style())}'; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )


def fill_frame(**parts: str) -> str:
    """Return the page.

    :param parts: what stands where the frame has a ``$name``, all of it markup
    """
    return Template(_read("page.html")).substitute(
        parts, policy=make_policy(), style=read_style(), script=read_script()
    )


def _digest(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode('utf-8')).digest()).decode('ascii')}"


def _read(name: str) -> str:
    # a checkout may have given it other line ends, which the digests would not match
    return files(__package__).joinpath("assets", name).read_text(encoding="utf-8").replace("\r\n", "\n")
