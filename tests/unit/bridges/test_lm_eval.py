import json
from pathlib import Path
from typing import Any

import pytest

from pytest_lleval.bridges.detect import read_observations
from pytest_lleval.core.errors import UsageError

STAMP = "2025-01-15T10-30-00.123456"
ENVIRONMENT = (
    "PyTorch version: 2.4.0\nOS: Ubuntu 22.04\n\nPython version: 3.11.7\n"
    "GPU models and configuration: GPU 0: NVIDIA A100\nGPU 1: NVIDIA A100\n\nNvidia driver version: 535.274.02\n"
)


def sample(number: int, **changes: Any) -> dict[str, Any]:
    values = {
        "doc_id": number,
        "doc": {"question": f"q{number}"},
        "target": "4",
        "arguments": {"gen_args_0": {"arg_0": f"Question: q{number}\nAnswer:", "arg_1": {"until": ["\n"]}}},
        "resps": [[f"the answer is {number}"]],
        "filtered_resps": [str(number)],
        "filter": "strict-match",
        "doc_hash": f"d{number}",
        "prompt_hash": f"p{number}",
        "target_hash": "t",
        "exact_match": 1.0,
    }
    return {**values, **changes}


def results(**changes: Any) -> dict[str, Any]:
    values = {
        "results": {"gsm8k": {"alias": "gsm8k", "exact_match,strict-match": 0.5}},
        "configs": {"gsm8k": {}},
        "config": {"model": "hf", "model_args": "pretrained=org/m", "use_cache": None},
        "model_name": "org/m",
        "git_hash": "abc",
        "pretty_env_info": ENVIRONMENT,
        "transformers_version": "4.46",
        "total_evaluation_time_seconds": "12.5",
    }
    return {**values, **changes}


def write_results(folder: Path, value: dict[str, Any]) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / f"results_{STAMP}.json"
    path.write_text(json.dumps(value), encoding="utf-8")
    return path


def write_samples(folder: Path, samples: list[dict[str, Any]]) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / f"samples_gsm8k_{STAMP}.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in samples), encoding="utf-8")
    return path


def test_samples_know_their_model_by_the_results_beside_them(tmp_path: Path) -> None:
    write_results(tmp_path, results())
    path = write_samples(tmp_path, [sample(0), sample(1), sample(0, filter="flexible-extract")])
    seen = read_observations(path)
    assert seen.format == "lm-eval samples"
    first, second = seen.rows
    assert (first.model, first.sample, first.prompt) == ("org/m", "gsm8k/0", "Question: q0\nAnswer:")
    assert (second.output, second.prompt_digest, second.latency) == ("the answer is 1", "p1", None)
    assert seen.wall == 12.5
    assert seen.facts["gpu"] == ("NVIDIA A100",)
    assert seen.facts["python"] == ("3.11.7",)


def test_results_with_a_name_of_the_user_lie_above_their_samples(tmp_path: Path) -> None:
    write_results(tmp_path, results()).rename(tmp_path / f"first_try_{STAMP}.json")
    path = write_samples(tmp_path / "org__m", [sample(0)])
    for place in (path, tmp_path):
        assert [row.model for row in read_observations(place).rows] == ["org/m"]


def test_samples_alone_have_no_model(tmp_path: Path) -> None:
    seen = read_observations(write_samples(tmp_path, [sample(0)]))
    assert [row.model for row in seen.rows] == [""]


def test_results_may_hold_their_samples_in_the_shape_of_memory(tmp_path: Path) -> None:
    lists = sample(0, arguments=[["Question: q0", {"until": []}]])
    seen = read_observations(write_results(tmp_path, results(samples={"gsm8k": [lists]})))
    assert [(row.model, row.prompt) for row in seen.rows] == [("org/m", "Question: q0")]


def test_results_without_samples_say_so(tmp_path: Path) -> None:
    seen = read_observations(write_results(tmp_path, results()))
    assert seen.rows == ()
    assert seen.notes == ("it has no samples, only their averages: nothing of single answers can be judged",)


@pytest.mark.parametrize("pair", [["-1.5", "False"], [-1.5, False]])
def test_likelihoods_of_choices_are_no_text(pair: list[Any], tmp_path: Path) -> None:
    choices = {f"gen_args_{n}": {"arg_0": "Q:", "arg_1": f" {n}"} for n in range(4)}
    line = sample(0, arguments=choices, resps=[[pair]] * 4, filtered_resps=[pair] * 4)
    (row,) = read_observations(write_samples(tmp_path, [line])).rows
    assert row.output_chars is None
    assert "-1.5" in (row.output or "")


def test_a_directory_of_two_models_is_one_file(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_results(tmp_path / name, results(model_name=name, git_hash=name))
        write_samples(tmp_path / name, [sample(0), sample(1)])
    seen = read_observations(tmp_path)
    assert seen.models == ("a", "b")
    assert seen.facts["git_hash"] == ("a", "b")
    assert seen.wall == 25.0


def test_a_dummy_model_and_a_cache_are_reported(tmp_path: Path) -> None:
    config = {"model": "dummy", "use_cache": "cache.db"}
    seen = read_observations(write_results(tmp_path, results(config=config)))
    assert (seen.mocks, seen.replays) == (("dummy",), ("cache.db",))


def test_another_file_is_no_result_of_lm_eval(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text('[{"latency": 1}]', encoding="utf-8")
    with pytest.raises(UsageError, match="is no result of lm-eval"):
        read_observations(path, "lm-eval")
