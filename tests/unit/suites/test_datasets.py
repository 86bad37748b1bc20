import csv
import datetime
import io
import json
import math
import sys
import time
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_lleval.core.errors import DatasetError, UnknownNameError, UsageError
from pytest_lleval.core.records import Sample
from pytest_lleval.suites.dataset_values import make_safe_id
from pytest_lleval.suites.datasets import load_rows
from pytest_lleval.suites.definition import Dataset

PLACE = "tests/test_tickets.py::test_routes: @pytest.mark.lleval(dataset=…)"


@pytest.fixture
def load(tmp_path):
    def load_from(dataset, **options):
        return load_rows(dataset, folder=tmp_path, place=PLACE, **options)

    return load_from


@pytest.fixture
def read(tmp_path, load):
    """Write a file and load it."""

    def write_and_load(name: str, content: bytes | str):
        (tmp_path / name).write_bytes(content.encode() if isinstance(content, str) else content)
        return load(name)

    return write_and_load


@pytest.fixture
def yaml():
    pytest.importorskip("yaml")


def columns(loaded):
    return [dict(row.columns) for row in loaded.rows]


def samples(loaded):
    return [row.sample for row in loaded.rows]


def ids(loaded):
    return [row.sample.id for row in loaded.rows]


# what a row becomes


def test_columns_keep_their_names_and_all_become_metadata(read):
    row = {"id": "a", "question": "q", "answer": ["x", "y"], "choices": ["x", 2], "subject": "g", "cluster": "c"}
    (loaded,) = read("d.jsonl", json.dumps(row)).rows
    assert loaded.columns == row
    assert loaded.sample == Sample(id="a", input="q", target=("x", "y"), choices=("x", "2"), group="g", metadata=row)
    assert loaded.sample.cluster == "c"


@pytest.mark.parametrize("column", ["input", "question", "prompt"])
def test_the_input_is_the_first_column_of_these(load, column):
    assert samples(load([{"prompt": "last", column: "x"}]))[0].input == "x"


@pytest.mark.parametrize("column", ["target", "answer", "expected", "label"])
def test_the_target_is_the_first_column_of_these(load, column):
    assert samples(load([{"label": "last", column: "x"}]))[0].target == "x"


@pytest.mark.parametrize("column", ["group", "category", "subject"])
def test_the_group_is_the_first_column_of_these(load, column):
    assert samples(load([{"subject": "last", column: "x"}]))[0].group == "x"


def test_a_column_that_holds_nothing_leaves_the_next_its_place(load):
    assert samples(load([{"input": None, "question": "q", "target": None}]))[0] == Sample(
        id="row-0", input="q", metadata={"input": None, "question": "q", "target": None}
    )


@pytest.mark.parametrize(
    ("value", "text"),
    [("None", "None"), (" 0,1", " 0,1"), (18, "18"), (18.5, "18.5"), (True, "true"), ({"a": "é"}, '{"a": "é"}')],
)
def test_a_target_is_a_text_and_its_column_what_it_was(load, value, text):
    (row,) = load([{"target": value}]).rows
    assert row.sample.target == text
    assert row.columns["target"] is value


def test_choices_of_another_shape_are_left_to_the_columns(load):
    (row,) = load([{"choices": {"text": ["a"], "label": ["A"]}}]).rows
    assert row.sample.choices == ()
    assert row.columns["choices"]["text"] == ["a"]


# ids


def test_rows_without_an_id_are_counted_from_0(read):
    assert ids(read("d.jsonl", '{"input": "a"}\n\n{"sample_id": 7}\n{"input": "b"}')) == ["row-0", "7", "row-2"]


@pytest.mark.parametrize(
    ("written", "safe"),
    [
        ("HumanEval/0", "HumanEval/0"),
        ("größe 1%", "größe 1%"),
        ("a\nb", "a%0Ab"),
        ("a::b:c", "a%3A:b:c"),
        ("t[1]", "t%5B1%5D"),
        ("%5B", "%255B"),
        ("\ud800", "%ED%A0%80"),
        ("a\u202eb", "a%E2%80%AEb"),
    ],
)
def test_what_cannot_stand_in_a_node_id_is_escaped(load, written, safe):
    assert ids(load([{"id": written}])) == [safe]


