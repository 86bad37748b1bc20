"""What a worker may say on its line: the words, the kinds of what follows them, and how much of it.

execnet carries nothing but builtin types (https://execnet.readthedocs.io/en/latest/basics.html), so reading a message
runs nobody's code; what is in it is looked at here, before anybody believes it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..core.errors import ViolationError
from ..core.schema import Table, is_count, is_flag, is_number, is_table, optional
from ..execution.acceptance import accept_values
from .lines import Message

__all__ = ["MOST_MESSAGE", "accept_machine", "accept_message", "check_machine"]

#: characters of one message
MOST_MESSAGE = 32 << 20
_MOST_NAME = 4096
_MOST_WORDS = 1 << 16
_MOST_PID = 1 << 31


def _is_name(value: object) -> bool:
    return type(value) is str and len(value) <= _MOST_NAME


def _is_long(value: object) -> bool:
    return type(value) is str and len(value) <= MOST_MESSAGE


def _is_words(value: object) -> bool:
    return type(value) is str and len(value) <= _MOST_WORDS


def _is_pid(value: object) -> bool:
    return type(value) is int and 0 < value < _MOST_PID


_number = optional(is_number)
#: by the word a message begins with, what follows
_WORDS: Mapping[str, tuple[Callable[[object], bool], ...]] = {
    "ready": (_is_pid, is_flag, _is_long),
    "beat": (),
    "records": (_is_long,),
    "audited": (_is_name, _is_long, _is_words),
    "mark": (_is_name,),
    "need": (is_count, _is_name, is_count, optional(is_count)),
    "spent": (is_count, _number, _number, _number),
    "flow": (_is_name, is_count, is_count, is_count, is_flag, is_count, is_count, is_flag, _number),
    "limit": (_is_name, is_number, is_count, _is_name),
    "machine": (_is_words,),
}


def accept_message(message: object) -> Message:
    """Return what a worker has said, if it can have been said by one of ours.

    :raises ViolationError: naming what it is instead
    """
    if type(message) is not tuple or not message or type(message[0]) is not str:
        raise ViolationError(f"what is no message: a {type(message).__name__}")
    word, parts = message[0], message[1:]
    if word not in _WORDS:
        raise ViolationError(f"a message that begins with {word[:40]!r}, which no worker says")
    if len(parts) != len(_WORDS[word]) or not all(fits(part) for fits, part in zip(_WORDS[word], parts, strict=True)):
        raise ViolationError(f"a message {word!r} with what does not belong into it, or too much of it")
    return message


_FOUND = Table(
    {},
    {
        "fingerprint": is_table,
        "sample": lambda value: type(value) is dict and is_number(value.get("at")) and is_table(value),
        "cpu": is_number,
        "reseeded": lambda value: type(value) is dict and all(map(is_count, value.values())),
    },
)


def accept_machine(text: str) -> dict[str, Any]:
    """Read what a worker has seen of its machine.

    :raises ViolationError: when it is nothing of the kind
    """
    return check_machine(accept_values(text))


def check_machine(found: object) -> dict[str, Any]:
    """Return what a worker has seen of its machine, as JSON values.

    :raises ViolationError: when it is nothing of the kind
    """
    if (misfit := _FOUND.find(found)) or not isinstance(found, dict):
        raise ViolationError(f"what is nothing of a machine, by its {misfit!r:.80}")
    return found
