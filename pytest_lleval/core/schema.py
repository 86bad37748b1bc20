"""Whether JSON values are a record as `encoding.py` writes it: for what comes from a process that may lie.

What is let through can be decoded, counted, judged and shown: the names are those of the schema and no others, numbers
are numbers and no infinities, words are words that are known.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import get_args

from .encoding import SCHEMA_VERSION
from .records import Cause, Outcome
from .settings import ACKNOWLEDGEABLE

__all__ = [
    "MOST_DEPTH",
    "Table",
    "find_misfit",
    "is_count",
    "is_flag",
    "is_json",
    "is_number",
    "is_share",
    "is_table",
    "is_text",
    "lists",
    "one_of",
    "optional",
]

#: what holds when a value fits
Check = Callable[[object], bool]
_TEXT = frozenset({str})
#: numbers of anything that can be counted or timed are smaller
_MOST = 1e15
#: lists and tables in one another, of values that the schema says nothing of
MOST_DEPTH = 32


def is_text(value: object) -> bool:
    """Tell whether a value is a text."""
    return type(value) is str


def is_number(value: object) -> bool:
    """Tell whether a value is a finite number of a size that is met; a truth value is none."""
    return (type(value) is float or type(value) is int) and -_MOST < value < _MOST


def is_count(value: object) -> bool:
    """Tell whether a value is a whole number of at least 0."""
    return type(value) is int and 0 <= value < _MOST


def is_json(value: object, depth: int = MOST_DEPTH) -> bool:
    """Tell whether a value is made of what JSON has, and of finite numbers."""
    if type(value) is dict:
        return depth > 0 and _has_names(value) and all(is_json(part, depth - 1) for part in value.values())
    if type(value) is list:
        return depth > 0 and all(is_json(part, depth - 1) for part in value)
    return value is None or type(value) in (str, bool) or is_number(value)


def _has_names(table: Mapping[object, object]) -> bool:
    """Tell whether the keys of a table are texts; others become texts when it is written, and may come twice then."""
    return _TEXT.issuperset(map(type, table))


def is_flag(value: object) -> bool:
    """Tell whether a value is a truth value."""
    return type(value) is bool


def is_table(value: object) -> bool:
    """Tell whether a value is a table of JSON values."""
    return type(value) is dict and is_json(value)


def is_share(value: object) -> bool:
    """Tell whether a value is a number in 0..1."""
    return (type(value) is float or type(value) is int) and 0 <= value <= 1


def lists(fits: Check) -> Check:
    """Return the check of a list; a record that was never written down has tuples."""
    return lambda value: (type(value) is list or type(value) is tuple) and all(map(fits, value))


def one_of(words: Iterable[str]) -> Check:
    """Return the check of a text that is one of some."""
    known = frozenset(words)
    return lambda value: type(value) is str and value in known


def optional(fits: Check) -> Check:
    """Return the check of a value that may be None."""
    return lambda value: value is None or fits(value)


def _is_seed(value: object) -> bool:
    return type(value) is int and -(1 << 64) < value < 1 << 64


def _is_logprob(value: object) -> bool:
    # a token that cannot be has minus infinity
    return is_number(value) or value == float("-inf")


def _is_scalar(value: object) -> bool:
    return type(value) in (str, bool) or value is None or is_number(value)


def _maps(fits: Check) -> Check:
    return lambda value: type(value) is dict and _has_names(value) and all(map(fits, value.values()))


class Table:
    """The names a table has and may have, and what their values are.

    :param required: names it must have
    :param further: names it may have
    """

    __slots__ = ("_known", "_required")

    def __init__(self, required: Mapping[str, Check], further: Mapping[str, Check] | None = None) -> None:
        self._required = frozenset(required)
        self._known = {**required, **(further or {})}

    def __call__(self, value: object) -> bool:
        """Tell whether a value is such a table."""
        return not self.find(value)

    def find(self, value: object) -> str:
        """Return the first name that does not fit; empty where all do."""
        if type(value) is not dict:
            return "all"
        known = self._known
        for name, part in value.items():
            if name not in known or not known[name](part):
                return str(name)
        return "" if self._required.issubset(value) else next(name for name in known if self._lacks(name, value))

    def _lacks(self, name: str, value: Mapping[object, object]) -> bool:
        return name in self._required and name not in value


_number, _count = optional(is_number), optional(is_count)
_text = optional(is_text)

_SCORE = Table({"name": is_text, "value": is_share, "answer": _text, "explanation": is_text})
_MESSAGE = Table({"role": is_text, "content": is_text})
_REQUEST = Table(
    {
        "kind": one_of(("chat", "completion")),
        "temperature": _number,
        "top_p": _number,
        "max_tokens": _number,
        "stop": lists(is_text),
        "seed": optional(_is_seed),
        "top_logprobs": is_count,
    },
    {"messages": lists(_MESSAGE), "prompt": is_text},
)
_ALTERED = Table({}, {"prompt": _maps(is_json), "sampling": _maps(is_json)})
_TRACE = Table(
    {},
    {
        "prompt": is_text,
        "altered": _ALTERED,
        "peers": lists(is_text),
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
        "cached": is_flag,
    },
    {
        "trace": _TRACE,
        "logprobs": lists(Table({"token": is_text, "logprob": _is_logprob, "top": _maps(_is_logprob)})),
    },
)
_FAILURE = Table({"error": is_text, "status": _count, "seconds": is_number, "waited": is_number})
_EXCHANGE = Table({"request": _REQUEST, "started": is_number}, {"completion": _COMPLETION, "failures": lists(_FAILURE)})
_RECORD = Table(
    {
        "schema": lambda value: type(value) is int and value == SCHEMA_VERSION,
        **dict.fromkeys(("case", "suite", "sample", "group", "model"), is_text),
        "epoch": is_count,
        "outcome": one_of(get_args(Outcome)),
        "target": lists(_is_scalar),
        "scores": lists(_SCORE),
        "worker": is_text,
        "started": is_number,
    },
    {
        "cause": one_of(get_args(Cause)),
        "error": is_text,
        "request": _REQUEST,
        "completion": _COMPLETION,
        "flags": lists(one_of(ACKNOWLEDGEABLE)),
        "cluster": is_text,
        "seed_check": Table({"same_text": is_flag, "logprob_difference": _number, "text": is_text}),
        "failures": lists(_FAILURE),
        "earlier": lists(_EXCHANGE),
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
