import json
import re
from pathlib import Path

import pytest

from pytest_lleval.core.errors import AssetError, DatasetError, SuiteError
from pytest_lleval.core.records import Sample
from pytest_lleval.suites.definition import Dataset, Suite
from pytest_lleval.suites.registry import ChosenSuite
from pytest_lleval.suites.sources import load_dataset, read_csv_rows, read_jsonl, verify_content


def choose(dataset, folder=None):
    suite = Suite(name="mine", version="1", dataset=dataset, scorers=())
    return ChosenSuite(suite=suite, group=None, folder=folder, source="mine.py")


@pytest.fixture
def write(tmp_path):
    def write_bytes(content: bytes | str, name: str = "data.jsonl") -> Path:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write_bytes


def test_columns_become_fields_and_the_rest_metadata(write):
    row = {"id": "a", "input": "q", "target": ["x", "y"], "choices": ["x"], "group": "g", "level": 3}
    assert read_jsonl(write(json.dumps(row))) == [
        Sample(id="a", input="q", target=("x", "y"), choices=("x",), group="g", metadata={"level": 3})
    ]


def test_without_an_id_the_line_number_counts_and_blank_lines_too(write):
    samples = read_jsonl(write('{"input": "a"}\r\n\n  \n{"input": "b"}\n'))
    assert [sample.id for sample in samples] == ["1", "4"]


def test_an_integer_id_becomes_a_text(write):
    assert read_jsonl(write('{"id": 7, "input": "a"}'))[0].id == "7"


@pytest.mark.parametrize(
    "text", ["None", "none", "NA", "TRUE", "0,1", "", " x ", "a\nb", "a\u2028b", "a\u00a0b", "\ud800"]
)
def test_texts_stay_as_they_are(write, text):
    sample = read_jsonl(write(json.dumps({"input": text, "target": text, "choices": [text]})))[0]
    assert (sample.input, sample.target, sample.choices) == (text, text, (text,))


def test_a_line_separator_inside_a_text_does_not_end_the_line(write):
    samples = read_jsonl(write('{"input": "a\u2028b\x85c"}\n{"input": "d"}\n'))
    assert [sample.input for sample in samples] == ["a\u2028b\x85c", "d"]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ('{"input": "a"', "not JSON"),
        ('["a"]', r'is \["a"\] \(list\), not a JSON object'),
        ('{"question": "a"}', "has no column 'input' \\(it has 'question'\\)"),
        ('{"input": 1}', r"input must be a text, not 1 \(int\)"),
        ('{"input": null}', r"input must be a text, not null \(NoneType\)"),
        ('{"input": "a", "target": 18}', r"target must be a text or a list of texts, not 18 \(int\)"),
        ('{"input": "a", "target": ["x", null]}', r"target must be .* but holds null"),
        ('{"input": "a", "choices": "AB"}', r"choices must be a list of texts"),
        ('{"input": "a", "group": []}', "group must be a text"),
        ('{"input": "a", "id": true}', "id must be a text or an integer"),
        ('{"input": "a", "id": ""}', "id must be a text or an integer"),
        ('{"input": "a", "id": "first"}', "the id 'first' was used in line 1 already"),
        ("[" * 100_000, "not JSON"),
    ],
)
def test_a_broken_row_is_named_by_file_and_line(write, row, reason):
    path = write('{"id": "first", "input": "fine"}\n' + row + "\n")
    with pytest.raises(DatasetError, match=reason) as caught:
        read_jsonl(path)
    assert str(caught.value).startswith(f"{path}:2: ")


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_bad_utf8_is_named_by_its_byte_offset(write, mark):
    content = mark + '{"input": "é"}\n{"input": "'.encode() + b"\xff" + b'"}\n'
    with pytest.raises(DatasetError, match=rf":2: not UTF-8: byte 0xff at byte offset {content.index(0xFF, 3)}$"):
        read_jsonl(write(content))
    first = mark + b'{"input": "\xfe"}'
    with pytest.raises(DatasetError, match=rf":1: not UTF-8: byte 0xfe at byte offset {first.index(0xFE)}$"):
        read_jsonl(write(first))


def test_a_byte_order_mark_is_passed_over(write):
    assert read_jsonl(write(b'\xef\xbb\xbf{"input": "a"}'))[0].input == "a"


