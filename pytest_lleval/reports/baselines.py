"""Baseline files: the results of a run, small and readable in a review, one line a sample."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..core.errors import RunDirectoryError, UsageError
from ..core.records import Disclosure
from ..core.results import Baseline, Results, SampleResult
from ..execution.rundir import write_text
from ..support.digest import digest_json

__all__ = ["describe_run", "read_baseline", "write_baseline"]

FORMAT, SCHEMA = "lleval-baseline", 1
#: what stands behind the scores of a sample
_COLUMNS = ("epochs", "group", "cluster", "prompt", "seconds", "input_tokens", "output_tokens", "cost")


def write_baseline(file: Path, results: Sequence[Results], facts: Mapping[str, Any]) -> None:
    """Write a baseline file, whole or not at all.

    :param file: where to
    :param results: of the run
    :param facts: of the whole run, as JSON values: when it was made, what is disclosed of it
    :raises RunDirectoryError: when it cannot be written
    """
    content = {
        "format": FORMAT,
        "schema": SCHEMA,
        **facts,
        "results": [_encode_results(part) for part in sorted(results, key=lambda part: (part.suite, part.model))],
    }
    write_text(file, _lay_out({**content, "digest": digest_json(content)}))


def _encode_results(part: Results) -> dict[str, Any]:
    return {
        "suite": part.suite,
        "model": part.model,
        "facts": dict(part.facts),
        "unscored": dict(part.unscored),
        "means": _average_scores(part),
        "scorers": list(part.scorers),
        "columns": [*part.scorers, *_COLUMNS],
        "samples": {name: _encode_sample(found) for name, found in sorted(part.samples.items())},
    }


def _average_scores(part: Results) -> dict[str, Any]:
    """Return what a reader of a diff looks for first: how many samples, and each scorer's mean."""
    known: dict[str, list[float]] = {name: [] for name in part.scorers}
    for found in part.samples.values():
        for name, value in zip(part.scorers, found.scores, strict=True):
            if value is not None:
                known[name].append(value)
    means = {name: _shorten(math.fsum(values) / len(values)) for name, values in known.items() if values}
    return {"samples": len(part.samples), **means}


def _encode_sample(found: SampleResult) -> list[Any]:
    values = [*found.scores, *(getattr(found, name) for name in _COLUMNS)]
    return [_shorten(value) if isinstance(value, float) else value for value in values]


def _shorten(value: float) -> float | int:
    """Return a number in six digits: more are noise in a diff."""
    short = float(f"{value:.6g}")
    return int(short) if short.is_integer() and abs(short) < 1e15 else short


def _lay_out(content: Mapping[str, Any]) -> str:
    """Return JSON with one line a fact, a disclosure and a sample."""
    facts = [f" {json.dumps(name)}: {_lay_out_value(name, value)}" for name, value in content.items()]
    return "{\n" + ",\n".join(facts) + "\n}\n"


def _lay_out_value(name: str, value: Any) -> str:
    if name == "results":
        return _lay_out_lines([_lay_out_results(part) for part in value], "[]", " ")
    if name == "disclosures":
        return _lay_out_lines(list(map(_dump, value)), "[]", " ")
    return _dump(value)


def _lay_out_results(part: Mapping[str, Any]) -> str:
    facts = []
    for name, value in part.items():
        if name == "samples":
            rows = [f"{_dump(sample)}: {_dump(row)}" for sample, row in value.items()]
            facts.append(f"{_dump(name)}: {_lay_out_lines(rows, '{}', '   ')}")
        else:
            facts.append(f"{_dump(name)}: {_dump(value)}")
    return _lay_out_lines(facts, "{}", "  ")


def _lay_out_lines(lines: Sequence[str], brackets: str, indent: str) -> str:
    if not lines:
        return brackets
    return f"{brackets[0]}\n" + ",\n".join(f"{indent} {line}" for line in lines) + f"\n{indent}{brackets[1]}"


def _dump(value: Any) -> str:
    return json.dumps(value, separators=(", ", ": "), sort_keys=True)


def read_baseline(file: Path) -> Baseline:
    """Read a baseline file.

    :raises UsageError: when it cannot be read
    :raises RunDirectoryError: when it is no baseline, of another schema, or was changed by hand
    """
    try:
        raw = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"--lleval-baseline: {file} cannot be read ({error})") from error
    except ValueError as error:
        raise RunDirectoryError(f"{file}: is no baseline: no JSON ({error})") from error
    if not isinstance(raw, dict) or raw.get("format") != FORMAT:
        raise RunDirectoryError(f"{file}: is no baseline; --lleval-save-baseline writes one")
    if raw.get("schema") != SCHEMA:
        raise RunDirectoryError(f"{file}: written with schema {raw.get('schema')!r}, this version reads {SCHEMA}")
    if raw.get("digest") != digest_json({name: value for name, value in raw.items() if name != "digest"}):
        raise RunDirectoryError(
            f"{file}: does not match its digest: it was changed after it was written; save it again by "
            "--lleval-save-baseline"
        )
    try:
        return Baseline(
            place=str(file),
            results=[_decode_results(part) for part in raw["results"]],
            disclosures=tuple(Disclosure(**found) for found in raw["disclosures"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise RunDirectoryError(f"{file}: is a broken baseline ({type(error).__name__}: {error})") from error


def _decode_results(raw: Mapping[str, Any]) -> Results:
    count = len(raw["scorers"])
    return Results(
        suite=raw["suite"],
        model=raw["model"],
        facts=raw["facts"],
        scorers=tuple(raw["scorers"]),
        samples={name: _decode_sample(row, count) for name, row in raw["samples"].items()},
        unscored=raw["unscored"],
    )


def _decode_sample(row: Sequence[Any], scorers: int) -> SampleResult:
    scores = tuple(None if value is None else float(value) for value in row[:scorers])
    if not all(value is None or 0 <= value <= 1 for value in scores) or any(
        value is not None and not math.isfinite(value) for value in scores
    ):
        raise ValueError(f"scores {scores} are not in 0..1")
    return SampleResult(scores, **dict(zip(_COLUMNS, row[scorers:], strict=True)))


def describe_run(manifest: Mapping[str, Any], disclosures: Sequence[Disclosure]) -> dict[str, Any]:
    """Return what a baseline file says of the whole run."""
    return {
        "created": manifest["created"],
        "git": manifest["environment"].get("git"),
        "acknowledged": manifest["settings"].get("acknowledged", {}),
        "disclosures": [
            {"factor": found.factor, "severity": found.severity, "message": found.message}
            for found in disclosures
            if found.severity != "note"
        ],
    }