@given(st.lists(st.text(st.sampled_from("ab:[]%5BD\n\0é\ud800 "), min_size=1), unique=True, min_size=2))
def test_ids_that_differ_stay_different_and_safe(written):
    safe = [make_safe_id(text) for text in written]
    assert len(set(safe)) == len(safe)
    for text in safe:
        assert "::" not in text
        assert not set("[]\n\0") & set(text)
        text.encode()


@pytest.mark.parametrize("bad", ["", " ", None, True, 1.5, ["a"]])
def test_an_id_is_an_integer_or_a_text(load, bad):
    with pytest.raises(DatasetError, match=r"row 1: sample_id is .*; an id is an integer or a text that is not empty"):
        load([{"id": "a"}, {"sample_id": bad}])


@pytest.mark.parametrize("pair", [("a", "a"), (1, "1"), ("row-1", None)])
def test_an_id_that_occurs_twice_is_named_with_both_places(read, pair):
    lines = [json.dumps({"id": value} if value is not None else {"input": "x"}) for value in pair]
    with pytest.raises(DatasetError, match=r"d.jsonl:2: the id '.*' was used at .*d.jsonl:1 already"):
        read("d.jsonl", "\n".join(lines))


# files


def test_a_path_starts_from_the_folder_of_the_test(tmp_path, load):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "d.JSONL").write_text('{"input": "a"}')
    loaded = load("data/d.JSONL")
    assert (loaded.name, loaded.origin) == ("d.JSONL", str(tmp_path / "data" / "d.JSONL"))
    assert load(Path("data/d.JSONL")).digest == load(tmp_path / "data" / "d.JSONL").digest == loaded.digest


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("d.jsonl", '{"id": "a", "n": "1"}\n{"id": "b", "n": "2"}\n'),
        ("d.ndjson", '\ufeff{"id": "a", "n": "1"}\r\n{"id": "b", "n": "2"}'),
        ("d.json", '\ufeff[{"id": "a", "n": "1"}, {"id": "b", "n": "2"}]'),
        ("d.json", '{"samples": [{"id": "a", "n": "1"}, {"id": "b", "n": "2"}], "version": 1}'),
        ("d.csv", '\ufeffid,n\r\na,1\r\n\r\n"b",2\r\n'),
        ("d.tsv", "id\tn\na\t1\nb\t2\n"),
        ("d.yaml", "\ufeff- id: a\n  n: '1'\n- {id: b, n: '2'}\n"),
        ("d.yml", "samples:\n- id: a\n  n: '1'\n- id: b\n  n: '2'\n"),
    ],
)
def test_every_kind_of_file_gives_the_same_rows(read, request, name, content):
    if name.endswith((".yaml", ".yml")):
        request.getfixturevalue("yaml")
    loaded = read(name, content)
    assert columns(loaded) == [{"id": "a", "n": "1"}, {"id": "b", "n": "2"}]
    # pinned: a digest in a manifest of today is compared with one of next year
    assert loaded.digest.startswith("b500f75dc31d2cb1643213bcb9ce98a8")


def test_a_parquet_file_gives_rows_with_its_types(tmp_path, load):
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    day = datetime.date(2026, 1, 2)
    table = pyarrow.table({"id": [1, 2], "question": ["a", None], "choices": [["x"], []], "day": [day, day]})
    parquet.write_table(table, tmp_path / "d.parquet")
    loaded = load("d.parquet")
    assert columns(loaded)[0] == {"id": 1, "question": "a", "choices": ["x"], "day": day}
    assert samples(loaded)[0].choices == ("x",)
    assert samples(loaded)[1].input == ""
    assert samples(loaded)[0].metadata["day"] == "2026-01-02"


