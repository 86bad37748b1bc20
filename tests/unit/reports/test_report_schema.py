"""Reports hold what their schema describes, and nothing else."""

import json
from dataclasses import asdict
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from matrix_runs import cross, fail_call, write_matrix_run
from report_parts import write_evil_run
from run_parts import MOCK, describe_suite, make_record, write_run

from pytest_lleval.core.gates import GateResult, parse_threshold
from pytest_lleval.reports.machine import encode_report
from pytest_lleval.reports.view import load_view


@pytest.fixture(scope="module")
def validator() -> Any:
    schema = json.loads(files("pytest_lleval.reports").joinpath("report.schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def encode(run: Path, **changes: Any) -> Any:
    return json.loads(json.dumps(encode_report(load_view(run)._replace(**changes))))


def test_a_plain_report_is_as_described(validator: Any, tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", [make_record("a", 1.0), make_record("b", None)])
    validator.validate(encode(run))


def test_reports_of_epochs_groups_gates_and_tests_are_as_described(validator: Any, tmp_path: Path) -> None:
    records = [make_record(f"g/{n}", float(n % 2 == e), group="g", epoch=e) for n in range(4) for e in (1, 2)]
    suite = describe_suite(
        kind="tests", gates=[asdict(parse_threshold("-", "pass_rate>=0.5"))], tags=["t"], disclosures=[]
    )
    run = write_run(tmp_path / "run", records, identities=[MOCK], suites=[suite])
    gate = GateResult(gate="accuracy>=0.6", suite="s", model="m", answer="undecided", message="m", evidence={"n": 1})
    report = encode(run, gates=[gate], canaries=["3 planted"], acknowledged={"F3": "a mock"}, baseline="main.json")
    assert report["suites"][0]["epochs"] is not None
    validator.validate(report)


def test_texts_of_any_kind_are_as_described(validator: Any, tmp_path: Path) -> None:
    validator.validate(encode(write_evil_run(tmp_path / "run")))


def write_matrix(run: Path) -> Path:
    slow = [fail_call("a", "s", 7 + number, "slow", seconds=50.0, status=None) for number in range(10)]
    return write_matrix_run(run, [*cross(said="ignored"), *slow, fail_call("b", "m", 7)], contexts=[("b", 5000)])


def test_a_size_matrix_is_as_described(validator: Any, tmp_path: Path) -> None:
    crossed = encode(write_matrix_run(tmp_path / "crossed", cross()))
    assert crossed["matrix"]["crossovers"][0]["crossings"]
    validator.validate(crossed)
    doubtful = encode(write_matrix(tmp_path / "doubtful"))
    cells = doubtful["matrix"]["curves"][0]["cells"]
    assert (cells[0]["wall"]["value"], cells[0]["p95"]) == (None, None)
    assert {code for code, _ in cells[0]["flags"]} >= {"Q", "X", "W"}
    assert doubtful["matrix"]["curves"][0]["off_curve"]
    validator.validate(doubtful)


@pytest.mark.parametrize(
    "place", [[], ["settings"], ["curves", 0], ["curves", 0, "cells", 0], ["crossovers", 0], ["curves", 0, "exponent"]]
)
def test_a_key_of_a_matrix_without_a_description_is_refused(validator: Any, tmp_path: Path, place: list[Any]) -> None:
    report = encode(write_matrix_run(tmp_path / "run", cross()))
    holder = report["matrix"]
    for step in place:
        holder = holder[step]
    holder["unheard_of"] = 1
    # of null or a matrix it says that it is neither
    with pytest.raises(jsonschema.ValidationError):
        validator.validate(report)


@pytest.mark.parametrize("place", [[], ["suites", 0], ["suites", 0, "traffic"], ["models", 0], ["datasets", 0]])
def test_a_key_without_a_description_is_refused(validator: Any, tmp_path: Path, place: list[Any]) -> None:
    report = encode(write_run(tmp_path / "run", [make_record("a")]))
    holder = report
    for step in place:
        holder = holder[step]
    holder["unheard_of"] = 1
    with pytest.raises(jsonschema.ValidationError, match="unheard_of"):
        validator.validate(report)