@pytest.mark.parametrize("content", ["", "\n \n"])
def test_an_empty_file_is_an_error(write, content):
    with pytest.raises(DatasetError, match="holds no samples"):
        read_jsonl(write(content))


def test_a_missing_file_is_an_error(tmp_path):
    with pytest.raises(DatasetError, match=r"absent\.jsonl: cannot be read: "):
        load_dataset(choose("absent.jsonl", tmp_path))


def test_csv_rows_are_texts_with_their_first_line(write):
    path = write('a,None,"two\nlines"\r\n\nTRUE,"0,1",\u00a0x\n', "rows.csv")
    assert list(read_csv_rows(path)) == [(1, ["a", "None", "two\nlines"]), (4, ["TRUE", "0,1", "\u00a0x"])]


def test_csv_in_another_encoding_is_named_by_line_and_offset(write):
    with pytest.raises(DatasetError, match=r"rows\.csv:2: not UTF-8: byte 0xe9 at byte offset 3$"):
        list(read_csv_rows(write(b"ab\n\xe9,c\n", "rows.csv")))


def test_a_path_starts_from_the_suites_folder(write, tmp_path):
    write('{"input": "a"}')
    dataset = load_dataset(choose("data.jsonl", tmp_path))
    assert (dataset.name, dataset.edition, len(dataset.samples)) == ("mine", "data.jsonl", 1)


def test_inline_samples_are_a_dataset():
    dataset = load_dataset(choose([Sample(id="a", input="q")]))
    assert (dataset.name, dataset.edition, dataset.origin) == ("mine", "inline", "mine.py")


@pytest.mark.parametrize(
    ("samples", "reason"),
    [
        ([], "holds no samples"),
        ([Sample(id="a", input="1"), Sample(id="a", input="2")], "the id 'a' is used by items 1 and 2"),
        ([Sample(id="", input="1")], "item 1 has the id ''"),
        ([Sample(id=3, input="1")], "item 1 has the id 3"),  # type: ignore[arg-type]
        (["a"], "item 1 is str, not a Sample"),
        ([Sample(id="a", input="1", group=0)], "sample 'a': group must be a text, not 0 (int)"),  # type: ignore[arg-type]
        ([Sample(id="a", input="1", target=3)], "sample 'a': target must be a text or a tuple of texts, not 3 (int)"),  # type: ignore[arg-type]
        ([Sample(id="a", input="1", choices=(1,))], "sample 'a': choices must be a tuple of texts"),  # type: ignore[arg-type]
        ([Sample(id="a", input=None)], "sample 'a': input must be a text, not null (NoneType)"),  # type: ignore[arg-type]
    ],
)
def test_inline_samples_are_checked(samples, reason):
    with pytest.raises(DatasetError, match=re.escape(reason)):
        load_dataset(choose(samples))


def test_a_loaders_samples_are_checked_and_progress_reaches_it():
    heard = []

    def load(progress):
        progress("file", 1, 2)
        return Dataset(name="x", edition="y", samples=[Sample(id="a", input="1")] * 2)

    with pytest.raises(DatasetError, match="'a' is used by items 1 and 2"):
        load_dataset(choose(load), lambda *words: heard.append(words))
    assert heard == [("file", 1, 2)]


def test_a_failing_loader_is_the_suites_fault():
    with pytest.raises(SuiteError, match=r"suite 'mine': its loader failed: ZeroDivisionError"):
        load_dataset(choose(lambda progress: 1 / 0))
    with pytest.raises(SuiteError, match="its loader returned list, not a Dataset"):
        load_dataset(choose(lambda progress: []))


def test_our_own_errors_pass_through_a_loader():
    def load(progress):
        raise AssetError("not to be had")

    with pytest.raises(AssetError, match=r"^not to be had$"):
        load_dataset(choose(load))


def test_another_content_than_pinned_is_refused_with_both_digests():
    dataset = Dataset(name="x", edition="full", samples=[Sample(id="a", input="1")])
    assert verify_content(dataset, dataset.digest) is dataset
    with pytest.raises(DatasetError, match=f"{dataset.digest}, not {'0' * 64}"):
        verify_content(dataset, "0" * 64)