@pytest.mark.parametrize(
    ("name", "content", "place", "reason"),
    [
        ("d.jsonl", '{"a": 1}\n{"a": ', "d.jsonl:2: ", "not JSON"),
        ("d.jsonl", '{"a": 1}\n[1]', "d.jsonl:2: ", "not a JSON object"),
        ("d.jsonl", '{"a": 1}\n{"a": NaN}', "d.jsonl:2: ", "column 'a': nan is no value of JSON"),
        ("d.jsonl", '{"a": [{"b": -Infinity}]}', "d.jsonl:1: ", "column 'a': -inf is no value of JSON"),
        ("d.jsonl", '{"a": 1}\n{}', "d.jsonl:2: ", "has no columns"),
        ("d.jsonl", '{"": 1}', "d.jsonl:1: ", "the column name '' is no text"),
        ("d.jsonl", b'{"a": 1}\n{"a": "\xe9"}', "d.jsonl:2: ", "not UTF-8: byte 0xe9"),
        ("d.jsonl", "\n", "d.jsonl: ", "holds no rows"),
        ("d.json", "[]", "d.json: ", "holds no rows"),
        ("d.json", '[{"a": 1},\n{"a" 1}]', "d.json:2: ", "not JSON: Expecting ':'"),
        ("d.json", '{"a": 1}\n{"a": 2}', "d.json:2: ", "a file with one object a line is called .jsonl"),
        ("d.json", '{"rows": []}', "d.json: ", "one of the keys 'samples' and 'tests' (it has 'rows')"),
        ("d.json", "5", "d.json: ", "the document must be a list of rows, not int"),
        ("d.json", '{"samples": {"a": 1}}', "d.json: ", "'samples' must be a list of rows, not dict"),
        ("d.json", '[{"a": 1}, 5]', "d.json, row 1: ", "is int; a row is a mapping"),
        ("d.json", '[["q", "a"]]', "d.json, row 0: ", "is list of 2; a row is a mapping"),
        ("d.json", "[" * 100_000, "d.json: ", "not JSON"),
        ("d.json", b'[\n"\xff"]', "d.json:2: ", "not UTF-8: byte 0xff; save the file as UTF-8"),
        ("d.csv", "", "d.csv: ", "holds no rows"),
        ("d.csv", "a,b\n", "d.csv: ", "holds no rows"),
        ("d.csv", 'a,b\n"x\ny",1\n1,2,3\n', "d.csv:4: ", "has 3 cells for 2 columns ('a', 'b')"),
        ("d.csv", "a,b\n1\n", "d.csv:2: ", "has 1 cells for 2 columns"),
        ("d.csv", 'a,b\n1,2\n"1,2\n3,4\n', "d.csv:3: ", "not a row of the table: unexpected end of data"),
        ("d.csv", 'a,b\n1,"x" y\n', "d.csv:2: ", "quotes inside a quoted cell are doubled"),
        ("d.csv", "a,a\n1,2\n", "d.csv:1: ", "two columns are called 'a'"),
        ("d.csv", "a,,c\n1,2,3\n", "d.csv:1: ", "column 2 of 3 has no name"),
        (
            "d.csv",
            "id;question\n1;2\n",
            "d.csv:1: ",
            "the header is one column, 'id;question'; separate columns by ','",
        ),
        ("d.csv", "What is pi?,3.14,3,4\nx,1,2,3", "d.csv:1: ", "'3.14' is no name of a column"),
        ("d.csv", f"{'long ' * 30},A\nx,B", "d.csv:1: ", "is no name of a column; the first row must name"),
        ("d.csv", b"a\n\xff\xfe\n", "d.csv:2: ", "not UTF-8"),
        ("d.csv", "a\n" + "x" * 200_000, "d.csv:2: ", "very long cells need JSON lines"),
        ("d.tsv", "a,b\n1,2", "d.tsv:1: ", "the header is one column, 'a,b'; separate columns by '\\t'"),
        ("d.parquet", "a,b", "d.parquet: ", "not a Parquet file"),
    ],
)
def test_a_broken_file_is_named_with_line_and_reason(read, tmp_path, name, content, place, reason):
    if name.endswith(".parquet"):
        pytest.importorskip("pyarrow")
    with pytest.raises(DatasetError) as caught:
        read(name, content)
    assert str(caught.value).startswith(str(tmp_path / place))
    assert reason in str(caught.value)


