"""Canonical bytes and their digests."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

__all__ = ["digest_file", "digest_json", "digest_parts", "encode_canonical"]

_CHUNK = 1 << 20


def encode_canonical(value: object) -> bytes:
    """Encode `value` as JSON bytes that depend on its content alone.

    Keys are sorted, white space is left out and everything beyond ASCII is escaped, so that lone
    surrogates (which models do emit) have bytes too.
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False).encode("ascii")


def digest_json(value: object) -> str:
    """Return the sha256 of the canonical JSON of `value`, as 64 hex digits."""
    return hashlib.sha256(encode_canonical(value)).hexdigest()


def digest_parts(parts: Iterable[object]) -> str:
    """Return the sha256 over the canonical JSON of each part, one a line, as 64 hex digits."""
    hasher = hashlib.sha256()
    for part in parts:
        hasher.update(encode_canonical(part))
        hasher.update(b"\n")
    return hasher.hexdigest()


def digest_file(path: Path) -> str:
    """Return the sha256 of a file's bytes, as 64 hex digits."""
    hasher = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            hasher.update(chunk)
    return hasher.hexdigest()
