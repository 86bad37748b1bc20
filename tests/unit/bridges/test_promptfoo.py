import json
from pathlib import Path
from typing import Any

import pytest

from pytest_lleval.bridges.detect import read_observations
from pytest_lleval.core.errors import UsageError


def result(number: int, provider: str = "openai:gpt-4o", **changes: Any) -> dict[str, Any]:
    values = {
        "id": f"row-{provider}-{number}",
        "promptIdx": 0,
        "testIdx": number,
        "promptId": "template",
        "prompt": {"raw": f"Translate: w{number}", "label": "Translate: {{word}}"},
        "vars": {"word": f"w{number}"},
        "provider": {"id": provider, "label": ""},
        "response": {
            "output": f"word {number}",
            "tokenUsage": {"total": 30, "prompt": 20, "completion": 10},
            "cached": False,
        },
        "success": True,
        "failureReason": 0,
        "score": 1,
        "latencyMs": 812,
        "gradingResult": {"pass": True, "score": 1, "reason": "ok"},
    }
    return {**values, **changes}


def write(folder: Path, results: list[dict[str, Any]]) -> Path:
    path = folder / "out.json"
    document = {
        "evalId": "eval-1",
        "results": {
            "version": 3,
            "timestamp": "2025",
            "prompts": [],
            "results": results,
            "stats": {"durationMs": 9000},
        },
        "config": {},
        "metadata": {"promptfooVersion": "0.117.4"},
    }
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


def test_a_result_becomes_an_observation(tmp_path: Path) -> None:
    seen = read_observations(write(tmp_path, [result(0), result(0, "anthropic:claude", promptIdx=1)]))
    one, two = seen.rows
    assert seen.format == "promptfoo JSON"
    assert (one.model, one.provider, one.prompt, one.latency) == ("openai:gpt-4o", "openai", "Translate: w0", 0.812)
    assert (one.prompt_tokens, one.output_tokens, one.output, one.cached) == (20, 10, "word 0", False)
    assert one.sample == two.sample
    assert (seen.wall, seen.facts) == (9.0, {"promptfoo": ("0.117.4",)})


def test_older_files_and_lines_are_read_too(tmp_path: Path) -> None:
    old = tmp_path / "old.json"
    old.write_text(
        json.dumps({"results": {"version": 2, "results": [result(0), result(1)], "table": {}}}), encoding="utf-8"
    )
    lines = tmp_path / "out.jsonl"
    lines.write_text("".join(json.dumps(result(n)) + "\n" for n in range(2)), encoding="utf-8")
    for path in (old, lines):
        assert [row.output for row in read_observations(path).rows] == ["word 0", "word 1"]


def test_an_answer_that_failed_its_assertion_is_an_answer(tmp_path: Path) -> None:
    wrong = result(0, success=False, failureReason=1, error="Expected output to contain x")
    broken = result(1, success=False, failureReason=2, error="Request timed out", response=None)
    seen = read_observations(write(tmp_path, [wrong, broken]))
    assert [row.status for row in seen.rows] == ["ok", "timeout"]


def test_cached_answers_are_known_and_have_no_counts(tmp_path: Path) -> None:
    response = {"output": "x", "cached": True, "tokenUsage": {"total": 30, "cached": 30}}
    (row,) = read_observations(write(tmp_path, [result(0, response=response)])).rows
    assert (row.cached, row.prompt_tokens, row.output_tokens) == (True, None, None)


def test_the_body_of_the_provider_names_the_model_that_answered(tmp_path: Path) -> None:
    raw = json.dumps({"id": "chatcmpl-1", "model": "gpt-4o-2024-08-06", "system_fingerprint": "fp"})
    (row,) = read_observations(write(tmp_path, [result(0, response={"output": {"a": 1}, "raw": raw})])).rows
    assert (row.served, row.response_id, row.fingerprint) == ("gpt-4o-2024-08-06", "chatcmpl-1", "fp")
    assert row.output == '{"a": 1}'


def test_another_file_is_no_result_of_promptfoo(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text('[{"latency": 1}]', encoding="utf-8")
    with pytest.raises(UsageError, match="is no result of promptfoo"):
        read_observations(path, "promptfoo")
