import json
from pathlib import Path

import pytest

from pytest_lleval.bridges.columns import parse_mapping
from pytest_lleval.bridges.reading import read_content
from pytest_lleval.bridges.tabular import read_table
from pytest_lleval.core.errors import LlevalError
from pytest_lleval.core.observations import Observations


def read(folder: Path, text: str, *words: str) -> Observations:
    path = folder / "table"
    path.write_text(text, encoding="utf-8")
    return read_table(read_content(path), parse_mapping(words))


def test_a_csv_becomes_observations_in_seconds(tmp_path: Path) -> None:
    seen = read(
        tmp_path,
        "model,prompt_tokens,latency_ms,completion_tokens,status,tokens_per_sec\n"
        "m,128,1500,20,ok,13.3\nm,256,,,timeout,\n",
    )
    one, two = seen.rows
    assert (one.row, one.model, one.prompt_tokens, one.latency, one.output_tokens) == (2, "m", 128, 1.5, 20)
    assert (one.status, one.rate, seen.rate_unit) == ("ok", 13.3, "tokens")
    assert (two.row, two.latency, two.output_tokens, two.status, two.rate) == (3, None, None, "timeout", None)


@pytest.mark.parametrize(
    "text",
    [
        '[{"model": "m", "usage": {"prompt_tokens": 5}, "timing": {"latency_ms": 20}}]',
        '{"model": "m", "usage": {"prompt_tokens": 5}, "timing": {"latency_ms": 20}}\n'
        '{"model": "m", "usage": {"prompt_tokens": 5}, "timing": {"latency_ms": 20}}',
        '{"host": "a", "runs": [{"model": "m", "usage": {"prompt_tokens": 5}, "timing": {"latency_ms": 20}}]}',
        '{"out": {"runs": [{"model": "m", "prompt_tokens": 5, "latency_ms": 20}]}}',
        '{"model": ["m", "m"], "prompt_tokens": [5, 5], "latency_ms": [20, 20]}',
        "model;prompt_tokens;latency_s\nm;5;0,02\n",
        "model\tprompt_tokens\tlatency_s\nm\t5\t0.02\n",
    ],
)
def test_tables_of_all_shapes_say_the_same(text: str, tmp_path: Path) -> None:
    row = read(tmp_path, text).rows[0]
    assert (row.model, row.prompt_tokens, row.latency) == ("m", 5, pytest.approx(0.02))


@pytest.mark.parametrize(
    ("values", "unit", "expected"),
    [
        (["0.5", "1.2"], "s", 0.5),
        (["2", "3"], "s", 2.0),
        (["812", "1430"], "ms", 0.812),
        (["81200000", "9143000"], "ns", 0.0812),
    ],
)
def test_a_time_without_a_unit_is_assumed_and_said_to_be(
    values: list[str], unit: str, expected: float, tmp_path: Path
) -> None:
    seen = read(tmp_path, "size,latency\n" + "".join(f"1,{value}\n" for value in values))
    (use,) = [use for use in seen.columns if use.key == "latency"]
    assert use.unit == unit
    assert "its name has no unit" in use.assumed
    assert seen.rows[0].latency == pytest.approx(expected)


def test_a_unit_named_by_the_user_is_not_assumed(tmp_path: Path) -> None:
    seen = read(tmp_path, "size,took\n1,3\n", "latency=took[min]")
    assert seen.rows[0].latency == 180.0
    assert [use.assumed for use in seen.columns if use.key == "latency"] == [""]


def test_numbers_that_are_none_are_left_out_and_counted(tmp_path: Path) -> None:
    seen = read(
        tmp_path, '[{"latency": NaN, "size": 1}, {"latency": Infinity, "size": 2}, {"latency": 1.5, "size": 3}]'
    )
    assert [row.latency for row in seen.rows] == [None, None, 1.5]
    assert seen.notes == (
        "2 values of column 'latency' are no usable numbers and were left out (first in row 1: 'NaN')",
    )


def test_a_word_in_place_of_a_time_is_what_became_of_the_call(tmp_path: Path) -> None:
    seen = read(tmp_path, "size,latency_s\n1,0.5\n2,timeout\n3,ERROR\n")
    assert [row.status for row in seen.rows] == [None, "timeout", "error"]
    assert seen.notes == ()


@pytest.mark.parametrize(
    ("column", "values", "expected"),
    [
        ("status", ["ok", "200", "504", "failed", "cancelled"], ["ok", "ok", "timeout", "error", "error"]),
        ("status", ["pass", "fail"], [None, None]),
        ("error", ["", "Request timed out", "boom", "null", "false"], ["ok", "timeout", "error", "ok", "ok"]),
        ("ok", ["true", "false"], ["ok", "error"]),
    ],
)
def test_status_and_error_say_what_became_of_a_call(
    column: str, values: list[str], expected: list[str | None], tmp_path: Path
) -> None:
    seen = read(tmp_path, f"size,{column}\n" + "".join(f"1,{value}\n" for value in values))
    assert [row.status for row in seen.rows] == expected


def test_sizes_in_tokens_or_characters_are_prompts_of_that_length(tmp_path: Path) -> None:
    assert read(tmp_path, "n_ctx,latency_s\n128,1\n").rows[0].prompt_tokens == 128
    assert read(tmp_path, "n,latency_s\n128,1\n", "size=n[chars]").rows[0].prompt_chars == 128
    assert read(tmp_path, "size,latency_s\n128,1\n").rows[0].prompt_tokens is None


def test_a_time_of_day_is_no_latency(tmp_path: Path) -> None:
    seen = read(tmp_path, "time,size\n2026-01-01T00:00:00,1\n")
    assert "latency" not in {use.key for use in seen.columns}
    assert read(tmp_path, "start_time,size\n2026-01-01T00:00:00Z,1\n").rows[0].started == 1767225600.0


def test_a_column_named_prompt_that_holds_numbers_is_no_prompt(tmp_path: Path) -> None:
    seen = read(tmp_path, "prompt,latency_s\n128,1\n")
    assert seen.rows[0].prompt is None


@pytest.mark.parametrize(
    ("text", "words", "message"),
    [
        (
            "size,latency_s\n1,fast\n2,slow\n",
            [],
            "table:2: column 'latency_s', taken for latency, holds no number (first: 'fast')",
        ),
        ("latency_s,latency_s\n1,2\n", [], "the header has 'latency_s' twice"),
        ("[]", [], "table: has no rows"),
        ("[1, 2]", [], "holds no list of rows"),
        ('{"a": 1}', [], "holds no list of rows"),
        ('[{"latency": 1}, 2]', [], "table, row 2: is 2, not a JSON object"),
        ('{"latency": 1}\n[2]', [], "table:2: is [2], not a JSON object"),
        ("size,latency_s\n1,2\n", ["latency=latency"], "no column is called 'latency'; did you mean 'latency_s'?"),
    ],
)
def test_a_table_that_cannot_be_read_is_one_error(text: str, words: list[str], message: str, tmp_path: Path) -> None:
    with pytest.raises(LlevalError) as caught:
        read(tmp_path, text, *words)
    assert message in str(caught.value)


def test_many_rows_are_read_in_seconds(tmp_path: Path) -> None:
    lines = (
        json.dumps({"model": "m", "size": n % 1000, "latency_ms": n % 977 + 1, "output": f"a{n}"})
        for n in range(20_000)
    )
    assert len(read(tmp_path, "\n".join(lines)).rows) == 20_000
