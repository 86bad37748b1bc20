import json
from dataclasses import replace

import pytest
from run_parts import make_completion, make_record

from pytest_lleval.core.encoding import dump_record, load_record
from pytest_lleval.core.errors import ViolationError
from pytest_lleval.execution.acceptance import MOST_RECORD, accept_line, accept_values, write_line

RECORD = make_record("x")
LINE = dump_record(RECORD)


def test_a_line_of_ours_is_accepted_as_it_is() -> None:
    assert accept_line(LINE) == json.loads(LINE)
    assert write_line(RECORD) == LINE


def test_a_lone_surrogate_and_a_megabyte_are_accepted() -> None:
    record = replace(RECORD, completion=make_completion(text="\ud800" + "é" * (1 << 17)))
    assert load_record(write_line(record)) == record
    accept_line(write_line(record))


@pytest.mark.parametrize(
    "line",
    [
        "",
        "null",
        "[]",
        "{}",
        LINE[:-1],
        LINE + " ",
        " " + LINE,
        LINE.replace(":", ": ", 1),
        LINE[:-1] + ',"worker":"gw7"}',
        LINE + LINE,
        LINE.replace('"exact"', '"ex\\u0061ct"'),
        LINE.replace('"exact"', '"exäct"'),
        LINE.replace("1.0", "1e0", 1),
        LINE.replace("1.0", "NaN", 1),
        LINE.replace("1.0", "9" * 5000, 1),
        LINE.replace('"target":[', '"target":[' + "[" * 5000, 1),
        "x" * (MOST_RECORD + 1),
    ],
    ids=lambda line: line[:30],
)
def test_any_other_line_is_refused(line: str) -> None:
    with pytest.raises(ViolationError):
        accept_line(line)


def test_a_record_that_is_too_long_says_so_in_its_place() -> None:
    record = replace(RECORD, completion=make_completion(text="x" * (MOST_RECORD + 1)), worker="gw3")
    kept = load_record(write_line(record))
    assert (kept.case, kept.epoch, kept.worker, kept.outcome, kept.cause) == (
        record.case,
        1,
        "gw3",
        "unscored",
        "error",
    )
    assert (
        kept.error
        == f"the record cannot be kept: it has {len(dump_record(record)):,} characters, and 8,388,608 is the most"
    )
    accept_line(dump_record(kept))


def test_a_record_of_a_provider_that_says_nonsense_says_so_in_its_place() -> None:
    record = replace(RECORD, completion=make_completion(fingerprint=7))
    kept = load_record(write_line(record))
    assert kept.error == "the record cannot be kept: its 'completion' does not fit the schema"


def test_what_is_read_as_an_ordinary_number_is_one() -> None:
    class Seconds(float):
        """As numpy's numbers are."""

    completion = make_completion()
    record = replace(
        RECORD, completion=replace(completion, timing=replace(completion.timing, first_byte=Seconds(0.25)))
    )
    kept = load_record(write_line(record))
    assert kept.outcome == "scored"
    assert kept.completion is not None
    assert kept.completion.timing.first_byte == 0.25


@pytest.mark.parametrize("text", ["", "[", "[" * 100_000, "9" * 5000, "\ud800"])
def test_what_is_no_json_is_refused(text: str) -> None:
    with pytest.raises(ViolationError, match="no JSON"):
        accept_values(text)