@pytest.mark.parametrize(
    ("content", "place", "reason"),
    [
        ("", "d.yaml: ", "holds no rows"),
        ("[]", "d.yaml: ", "holds no rows"),
        ("samples:\n", "d.yaml: ", "holds no rows"),
        ("- a: 1\n- a: [1\n", "d.yaml:3: ", "not YAML: "),
        ("- a: 1\n- b: !!python/object:os.system x\n", "d.yaml:2: ", "not YAML: could not determine a constructor"),
        ("- a: 1\n  b: 2\n  a: 3\n", "d.yaml:3: ", "the key 'a' occurs twice"),
        ("- a: 1\n- b: {c: 1, c: 2}\n", "d.yaml:2: ", "the key 'c' occurs twice"),
        ("- a: 1\n- 5: x\n", "d.yaml:2: ", "the column name 5 is no text; write it in quotes"),
        ("- a: 1\n- a: .nan\n", "d.yaml:2: ", "column 'a': nan is no value of JSON"),
        ("- a: 1\n- &x\n  a: *x\n", "d.yaml:2: ", "column 'a': "),
        ("- a: 2026-13-45\n", "d.yaml: ", "not YAML: month must be in 1..12"),
        ("- a: 1\n---\n- b: 1\n", "d.yaml:2: ", "not YAML: "),
        ("- a: \x01\n", "d.yaml", "not YAML: "),
        ("just words", "d.yaml: ", "the document is 'just words', not a list of rows"),
        ("prompts: [a]\n", "d.yaml: ", "one of the keys 'samples' and 'tests' (it has 'prompts')"),
    ],
)
def test_broken_yaml_is_named_with_line_and_reason(read, tmp_path, yaml, content, place, reason):
    with pytest.raises(DatasetError) as caught:
        read("d.yaml", content)
    assert str(caught.value).startswith(str(tmp_path / place))
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("No", "No"),
        ("yes", "yes"),
        ("on", "on"),
        ("true", True),
        ("007", "007"),
        ("10:30", "10:30"),
        ("1_000", "1_000"),
        ("=", "="),
        ("18", 18),
        ("-1.5e3", -1500.0),
        ("null", None),
        ("2026-01-02", datetime.date(2026, 1, 2)),
    ],
)
def test_yaml_words_mean_what_they_look_like(read, yaml, written, value):
    (row,) = columns(read("d.yaml", f"- answer: {written}\n"))
    assert row == {"answer": value}
    assert type(row["answer"]) is type(value)


def test_reading_yaml_leaves_pyyaml_as_it_was(read):
    yaml = pytest.importorskip("yaml")
    read("d.yaml", "- a: No\n")
    assert yaml.safe_load("a: No") == {"a": False}


# promptfoo


def test_the_vars_of_promptfoo_tests_become_columns(read, yaml):
    text = """
        prompts: ['{{question}}']
        defaultTest: {vars: {tone: calm, question: none}}
        tests:
          - description: first
            vars: {question: hello}
            assert: [{type: equals, value: hi}]
          - description: second
    """
    loaded = read("promptfooconfig.yaml", text)
    assert columns(loaded) == [
        {"tone": "calm", "question": "hello", "description": "first", "assert": [{"type": "equals", "value": "hi"}]},
        {"tone": "calm", "question": "none", "description": "second"},
    ]
    assert [sample.input for sample in samples(loaded)] == ["hello", "none"]


@pytest.mark.parametrize(
    ("text", "place", "reason"),
    [
        ("tests: file://tests.csv", ": ", "'tests' is 'file://tests.csv', not a list of rows; name the file"),
        ("tests: [file://a.yaml]", ": ", "'tests' refers to 'file://a.yaml', which is not read"),
        ("defaultTest: file://d.yaml\ntests: [{vars: {a: 1}}]", ": ", "'defaultTest' is in another file"),
        ("tests:\n- vars: {a: file://a.txt}", ":2: ", "'a' is in another file, 'file://a.txt'"),
        ("tests:\n- vars: a/*.yaml", ":2: ", "'vars' are in another file, 'a/*.yaml'"),
        ("tests:\n- {vars: {a: 1}, a: 2}", ":2: ", "the variable 'a' is called like a key of the test"),
    ],
)
def test_what_promptfoo_keeps_in_other_files_is_refused(read, tmp_path, yaml, text, place, reason):
    with pytest.raises(DatasetError) as caught:
        read("d.yaml", text)
    assert str(caught.value).startswith(str(tmp_path / f"d.yaml{place}"))
    assert reason in str(caught.value)


# files that are not there


def test_a_missing_file_is_named_with_the_nearest(tmp_path, load):
    (tmp_path / "tickets.jsonl").touch()
    (tmp_path / "tickets.py").touch()
    with pytest.raises(UnknownNameError, match=r"is called 'ticket.jsonl'; did you mean 'tickets.jsonl'") as caught:
        load("ticket.jsonl")
    assert str(caught.value).startswith(PLACE)


def test_a_missing_folder_is_named(load):
    with pytest.raises(UsageError, match=r"'data/d.csv' cannot be found: there is no folder"):
        load("data/d.csv")


def test_a_folder_is_no_file(tmp_path, load):
    (tmp_path / "d.json").mkdir()
    with pytest.raises(UnknownNameError, match=r"no file in .* is called 'd.json'"):
        load("d.json")


