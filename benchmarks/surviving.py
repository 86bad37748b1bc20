"""What the parts of `faults.py` share: where they run, an undisturbed run, and what a journal must hold."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from measuring import Cost, run_measured
from server import Server
from workload import make_session, read_records

Scores = dict[str, tuple[object, ...]]


@dataclass(kw_only=True)
class Finding:
    """What a part has found, and which claims did not hold."""

    text: str = ""
    problems: list[str] = field(default_factory=list)

    def claim(self, holds: bool, problem: str) -> None:
        """Note a problem unless a claim holds."""
        if not holds:
            self.problems.append(problem)


@dataclass(frozen=True, kw_only=True)
class Bench:
    """Where the parts run, and how much they do."""

    folder: Path
    server: Server
    samples: int
    connections: int
    #: seconds the server takes for one answer
    latency: float
    kills: int
    seed: int
    words: tuple[str, ...]

    def make_command(self, run: Path, workers: int, *words: str, url: str | None = None) -> list[str]:
        """Return the command of a session that makes a run.

        :param url: of another server than the bench's
        """
        options = [f"--lleval-model=openai/any@{url or self.server.url}", f"--lleval-run-dir={run}"]
        return self.make_session(workers, *options, *words)

    def make_session(self, workers: int, *words: str, suite: str | None = "suite.py") -> list[str]:
        """Return the command of a session whose model and run are among `words`."""
        return make_session(workers, [f"--lleval-max-connections={self.connections}", *words, *self.words], suite=suite)

    @property
    def patience(self) -> float:
        """Seconds after which a session hangs for all we know."""
        return 120 + 0.05 * self.samples


@dataclass(frozen=True, kw_only=True)
class Reference:
    """An undisturbed run: its cost, its scores, and what it asked beyond its samples."""

    cost: Cost
    scores: Scores
    probes: int


def run_reference(bench: Bench, workers: int) -> Reference:
    """Run without a disturbance.

    :param workers: for ``-n``
    :raises RuntimeError: when not everything is scored
    """
    bench.server.reset()
    run = bench.folder / f"reference{workers}"
    shutil.rmtree(run, ignore_errors=True)
    cost = run_measured(bench.make_command(run, workers), bench.folder, seconds=bench.patience)
    finding = Finding()
    scores = check_journal(finding, run, bench.samples)
    if cost.status != 0 or finding.problems:
        problems = "; ".join(finding.problems)
        raise RuntimeError(f"an undisturbed run ended with {cost.status}; {problems}: {cost.output[-2000:]}")
    stats = bench.server.settle()
    return Reference(cost=cost, scores=scores, probes=stats["requests"] - bench.samples)


def check_journal(finding: Finding, run: Path, samples: int, expected: Scores | None = None) -> Scores:
    """Claim that a journal has one scored record a sample, with the scores expected; return its scores."""
    records = check_records(finding, run, samples)
    unscored = [record for record in records if record["outcome"] != "scored"]
    if unscored:
        finding.problems.append(f"{len(unscored)} unscored, e.g.: {unscored[0]['error']}")
    scores = {record["case"]: _read_scores(record) for record in records}
    if expected is not None:
        other = sum(scores.get(case) != value for case, value in expected.items())
        finding.claim(not other, f"{other} samples have other scores than in an undisturbed run")
    return scores


def check_records(finding: Finding, run: Path, samples: int) -> list[dict[str, Any]]:
    """Claim that a journal has one record a sample, and return them."""
    try:
        records = read_records(run)
    except (OSError, ValueError) as error:
        finding.problems.append(f"the journal cannot be read: {error}")
        return []
    counts = Counter((record["case"], record["epoch"]) for record in records)
    twice = sum(count > 1 for count in counts.values())
    finding.claim(not twice, f"{twice} samples have several records")
    finding.claim(len(counts) == samples, f"{len(counts)} of {samples} samples have a record")
    return records


def _read_scores(record: Mapping[str, Any]) -> tuple[object, ...]:
    return (record["outcome"], *((score["name"], score["value"], score.get("answer")) for score in record["scores"]))
