"""What evidence keeps of texts and names: numbers that are compared, the same in every run."""

from __future__ import annotations

import re
from hashlib import blake2b
from zlib import crc32

__all__ = ["hash_name", "hash_text", "shape_id", "shorten_digest"]

#: ids that begin with a word, as ``chatcmpl-…`` and ``msg_…``; a UUID may begin with eight letters by chance
_WORD_ID = re.compile(r"([a-z]{3,})[-_](?!(?<=^[a-f]{8}-)[0-9a-f]{4}-)")


def shorten_digest(digest: str) -> int:
    """Return the first 63 bits of a digest."""
    return int(digest[:16], 16) >> 1


def hash_name(name: str) -> int:
    """Return 63 bits of a digest: the same in every run."""
    return int.from_bytes(blake2b(name.encode("utf-8", "surrogatepass"), digest_size=8).digest()) >> 1


def hash_text(text: str) -> int:
    """Return 63 bits of a text that may be long."""
    data = text.encode("utf-8", "surrogatepass")
    # two sums of 32 bits: texts of one run that collide would have to be made for it
    return (crc32(data) << 31) ^ crc32(data[::-1]) ^ len(data)


def shape_id(response: str | None) -> str:
    """Return what kinds of servers tell themselves apart by: how their response ids begin."""
    word = _WORD_ID.match(response or "")
    return f"{word[1]}-" if word else "another form" if response else "none"
