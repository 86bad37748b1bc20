"""Read what a session left behind."""

import json
from pathlib import Path
from typing import Any


def find_runs(root: Path) -> list[Path]:
    return sorted((root / ".lleval" / "runs").glob("*"))


def read_records(run: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run / "samples.jsonl").read_text().splitlines()]


def read_scores(run: Path) -> dict[str, float]:
    """Return the primary score of each case."""
    return {record["case"]: record["scores"][0]["value"] for record in read_records(run)}
