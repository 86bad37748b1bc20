"""What is taken for a record of a worker: within its size, in the schema, and written as records are written.

A worker of ours looks at its own records before it sends them, so what does not pass here comes from no honest one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ..core.encoding import dump_line, encode_record
from ..core.errors import ViolationError
from ..core.records import Record
from ..core.schema import find_misfit

__all__ = ["MOST_BATCH", "MOST_RECORD", "accept_line", "accept_values", "seal_record", "write_line"]

#: characters of a record's line, which are ASCII
MOST_RECORD = 8 << 20
#: characters of lines that are sent together; one record may be more
MOST_BATCH = 4 << 20


def accept_line(line: str) -> dict[str, Any]:
    """Read the line of a record.

    :raises ViolationError: when it is none, or is not written as `dump_record` writes it
    """
    if len(line) > MOST_RECORD:
        raise ViolationError(f"a record of {len(line):,} characters; {MOST_RECORD:,} is the most")
    raw = accept_values(line)
    if misfit := find_misfit(raw):
        raise ViolationError(f"what is no record, by its {misfit!r:.80}: {line[:80]!r}")
    # names that come twice, blanks, and what ends a line: readers of the journal would see another record
    if dump_line(raw) != line:
        raise ViolationError(f"a record that is not written as records are: {line[:80]!r}")
    found: dict[str, Any] = raw
    return found


def accept_values(text: str) -> Any:
    """Read JSON values of somebody who may lie.

    :raises ViolationError: when it is none, or is nested too deeply to be read
    """
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ViolationError(f"what is no JSON ({type(error).__name__}): {text[:80]!r}") from error


def write_line(record: Record) -> str:
    """Return the line of a record, which will be accepted, as `seal_record` does."""
    return seal_record(record)[1]


def seal_record(record: Record) -> tuple[Mapping[str, Any], str]:
    """Return a record as JSON values and as a line: what could not be accepted is an epoch without a score.

    :param record: made in this process, maybe by a provider or a scorer of somebody else's
    """
    raw = encode_record(record)
    line = dump_line(raw)
    problem = _find_problem(raw, line)
    if not problem:
        return raw, line
    bare = replace(
        record,
        outcome="unscored",
        cause="error",
        error=f"the record cannot be kept: {problem}",
        scores=(),
        request=None,
        completion=None,
        failures=(),
        seed_check=None,
        flags=(),
        target=(),
        earlier=(),
    )
    raw = encode_record(bare)
    return raw, dump_line(raw)


def _find_problem(raw: Mapping[str, Any], line: str) -> str:
    if len(line) > MOST_RECORD:
        return f"it has {len(line):,} characters, and {MOST_RECORD:,} is the most"
    # what is another kind of number or list here may be an ordinary one once it is read
    misfit = find_misfit(raw) and find_misfit(json.loads(line))
    return f"its {misfit!r} does not fit the schema" if misfit else ""
