from pathlib import Path

import pytest

from pytest_lleval.bridges.columns import parse_mapping
from pytest_lleval.bridges.detect import read_observations
from pytest_lleval.core.errors import LlevalError


def test_what_is_of_no_tool_is_a_table(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_text("size,latency_s\n1,2\n", encoding="utf-8")
    assert read_observations(path).format == "CSV table"


@pytest.mark.parametrize(
    ("name", "form", "words", "message"),
    [
        ("nosuch", "auto", [], "nosuch: there is no such file or directory"),
        ("x.jsonl", "tabel", [], "lleval audit --format: no format is called 'tabel'; did you mean 'table'?"),
        ("x.jsonl", "auto", ["latency=a"], "is read as lm-eval, whose fields are known; add --format table"),
        ("", "auto", [], "holds neither a run of ours (samples.jsonl) nor results of lm-eval"),
        ("", "auto", ["latency=a"], "is a directory; name the table in it"),
        ("x.jsonl", "lleval", [], "is no run of ours"),
    ],
)
def test_what_cannot_be_read_is_one_error(name: str, form: str, words: list[str], message: str, tmp_path: Path) -> None:
    (tmp_path / "x.jsonl").write_text('{"doc_id": 1, "resps": [["a"]]}\n', encoding="utf-8")
    with pytest.raises(LlevalError) as caught:
        read_observations(tmp_path / name, form, parse_mapping(words))
    assert message in str(caught.value)
