import codecs
from pathlib import Path

import pytest

from pytest_lleval.bridges.reading import read_content
from pytest_lleval.core.errors import DatasetError


def write(folder: Path, content: str | bytes, name: str = "results") -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        ('{"a": 1}', "json"),
        ('[{"a": 1}]', "json"),
        ('{"a": 1}\n{"a": 2}\n', "jsonl"),
        ('\n{"a": 1}\n\n{"a": 2}', "jsonl"),
        ("a,b\n1,2\n", "csv"),
        ("a;b\n1;2\n", "csv"),
        ("a\tb\r\n1\t2\r\n", "csv"),
    ],
)
def test_the_kind_of_a_file_is_found_by_its_content(content: str, kind: str, tmp_path: Path) -> None:
    assert read_content(write(tmp_path, content)).kind == kind


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", ": is empty"),
        (" \n\n", ": is empty"),
        ('{"a": 1}\n{"a": \n', ":2: not JSON: Expecting value"),
        ('{"a": 1}\n\n{"a" 2}\n', ":3: not JSON: Expecting ':' delimiter"),
        ('{\n "a": [1,\n}', ":3: not JSON: "),
        ("[" * 100_000, ":1: not JSON: it is nested too deeply"),
        ("1,2\n3,4\n", ":1: has no header: the first line is ['1', '2']"),
        ("a,b\n", ": has no rows below its first line, ['a', 'b']"),
        ("a,b\n1,2\n1,2,3\n", ":3: has 3 columns, the header has 2"),
        (b"a,b\n1,\xff\n", ":2: not UTF-8 text: invalid start byte at byte 6"),
    ],
)
def test_a_broken_file_is_named_with_the_line(content: str | bytes, message: str, tmp_path: Path) -> None:
    path = write(tmp_path, content)
    with pytest.raises(DatasetError) as caught:
        read_content(path)
    assert str(caught.value).startswith(f"{path}{message}")


def test_a_missing_file_and_a_directory_are_said_to_be(tmp_path: Path) -> None:
    for path in (tmp_path / "nosuch.csv", tmp_path):
        with pytest.raises(DatasetError, match="cannot be read: "):
            read_content(path)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_mark_of_the_byte_order_is_no_part_of_the_first_name(encoding: str, tmp_path: Path) -> None:
    content = read_content(write(tmp_path, codecs.encode("naïve,b\n1,2\n", encoding)))
    assert content.header == ("naïve", "b")


def test_fields_may_be_longer_than_the_csv_module_takes_and_hold_line_breaks(tmp_path: Path) -> None:
    long = "x" * 200_000
    content = read_content(write(tmp_path, f'a,b\n"{long}\n",2\n3,4\n'))
    assert content.lines == [(2, [f"{long}\n", "2"]), (4, ["3", "4"])]


def test_the_delimiter_is_the_most_frequent_of_the_first_line(tmp_path: Path) -> None:
    assert read_content(write(tmp_path, "latency (s, mean);b;c\n1,5;2;3\n")).header == ("latency (s, mean)", "b", "c")
