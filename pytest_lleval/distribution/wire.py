"""What a host may put on the wire: whole messages of execnet's, of a size and a shape that can be read without harm.

execnet reads what it is told to: five bytes make it build a list of two thousand million entries, and tuples in tuples
without end take the interpreter down when they are hashed. Here each message is looked at before execnet reads it, and
a connection that brings another kind is closed, which loses its worker and nothing else.

Private names of execnet, guarded by ``tests/plugin/test_xdist_names.py``: ``gateway_base.Message.from_io``, ``opcode``,
``loads_internal`` and ``dumps_internal``.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

from execnet import gateway_base

from ..core.errors import ViolationError
from .intake import MOST_MESSAGE
from .private import find_end

__all__ = ["check_data", "explain_closed", "guard_wire"]

_Message = gateway_base.Message
_codes = gateway_base.opcode
#: of the text that says why a channel was closed
_MOST_REASON = 1 << 16
#: bytes of a message: characters, and what is around them
_MOST_BYTES = MOST_MESSAGE + (1 << 16)
#: lists and tables in one another; parts of one message
_MOST_DEPTH = 64
_MOST_PARTS = 8_000_000
#: digits of a whole number beyond 32 bits
_MOST_DIGITS = 32
#: what one entry of a list takes at least: its index, itself, and the word to put it there
_LEAST_ENTRY = 7
_KINDS = frozenset(
    {
        _Message.GATEWAY_TERMINATE,
        _Message.CHANNEL_DATA,
        _Message.CHANNEL_CLOSE,
        _Message.CHANNEL_CLOSE_ERROR,
        _Message.CHANNEL_LAST_MESSAGE,
    }
)
_CLOSING = _Message.CHANNEL_CLOSE_ERROR
#: why a connection was closed, by execnet's end of it
_reasons: WeakKeyDictionary[Any, str] = WeakKeyDictionary()


def guard_wire(clean: Callable[[str], str]) -> Callable[[], None]:
    """Look at every message from now on; return what ends it.

    :param clean: makes a text of somebody who may lie safe to print
    """
    original = _Message.from_io

    def from_io(io: Any) -> Any:
        try:
            return _read_message(io, clean)
        except ViolationError as error:
            _reasons[io] = f"it has sent {error}"
            # to execnet this is the end of the connection
            raise EOFError(str(error)) from error

    _Message.from_io = staticmethod(from_io)  # type: ignore[method-assign]

    def restore() -> None:
        _Message.from_io = staticmethod(original)  # type: ignore[method-assign]

    return restore


def explain_closed(gateway: Any) -> str:
    """Return why a gateway's connection was closed here; empty when it was not."""
    return _reasons.get(find_end(gateway), "")


def _read_message(io: Any, clean: Callable[[str], str]) -> Any:
    kind, channel, size = struct.unpack("!bii", io.read(9))
    if kind not in _KINDS:
        raise ViolationError("what is no message of execnet's")
    if not 0 <= size <= _MOST_BYTES:
        raise ViolationError(f"a message of {size:,} bytes; {_MOST_BYTES:,} is the most")
    data = io.read(size)
    if size:
        check_data(data)
    if kind == _CLOSING:
        reason = gateway_base.loads_internal(data)
        if not isinstance(reason, str):
            raise ViolationError("a reason that is no text")
        data = gateway_base.dumps_internal(clean(reason[:_MOST_REASON]))
    return _Message(kind, channel, data)


_SCALARS = frozenset(b"".join((_codes.NONE, _codes.TRUE, _codes.FALSE)))
_SIZED = frozenset(b"".join((_codes.PY3STRING, _codes.BYTES, _codes.UNICODE, _codes.PY2STRING)))
_LONG = frozenset(b"".join((_codes.LONGINT, _codes.LONGLONG)))
_FIXED = {_codes.INT[0]: 4, _codes.LONG[0]: 4, _codes.FLOAT[0]: 8, _codes.COMPLEX[0]: 16}
_GATHERED = frozenset(b"".join((_codes.BUILDTUPLE, _codes.SET, _codes.FROZENSET)))
_LIST, _TABLE, _ENTRY, _STOP = _codes.NEWLIST[0], _codes.NEWDICT[0], _codes.SETITEM[0], _codes.STOP[0]
_read_length = struct.Struct("!i").unpack_from


def check_data(data: bytes) -> None:
    """Walk over a value as execnet writes it, and build nothing.

    :raises ViolationError: when reading it would do harm, or cannot be done
    """
    try:
        _walk(data)
    except (IndexError, struct.error) as error:
        raise ViolationError("a value that ends before its end") from error


def _walk(data: bytes) -> None:
    at, parts = 0, 0
    #: how deep what was begun goes
    depths: list[int] = []
    while (code := data[at]) != _STOP:
        at += 1
        parts += 1
        if parts > _MOST_PARTS:
            raise ViolationError(f"a value of more than {_MOST_PARTS:,} parts")
        if code in _SIZED or code in _LONG:
            at = _skip(data, at, _MOST_DIGITS if code in _LONG else len(data))
            depths.append(0)
        elif code in _SCALARS:
            depths.append(0)
        elif code in _FIXED:
            at += _FIXED[code]
            depths.append(0)
        elif code == _ENTRY:
            depth = max(depths.pop(), depths.pop()) + 1
            depths[-1] = _bound(max(depths[-1], depth))
        elif code == _TABLE:
            depths.append(1)
        elif code == _LIST:
            (length,) = _read_length(data, at)
            at += 4
            if not 0 <= length * _LEAST_ENTRY <= len(data) - at:
                raise ViolationError(f"a list that claims {length:,} entries and has them not")
            depths.append(1)
        elif code in _GATHERED:
            (length,) = _read_length(data, at)
            at += 4
            _gather(depths, length)
        else:
            raise ViolationError(f"a value of a kind {code} that no worker sends")
    if len(depths) != 1:
        raise ViolationError("more or less than one value")


def _skip(data: bytes, at: int, most: int) -> int:
    (length,) = _read_length(data, at)
    end: int = at + 4 + length
    if not 0 <= length <= most or end >= len(data):
        raise ViolationError(f"a text or number of {length:,} bytes, which is not there or too long")
    return end


def _gather(depths: list[int], length: int) -> None:
    if not 0 <= length <= len(depths):
        raise ViolationError(f"a tuple of {length:,} values that are not there")
    depth = max(depths[-length:], default=0) + 1 if length else 1
    del depths[len(depths) - length :]
    depths.append(_bound(depth))


def _bound(depth: int) -> int:
    if depth > _MOST_DEPTH:
        raise ViolationError(f"a value nested more than {_MOST_DEPTH} deep")
    return depth