@pytest.mark.parametrize("written", ["mmul", "d.txt", "", Path("d.gz")])
def test_what_is_neither_a_suite_nor_a_file_is_named(load, written):
    with pytest.raises(UsageError, match=r"is neither a suite \(.*'?mmlu'?.*\) nor a file that ends in one of \.csv, "):
        load(written, suites=["mmlu"])


@pytest.mark.parametrize(
    ("package", "module", "name"), [("pyyaml", "yaml", "d.yaml"), ("pyarrow", "pyarrow.parquet", "d.parquet")]
)
def test_a_package_that_is_missing_is_named_with_the_way_to_have_it(read, monkeypatch, package, module, name):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(UsageError, match=rf"{name}: needs the package '{package}'.*pip install 'pytest-lleval\["):
        read(name, "")


# rows in the test's own file


def test_rows_may_be_mappings_samples_texts_and_pairs(load):
    sample = Sample(id="s[1]", input="c", target=("x", "y"), metadata={"level": 3})
    loaded = load([{"question": "a"}, "b", ("q", 4), sample])
    assert (loaded.name, loaded.origin) == ("inline", PLACE)
    assert columns(loaded) == [
        {"question": "a"},
        {"input": "b"},
        {"input": "q", "target": 4},
        {"id": "s[1]", "input": "c", "target": ("x", "y"), "choices": (), "group": "", "level": 3},
    ]
    assert samples(loaded)[1:] == [
        Sample(id="row-1", input="b", metadata={"input": "b"}),
        Sample(id="row-2", input="q", target="4", metadata={"input": "q", "target": 4}),
        Sample(id="s%5B1%5D", input="c", target=("x", "y"), metadata={"level": 3}),
    ]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (5, "is int; a row is"),
        (None, "is NoneType; a row is"),
        (["q", "a"], "is list of 2; a row is"),
        (("q", "a", "b"), "is tuple of 3; a row is"),
        ({}, "has no columns"),
        ({1: "a"}, "the column name 1 is no text"),
        ({"a": math.nan}, "column 'a': nan"),
        ({"a": np.array([1.0, math.inf])}, "column 'a': inf"),
        ({"a": Decimal("NaN")}, "column 'a': Decimal"),
        (Sample(id="", input="a"), "id is ''"),
        (Sample(id="a", input="a", metadata={"b": math.nan}), "column 'b': nan"),
    ],
)
def test_a_broken_row_is_named_by_its_number(load, row, reason):
    with pytest.raises(DatasetError) as caught:
        load(["fine", row])
    assert str(caught.value).startswith(f"{PLACE}, row 1: ")
    assert reason in str(caught.value)


def test_no_rows_are_no_dataset(load):
    with pytest.raises(DatasetError, match="holds no rows"):
        load([])


@pytest.mark.parametrize("dataset", [None, 5, {"a": 1}, {"a"}, iter(["a"]), range(3), b"d.csv"])
def test_anything_else_is_refused_with_the_way_out(load, dataset):
    with pytest.raises(UsageError, match=r"a dataset is a suite, a file, a list of rows or a function .* not "):
        load(dataset)


def make_rows():
    return [{"input": "a"}]


def yield_rows():
    yield "a"


def test_a_function_returns_or_yields_rows(load):
    assert (load(make_rows).name, columns(load(make_rows))) == ("make_rows", [{"input": "a"}])
    assert columns(load(yield_rows)) == [{"input": "a"}]
    assert load(make_rows).digest == load(yield_rows).digest == load(["a"]).digest


def break_down():
    yield "a"
    raise KeyError("b")


async def wait():
    return ["a"]


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (break_down, "function 'break_down': failed: KeyError: 'b'"),
        (wait, "function 'wait': returned coroutine; it must return or yield rows"),
        (lambda: "d.csv", "returned str; it must return or yield rows"),
        (lambda: {"a": 1}, "returned dict; it must"),
        (lambda: None, "returned NoneType; it must"),
        (lambda count: [count], "failed: TypeError: .*missing 1 required positional argument: 'count'"),
        (lambda: [5], "row 0: is int"),
        (list, "holds no rows"),
    ],
)
def test_a_function_that_does_not_is_named(load, function, reason):
    with pytest.raises(DatasetError, match=reason) as caught:
        load(function)
    assert str(caught.value).startswith(PLACE)


# what the journal can carry


