"""Run directories as sessions leave them, with the settings that commands on old runs read."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from run_parts import describe_suite, make_completion, make_identity, make_record, write_run

from pytest_lleval.core.gates import Comparison, Threshold, parse_comparison, parse_threshold
from pytest_lleval.core.records import Record, Score
from pytest_lleval.core.settings import ModelSpec, Settings
from pytest_lleval.execution.rundir import MANIFEST, write_json


def make_answer(sample: str, answer: str, target: str = "A", **changes: Any) -> Record:
    """A record of a sample that was answered by a letter."""
    values: dict[str, Any] = {
        "scores": (Score(name="exact", value=float(answer == target), answer=answer),),
        "target": (target,),
        "completion": make_completion(text=answer),
    }
    return make_record(sample, float(answer == target), **{**values, **changes})


def make_answers(answers: str, **changes: Any) -> list[Record]:
    """A record for each letter, with the target A and the samples q0, q1 …"""
    return [make_answer(f"q{number}", answer, **changes) for number, answer in enumerate(answers)]


def write_old_run(
    run: Path,
    records: Iterable[Record],
    *,
    gates: Sequence[str] = (),
    comparisons: Sequence[str] = (),
    baseline: Path | None = None,
    suites: Sequence[dict[str, Any]] = (),
    model: str = "m",
    **settings: Any,
) -> Path:
    thresholds: tuple[Threshold, ...] = tuple(parse_threshold("--lleval-gate", text) for text in gates)
    rules: tuple[Comparison, ...] = tuple(parse_comparison("--lleval-compare-fail", text) for text in comparisons)
    chosen = Settings(
        suites=("s",),
        models=(ModelSpec(provider="openai", model=model),),
        gates=thresholds,
        comparisons=rules,
        **settings,
    )
    identity = make_identity(spec=f"openai/{model}", requested_model=model)
    write_run(run, records, identities=[identity], suites=suites or [describe_suite()])
    manifest = json.loads((run / MANIFEST).read_text(encoding="utf-8"))
    manifest["settings"] = json.loads(json.dumps(chosen.encode()))
    if baseline is not None:
        manifest["baseline"] = str(baseline)
    write_json(run / MANIFEST, manifest)
    return run
