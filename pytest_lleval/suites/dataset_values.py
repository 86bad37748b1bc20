"""Values of a row as what a record can carry: JSON, texts, and ids that can stand in a node id."""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
import json
import math
import re
from collections.abc import Mapping
from decimal import Decimal
from enum import Enum
from pathlib import PurePath
from uuid import UUID

__all__ = ["make_json", "make_safe_id", "make_text"]

#: what breaks a line or a node id, commands a terminal, turns the direction of writing, or has no encoding; a per cent
#: sign only where it could be taken for one of our own escapes
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff\\[\\]]|:(?=:)|%(?=[0-9A-Fa-f]{2})")


def make_safe_id(text: str) -> str:
    """Return an id that can stand in a pytest node id; different ids stay different.

    Line ends, control characters, ``::`` and brackets become per cent escapes, as in addresses; all else stays.
    """
    return _UNSAFE.sub(_escape, text)


def _escape(found: re.Match[str]) -> str:
    return "".join(f"%{byte:02X}" for byte in found[0].encode("utf-8", "surrogatepass"))


def make_text(value: object) -> str:
    """Return a JSON value as text: a text as it is, nothing as the empty one, all else as JSON."""
    if isinstance(value, str):
        return value
    return "" if value is None else json.dumps(value, ensure_ascii=False)


def make_json(value: object) -> object:
    """Return the value as JSON values, the same on every worker.

    Dates become ISO 8601 texts, bytes their digest, arrays lists; an object that has no such form is named by its type.

    :raises ValueError: for NaN and the infinities, which JSON does not have
    """
    if value is None or isinstance(value, (str, int)):
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"{value!r} is no value of JSON; write null, or leave the row out")
        return value
    if isinstance(value, Mapping):
        return {str(name): make_json(inner) for name, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [inner if type(inner) is str else make_json(inner) for inner in value]
    if isinstance(value, (set, frozenset)):
        return sorted((make_json(inner) for inner in value), key=json.dumps)
    return _make_plain(value)


def _make_plain(value: object) -> object:
    if isinstance(value, (datetime.date, datetime.time)):
        return value.isoformat()
    if isinstance(value, Decimal):
        if not value.is_finite():
            raise ValueError(f"{value!r} is no value of JSON; write null, or leave the row out")
        return str(value)
    if isinstance(value, (PurePath, UUID)):
        return str(value)
    if isinstance(value, Enum):
        return make_json(value.value)
    if isinstance(value, bytes):
        return f"<{len(value)} bytes, sha256 {hashlib.sha256(value).hexdigest()}>"
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: make_json(getattr(value, field.name)) for field in dataclasses.fields(value)}
    # arrays and scalars of numpy and its kin, which need not be imported for this
    plain = getattr(value, "tolist", None)
    if callable(plain) and not isinstance(value, type):
        return make_json(plain())
    named = value if hasattr(value, "__qualname__") else type(value)
    return f"<{getattr(named, '__module__', '?')}.{getattr(named, '__qualname__', '?')}>"