class Colour(Enum):
    RED = "red"


@dataclass
class Turn:
    role: str
    at: datetime.time


@pytest.mark.parametrize(
    ("value", "carried"),
    [
        (datetime.date(2026, 1, 2), "2026-01-02"),
        (datetime.datetime(2026, 1, 2, 3, tzinfo=datetime.UTC), "2026-01-02T03:00:00+00:00"),
        (Decimal("1.50"), "1.50"),
        (Path("a/b"), "a/b"),
        (Colour.RED, "red"),
        ({"b", "a"}, ["a", "b"]),
        ({1: ("x", Decimal(1))}, {"1": ["x", "1"]}),
        (np.float32(0.5), 0.5),
        (np.array([[1, 2]]), [[1, 2]]),
        (Turn("user", datetime.time(1)), {"role": "user", "at": "01:00:00"}),
        (b"ab", "<2 bytes, sha256 fb8e20fc2e4c3f248c60c39bd652f3c1347298bb977b8b4d5903b85055620603>"),
        (make_rows, f"<{__name__}.make_rows>"),
        (object(), "<builtins.object>"),
    ],
)
def test_other_values_stay_in_the_columns_and_become_json_in_the_metadata(load, value, carried):
    (row,) = load([{"a": value}]).rows
    assert row.columns["a"] is value
    assert row.sample.metadata == {"a": carried}
    json.dumps(dict(row.sample.metadata), allow_nan=False)


# digests


def test_the_digest_is_that_of_the_samples(load):
    loaded = load(["a", ("b", "c")])
    assert loaded.digest == Dataset(name="other", edition="e", samples=samples(loaded)).digest


@pytest.mark.parametrize("other", [["b", "a"], ["a"], [{"id": "x", "input": "a"}, "b"], [{"question": "a"}, "b"]])
def test_other_rows_have_another_digest(load, other):
    assert load(other).digest != load(["a", "b"]).digest


TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
ROWS = st.lists(st.fixed_dictionaries({"question": TEXTS, "note": TEXTS}), min_size=1, max_size=5)


@given(ROWS)
def test_texts_come_back_from_every_file_as_they_were(tmp_path_factory, rows):
    folder = tmp_path_factory.mktemp("rows")
    table = io.StringIO(newline="")
    writer = csv.DictWriter(table, ["question", "note"], lineterminator="\n", quoting=csv.QUOTE_ALL)
    writer.writeheader()
    writer.writerows(rows)
    contents = {
        "d.csv": table.getvalue(),
        "d.jsonl": "\n".join(json.dumps(row, ensure_ascii=False) for row in rows),
        "d.json": json.dumps(rows),
    }
    for name, content in contents.items():
        (folder / name).write_text(content, encoding="utf-8", newline="")
        loaded = load_rows(name, folder=folder, place=PLACE)
        assert columns(loaded) == rows
        assert [sample.input for sample in samples(loaded)] == [row["question"] for row in rows]
        assert loaded.digest == load_rows(rows, folder=folder, place=PLACE).digest


# real data, and much of it


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("gsm8k/test.jsonl", 1319),
        ("promptfoo/jsonl-test-cases/cases.jsonl", 2),
        ("promptfoo/csv-metadata/tests.csv", 3),
        ("promptfoo/simple-test/promptfooconfig.yaml", 5),
        ("promptfoo/separate-test-configs/tests/tests1.yaml", 6),
        ("agentbench/knowledgegraph/std.json", 150),
    ],
)
def test_files_of_others_are_read(data_dir, name, count, request):
    if name.endswith(".yaml"):
        request.getfixturevalue("yaml")
    path = data_dir / name
    if not path.is_file():
        pytest.skip(f"needs {path}")
    loaded = load_rows(name, folder=data_dir, place=PLACE)
    assert len(loaded.rows) == len(set(ids(loaded))) == count


def test_a_whole_benchmark_is_read_in_well_under_a_second(read):
    row = {"question": "What is it? " * 25, "choices": ["a" * 30, "b", "c", "d"], "answer": "A", "subject": "anatomy"}
    lines = "\n".join(json.dumps({"id": f"anatomy/{number}", **row}) for number in range(14_042))
    begun = time.process_time()
    loaded = read("mmlu.jsonl", lines)
    # measured 0.25 s; the bound leaves room for a slower machine
    assert time.process_time() - begun < 1.5
    assert len(loaded.rows) == 14_042
