"""Data of the page: JSON, deflated, in base64, which browsers unpack by themselves."""

from __future__ import annotations

import base64
import json
import re
import zlib
from typing import Any

from .markup import Markup

__all__ = ["embed", "pack", "squeeze"]

_HALVES = re.compile("[\ud800-\udfff]")


def squeeze(value: Any) -> bytes:
    """Return JSON values as raw deflate; halves of characters, which have no encoding, are kept as JSON's escapes."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    plain = _HALVES.sub(lambda half: f"\\u{ord(half[0]):04x}", text).encode("utf-8")
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS, 9)
    return packer.compress(plain) + packer.flush()


def pack(value: Any) -> str:
    """Return JSON values as text that holds nothing HTML has a meaning for."""
    return base64.b64encode(squeeze(value)).decode("ascii")


def embed(name: str, packed: str) -> Markup:
    """Return a block of data, which a browser keeps and does not run.

    :param name: the id of its element
    :param packed: by `pack`
    """
    return Markup(f'<script type="application/octet-stream" id="{name}">{packed}</script>')
