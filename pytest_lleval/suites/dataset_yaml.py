"""Rows of a YAML file; the only module that needs PyYAML."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ..core.errors import DatasetError
from ..core.extras import import_extra
from .dataset_layout import ROW_KEYS, find_rows

__all__ = ["read_yaml_rows"]

_TAG = "tag:yaml.org,2002:"
#: YAML 1.2's scalars. YAML 1.1, which PyYAML reads, makes a truth value of an answer ``No`` and 630 of ``10:30``
_SCALARS = (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"[-+]?(?:0|[1-9][0-9]*)", "-+0123456789"),
    (
        "float",
        r"[-+]?(?:\.[0-9]+(?:[eE][-+]?[0-9]+)?|(?:0|[1-9][0-9]*)(?:\.[0-9]*(?:[eE][-+]?[0-9]+)?|[eE][-+]?[0-9]+)"
        r"|\.(?:inf|Inf|INF))|\.(?:nan|NaN|NAN)",
        "-+.0123456789",
    ),
)


def read_yaml_rows(text: str, name: str) -> Iterator[tuple[str, object]]:
    """Yield the rows of a YAML document, each with its place.

    Words such as ``No``, ``on``, ``007`` and ``10:30`` are texts, as in YAML 1.2; dates are dates.

    :param text: the document
    :param name: the file's path, for places
    :raises DatasetError: with file and line, when it is not YAML, or a key occurs twice
    :raises UsageError: when PyYAML is not installed
    """
    yaml = import_extra(name, "yaml", "pyyaml", "cases")
    try:
        loader = _make_loader(yaml)(text)
        root = loader.get_single_node()
        _check_keys(root, name)
        document = loader.construct_document(root) if root is not None else None
    except yaml.YAMLError as error:
        raise _explain(error, name) from error
    except (ValueError, RecursionError) as error:
        raise DatasetError(name, f"not YAML: {error}") from error
    rows = find_rows(document, name)
    for row, node in zip(rows, _find_nodes(root), strict=True):
        yield f"{name}:{node.start_mark.line + 1}", row


def _make_loader(yaml: Any) -> Any:
    base = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    # "=" has a meaning of its own that the safe loader cannot construct
    replaced = {_TAG + kind for kind in ("bool", "int", "float", "value")}
    resolvers = {
        sign: [rule for rule in rules if rule[0] not in replaced]
        for sign, rules in base.yaml_implicit_resolvers.items()
    }
    loader: Any = type("PlainLoader", (base,), {"yaml_implicit_resolvers": resolvers})
    for kind, pattern, first in _SCALARS:
        loader.add_implicit_resolver(_TAG + kind, re.compile(rf"(?:{pattern})\Z"), list(first))
    return loader


def _find_nodes(root: Any) -> list[Any]:
    if root is None or root.id == "sequence":
        return list(root.value) if root is not None else []
    under = next(value for key, value in root.value if key.value in ROW_KEYS)
    return list(under.value) if under.id == "sequence" else []


def _check_keys(root: Any, name: str) -> None:
    waiting, seen = [root] if root is not None else [], set()
    while waiting:
        node = waiting.pop()
        if id(node) in seen or node.id == "scalar":
            continue
        seen.add(id(node))
        keys: set[str] = set()
        for entry in node.value:
            key, value = entry if node.id == "mapping" else (None, entry)
            waiting.append(value)
            if key is not None and key.id == "scalar":
                if key.value in keys:
                    raise DatasetError(f"{name}:{key.start_mark.line + 1}", f"the key {key.value!r} occurs twice")
                keys.add(key.value)


def _explain(error: Any, name: str) -> DatasetError:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    place = f"{name}:{mark.line + 1}" if mark is not None else name
    problem = getattr(error, "problem", None) or " ".join(str(error).split())
    return DatasetError(place, f"not YAML: {problem}")
