import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_lleval.core.encoding import dump_record
from pytest_lleval.core.errors import RunDirectoryError
from pytest_lleval.core.records import Completion, Message, Record, Request, Usage
from pytest_lleval.execution.journal import Journal, JournalReader, read_journal
from pytest_lleval.execution.rundir import JOURNAL

from .conftest import make_case, make_record

RECORDS = [make_record(make_case(str(number))) for number in range(3)]


def write_records(run: Path, records: list[Record]) -> Path:
    with Journal(run) as journal:
        for record in records:
            journal.append(dump_record(record))
    return run / JOURNAL


def test_records_come_back_in_the_order_they_were_written(tmp_path: Path) -> None:
    write_records(tmp_path, RECORDS)
    assert list(read_journal(tmp_path)) == RECORDS


def test_a_journal_that_is_opened_again_goes_on(tmp_path: Path) -> None:
    write_records(tmp_path, RECORDS[:1])
    write_records(tmp_path, RECORDS[1:])
    assert list(read_journal(tmp_path)) == RECORDS


def test_every_line_is_there_for_others_before_append_returns(tmp_path: Path) -> None:
    with Journal(tmp_path) as journal:
        for count, record in enumerate(RECORDS, start=1):
            journal.append(dump_record(record))
            assert len((tmp_path / JOURNAL).read_bytes().splitlines()) == count


def test_a_run_without_a_journal_has_no_records(tmp_path: Path) -> None:
    assert list(read_journal(tmp_path)) == []


@given(cut=st.integers(1, 400))
@settings(max_examples=25, deadline=None)
def test_a_torn_last_line_costs_that_line_alone(tmp_path_factory: pytest.TempPathFactory, cut: int) -> None:
    run = tmp_path_factory.mktemp("run")
    path = write_records(run, RECORDS)
    whole = path.read_bytes()
    last = len(whole) - whole[:-1].rfind(b"\n") - 1
    path.write_bytes(whole[: -min(cut, last)])
    assert list(read_journal(run)) == RECORDS[:2]
    write_records(run, RECORDS[2:])
    assert path.read_bytes() == whole


def test_a_journal_that_is_one_torn_line_is_emptied(tmp_path: Path) -> None:
    (tmp_path / JOURNAL).write_bytes(b'{"schema": 3, "ca')
    assert list(read_journal(tmp_path)) == []
    write_records(tmp_path, RECORDS)
    assert list(read_journal(tmp_path)) == RECORDS


@pytest.mark.parametrize("broken", [b'{"schema": 3', b"", b'{"schema": 99}', b"\xff\xfe", b"[]"])
def test_a_broken_line_in_the_middle_is_named_by_file_and_line(tmp_path: Path, broken: bytes) -> None:
    path = write_records(tmp_path, RECORDS)
    lines = path.read_bytes().splitlines()
    lines[1] = broken
    path.write_bytes(b"\n".join(lines) + b"\n")
    with pytest.raises(RunDirectoryError) as caught:
        list(read_journal(tmp_path))
    assert str(caught.value).startswith(f"{path}:2: not a record of schema 3")


def test_a_journal_that_is_a_folder_cannot_be_opened_or_read(tmp_path: Path) -> None:
    (tmp_path / JOURNAL).mkdir()
    with pytest.raises(RunDirectoryError, match=r"the journal cannot be written .*--lleval-resume="):
        Journal(tmp_path)
    with pytest.raises(RunDirectoryError, match="cannot be read"):
        list(read_journal(tmp_path))


