"""Whether JSON values are a record as `encoding.py` writes it: for what comes from a process that may lie.

What is let through can be decoded, counted, judged and shown: the names are those of the schema and no others, numbers
are numbers and no infinities, words are words that are known.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import get_args

from .encoding import SCHEMA_VERSION
from .records import Cause, Outcome
from .settings import ACKNOWLEDGEABLE

__all__ = ["MOST_DEPTH", "Table", "find_misfit", "is_count", "is_json", "is_number", "is_text", "optional"]

#: what holds when a value fits
Check = Callable[[object], bool]
#: numbers of anything that can be counted or timed are smaller
_MOST = 1e15
#: lists and tables in one another, of values that the schema says nothing of
MOST_DEPTH = 32
_OUTCOMES, _CAUSES = frozenset(get_args(Outcome)), frozenset(get_args(Cause))
_FACTORS = frozenset(ACKNOWLEDGEABLE)


def is_text(value: object) -> bool:
    """Tell whether a value is a text."""
    return type(value) is str


def is_number(value: object) -> bool:
    """Tell whether a value is a finite number of a size that is met; a truth value is none."""
    return type(value) in (int, float) and -_MOST < value < _MOST  # type: ignore[operator]


def is_count(value: object) -> bool:
    """Tell whether a value is a whole number of at least 0."""
    return type(value) is int and 0 <= value < _MOST


def is_json(value: object, depth: int = MOST_DEPTH) -> bool:
    """Tell whether a value is made of what JSON has, and of finite numbers."""
    kind = type(value)
    if kind is dict or kind is list:
        parts = value.values() if isinstance(value, dict) else value
        return depth > 0 and all(is_json(part, depth - 1) for part in parts)  # type: ignore[attr-defined]
    return value is None or kind in (str, bool) or is_number(value)


def optional(fits: Check) -> Check:
    """Return the check of a value that may be None."""
    return lambda value: value is None or fits(value)


def _is_seed(value: object) -> bool:
    return type(value) is int and -(1 << 64) < value < 1 << 64


def _is_logprob(value: object) -> bool:
    # a token that cannot be has minus infinity
    return is_number(value) or value == float("-inf")


def _is_share(value: object) -> bool:
    return type(value) in (int, float) and 0 <= value <= 1  # type: ignore[operator]


def _is_flag(value: object) -> bool:
    return type(value) is bool


def _is_scalar(value: object) -> bool:
    return type(value) in (str, bool) or value is None or is_number(value)


def _lists(fits: Check) -> Check:
    # a record that was never written down has tuples
    return lambda value: type(value) in (list, tuple) and all(map(fits, value))  # type: ignore[call-overload]


def _maps(fits: Check) -> Check:
    return lambda value: type(value) is dict and all(map(fits, value.values()))


def _one_of(words: frozenset[str]) -> Check:
    return lambda value: type(value) is str and value in words


class Table:
    """The names a table has and may have, and what their values are.

    :param required: names it must have
    :param further: names it may have
    """

    __slots__ = ("_further", "_required")

    def __init__(self, required: Mapping[str, Check], further: Mapping[str, Check] | None = None) -> None:
        self._required = required
        self._further = further or {}

    def __call__(self, value: object) -> bool:
        """Tell whether a value is such a table."""
        return not self.find(value)

    def find(self, value: object) -> str:
        """Return the first name that does not fit; empty where all do."""
        if type(value) is not dict:
            return "all"
        found = 0
        for name, fits in self._required.items():
            if name not in value or not fits(value[name]):
                return name
            found += 1
        for name, fits in self._further.items():
            if name in value:
                found += 1
                if not fits(value[name]):
                    return name
        if found == len(value):
            return ""
        return next((str(name) for name in value if name not in self._required and name not in self._further), "all")


_number, _count = optional(is_number), optional(is_count)
_text = optional(is_text)

_SCORE = Table({"name": is_text, "value": _is_share, "answer": _text, "explanation": is_text})
_MESSAGE = Table({"role": is_text, "content": is_text})
_REQUEST = Table(
    {
        "kind": _one_of(frozenset({"chat", "completion"})),
        "temperature": _number,
        "top_p": _number,
        "max_tokens": _number,
        "stop": _lists(is_text),
        "seed": optional(_is_seed),
        "top_logprobs": is_count,
    },
    {"messages": _lists(_MESSAGE), "prompt": is_text},
)
_ALTERED = Table({}, {"prompt": _maps(is_json), "sampling": _maps(is_json)})
_TRACE = Table(
    {},
    {
        "prompt": is_text,
        "altered": _ALTERED,
        "peers": _lists(is_text),
        **dict.fromkeys(("sent", "received", "opened", "processes", "files"), is_count),
        **dict.fromkeys(("cpu", "claimed", "created", "computed_tokens", "computed_seconds"), is_number),
        **dict.fromkeys(("counted_input", "counted_output"), is_number),
    },
)
_COMPLETION = Table(
    {
        "text": is_text,
        "model": is_text,
        "fingerprint": _text,
        "response_id": _text,
        "stop_reason": _text,
        "usage": Table({"input": _number, "output": _number, "cached": _number}),
        "timing": Table(
            {"queued": is_number, "connect": _number, "first_byte": _number, "total": is_number},
            {"first_token": is_number, "last_token": is_number},
        ),
        "cached": _is_flag,
    },
    {
        "trace": _TRACE,
        "logprobs": _lists(Table({"token": is_text, "logprob": _is_logprob, "top": _maps(_is_logprob)})),
    },
)
_FAILURE = Table({"error": is_text, "status": _count, "seconds": is_number, "waited": is_number})
_EXCHANGE = Table(
    {"request": _REQUEST, "started": is_number}, {"completion": _COMPLETION, "failures": _lists(_FAILURE)}
)
_RECORD = Table(
    {
        "schema": lambda value: type(value) is int and value == SCHEMA_VERSION,
        **dict.fromkeys(("case", "suite", "sample", "group", "model"), is_text),
        "epoch": is_count,
        "outcome": _one_of(_OUTCOMES),
        "target": _lists(_is_scalar),
        "scores": _lists(_SCORE),
        "worker": is_text,
        "started": is_number,
    },
    {
        "cause": _one_of(_CAUSES),
        "error": is_text,
        "request": _REQUEST,
        "completion": _COMPLETION,
        "flags": _lists(_one_of(_FACTORS)),
        "cluster": is_text,
        "seed_check": Table({"same_text": _is_flag, "logprob_difference": _number, "text": is_text}),
        "failures": _lists(_FAILURE),
        "earlier": _lists(_EXCHANGE),
    },
)


def find_misfit(raw: object) -> str:
    """Return the first field of a record that does not fit the schema; empty where all do.

    :param raw: JSON values
    """
    found = _RECORD.find(raw)
    if found or not isinstance(raw, dict):
        return found
    if (raw["outcome"] == "scored") == ("cause" in raw):
        return "cause"
    return "request" if "completion" in raw and "request" not in raw else ""
