import io
import struct
from typing import Any

import pytest
from execnet.gateway_base import Message, dumps_internal, loads_internal
from hypothesis import given
from hypothesis import strategies as st

from pytest_lleval.core.errors import ViolationError
from pytest_lleval.distribution.wire import check_data, guard_wire

PLAIN = (
    st.none()
    | st.booleans()
    | st.integers(-(2**31), 2**80)
    | st.floats(allow_nan=False)
    | st.complex_numbers(allow_nan=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
    | st.binary(max_size=8)
)
KEYS = st.integers(0, 9) | st.text("ab", max_size=3)
VALUES = st.recursive(
    PLAIN,
    lambda parts: (
        st.lists(parts, max_size=4)
        | st.tuples(parts, parts)
        | st.dictionaries(KEYS, parts, max_size=4)
        | st.sets(KEYS, max_size=4)
        | st.frozensets(KEYS, max_size=4)
    ),
    max_leaves=20,
)


@given(value=VALUES)
def test_whatever_execnet_writes_may_pass(value: Any) -> None:
    check_data(dumps_internal(value))


@given(data=st.binary(max_size=60))
def test_of_noise_nothing_passes_that_takes_long_to_read_or_much_to_keep(data: bytes) -> None:
    try:
        check_data(data)
    except ViolationError:
        return
    # what passes may still be no value: execnet then says so, and closes the channel
    try:
        value = loads_internal(data)
    except (ValueError, TypeError, IndexError, KeyError, OverflowError):
        return
    assert len(repr(value)) < 100_000


@given(value=VALUES, place=st.integers(0, 10_000), byte=st.integers(0, 255))
def test_a_byte_changed_on_the_way_is_noticed_or_harmless(value: Any, place: int, byte: int) -> None:
    data = bytearray(dumps_internal(value))
    data[place % len(data)] = byte
    try:
        check_data(bytes(data))
        loads_internal(bytes(data))
    except (ViolationError, ValueError, TypeError, IndexError, KeyError, OverflowError):
        return


ONE = b"@" + struct.pack("!i", 1)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"Q",
        b"L",
        b"LLQ",
        b"PQ",
        b"K" + struct.pack("!i", 2**31 - 1) + b"Q",
        b"K" + struct.pack("!i", -1) + b"Q",
        b"K" + struct.pack("!i", 3) + b"Q",
        b"L" + ONE * 65 + b"Q",
        b"@" + struct.pack("!i", 9) + b"Q",
        b"@" + struct.pack("!i", -1) + b"Q",
        b"N" + struct.pack("!i", 2**31 - 1) + b"Q",
        b"N" + struct.pack("!i", -2) + b"Q",
        b"H" + struct.pack("!i", 40) + b"9" * 40 + b"Q",
        b"B" + struct.pack("!i", 1) + b"Q",
        b"\x00Q",
        b"F\x00\x00",
    ],
    ids=repr,
)
def test_what_would_do_harm_when_it_is_read_is_refused(data: bytes) -> None:
    with pytest.raises(ViolationError):
        check_data(data)


def test_so_many_parts_and_no_more() -> None:
    with pytest.raises(ViolationError, match="parts"):
        check_data(b"L" * 8_000_002)


class Stream(io.BytesIO):
    """As execnet's end of a connection."""

    __hash__ = object.__hash__


def read(data: bytes) -> Message:
    restore = guard_wire(lambda text: text.replace("\x1b", "?"))
    try:
        return Message.from_io(Stream(data))  # type: ignore[arg-type]
    finally:
        restore()


def frame(kind: int, data: bytes, size: int | None = None) -> bytes:
    return struct.pack("!bii", kind, 3, len(data) if size is None else size) + data


def test_messages_pass_as_they_are() -> None:
    data = dumps_internal(("records", "x"))
    found = read(frame(Message.CHANNEL_DATA, data))
    assert (found.msgcode, found.channelid, found.data) == (Message.CHANNEL_DATA, 3, data)
    assert read(frame(Message.CHANNEL_CLOSE, b"")).msgcode == Message.CHANNEL_CLOSE


def test_a_reason_is_cut_and_cleaned() -> None:
    found = read(frame(Message.CHANNEL_CLOSE_ERROR, dumps_internal("\x1b" + "x" * 100_000)))
    assert loads_internal(found.data) == "?" + "x" * 65_535


@pytest.mark.parametrize(
    "data",
    [
        frame(Message.CHANNEL_EXEC, dumps_internal("x")),
        frame(Message.STATUS, b""),
        frame(Message.RECONFIGURE, dumps_internal((False, True))),
        frame(99, b""),
        frame(Message.CHANNEL_DATA, b"", 2**31 - 1),
        frame(Message.CHANNEL_DATA, b"", -1),
        frame(Message.CHANNEL_DATA, b"K" + struct.pack("!i", 2**31 - 1) + b"Q"),
        frame(Message.CHANNEL_CLOSE_ERROR, dumps_internal(7)),
        b"Hello, world!",
    ],
    ids=lambda data: repr(data[:9]),
)
def test_anything_else_ends_the_connection(data: bytes) -> None:
    with pytest.raises(EOFError):
        read(data)


def test_what_was_replaced_is_put_back() -> None:
    before = Message.__dict__["from_io"].__func__
    guard_wire(str)()
    assert Message.__dict__["from_io"].__func__ is before