def test_closing_twice_is_safe_and_nothing_is_written_after_it(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.close()
    journal.close()
    with pytest.raises(ValueError, match="closed file"):
        journal.append("{}")
    assert (tmp_path / JOURNAL).read_bytes() == b""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full, a disk that is always full")
def test_a_full_disk_is_one_error_that_says_how_to_go_on(tmp_path: Path) -> None:
    (tmp_path / JOURNAL).symlink_to("/dev/full")
    journal = Journal(tmp_path)
    with pytest.raises(RunDirectoryError, match=r"No space left on device.*what is in it is kept.*--lleval-resume="):
        journal.append("{}")
    journal.close()


def swap(lines: list[bytes]) -> list[bytes]:
    return [lines[1], lines[0], *lines[2:]]


def drop(lines: list[bytes]) -> list[bytes]:
    return [lines[0], *lines[2:]]


def change(lines: list[bytes]) -> list[bytes]:
    return [lines[0], lines[1].replace(b'"value":1.0', b'"value":0.0'), *lines[2:]]


def forge(lines: list[bytes]) -> list[bytes]:
    """Change a line and give it the link that fits it: the next one does not."""
    forged = change(lines)
    body = forged[1].rpartition(b',"chain":')[0] + b"}"
    before = lines[0].rpartition(b'"chain":"')[2][:64]
    link = hashlib.sha256(before + body).hexdigest().encode()
    forged[1] = body[:-1] + b',"chain":"' + link + b'"}'
    return forged


@pytest.mark.parametrize(("damage", "line"), [(swap, 1), (drop, 2), (change, 2), (forge, 3)])
def test_a_line_that_was_changed_moved_or_taken_out_breaks_the_chain(
    tmp_path: Path, damage: Callable[[list[bytes]], list[bytes]], line: int
) -> None:
    path = write_records(tmp_path, RECORDS)
    path.write_bytes(b"\n".join(damage(path.read_bytes().splitlines())) + b"\n")
    with pytest.raises(RunDirectoryError, match="chain of digests breaks here") as caught:
        list(read_journal(tmp_path))
    assert str(caught.value).startswith(f"{path}:{line}:")


def test_a_line_without_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / JOURNAL).write_text(dump_record(RECORDS[0]) + "\n")
    with pytest.raises(RunDirectoryError, match="has no link"):
        list(read_journal(tmp_path))


def test_a_journal_of_an_older_version_is_refused(tmp_path: Path) -> None:
    (tmp_path / JOURNAL).write_text(dump_record(RECORDS[0]).replace('"schema":3', '"schema":1') + "\n")
    with pytest.raises(RunDirectoryError, match=r"not a record of schema 3.*\(schema 1\)"):
        list(read_journal(tmp_path))


def test_an_outline_keeps_the_numbers_and_leaves_out_the_words(tmp_path: Path) -> None:
    completion = Completion(text="because", model="m", usage=Usage(output_tokens=3))
    request = Request(messages=(Message(role="user", content="why?"),))
    write_records(tmp_path, [replace(RECORDS[0], completion=completion, request=request, target=("so",))])
    (record,) = read_journal(tmp_path, outline=True)
    assert record == replace(RECORDS[0], completion=replace(completion, text=""))


def test_threads_write_whole_lines_in_one_chain(tmp_path: Path) -> None:
    with Journal(tmp_path) as journal, ThreadPoolExecutor(8) as pool:
        list(pool.map(journal.append, [dump_record(make_record(make_case(str(number)))) for number in range(200)]))
    assert {record.sample for record in read_journal(tmp_path)} == {str(number) for number in range(200)}


def test_lines_end_by_a_line_feed_alone(tmp_path: Path) -> None:
    assert b"\r" not in write_records(tmp_path, RECORDS).read_bytes()


def test_a_reader_goes_on_where_it_stopped_and_leaves_what_is_half_written(tmp_path: Path) -> None:
    reader = JournalReader(tmp_path)
    assert list(reader.read()) == []
    with Journal(tmp_path) as journal:
        journal.append(dump_record(RECORDS[0]))
        assert list(reader.read()) == RECORDS[:1]
        assert list(reader.read()) == []
        journal.append(dump_record(RECORDS[1]))
    whole = (tmp_path / JOURNAL).read_bytes()
    (tmp_path / JOURNAL).write_bytes(whole[:-5])
    assert list(reader.read()) == []
    (tmp_path / JOURNAL).write_bytes(whole)
    assert list(reader.read()) == RECORDS[1:2]
