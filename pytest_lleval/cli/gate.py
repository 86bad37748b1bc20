"""``lleval gate``: judge the gates of a run again, or others. Asks no model."""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, get_args

from ..core.encoding import encode_disclosure, encode_verdict
from ..core.gates import Answer, parse_comparison, parse_threshold
from ..core.settings import parse_allowance
from ..execution.rundir import find_run
from ..reports.escaping import escape_text
from ..reports.flags import describe_trust, list_findings
from ..reports.rejudging import Rejudged, Rules, rejudge_run
from ..reports.terminal import render_gates
from .output import say
from .places import find_results

__all__ = ["add_gate_command"]

_FAILED = 1


def add_gate_command(gate: argparse.ArgumentParser) -> None:
    """Add the arguments of ``lleval gate``."""
    gate.add_argument("run_name", nargs="?", default="", metavar="RUN", help="path or name (default: the newest)")
    gate.add_argument(
        "--gate",
        action="append",
        default=[],
        metavar="EXPR",
        help="judge this instead of the run's gates, e.g. 'mmlu:accuracy>=0.60'; repeatable",
    )
    gate.add_argument(
        "--compare-fail",
        action="append",
        default=[],
        metavar="METRIC:TOL",
        help="judge this instead of the run's gates, e.g. accuracy:2%%; repeatable",
    )
    gate.add_argument("--baseline", metavar="FILE|RUN", help="compare with this instead of the run's own baseline")
    gate.add_argument(
        "--fail-on-unscored", metavar="N|N%", help="how many answers may be unscored (default: the run's)"
    )
    gate.add_argument("--json", action="store_true", help="print the answers with their evidence as JSON")
    gate.set_defaults(run=_judge_run)


def _judge_run(parsed: argparse.Namespace) -> int:
    rules = _read_rules(parsed)
    run = find_run(Path.cwd(), parsed.run_name, "lleval gate")
    judged = rejudge_run(run, rules)
    if parsed.json:
        say(json.dumps(_encode(judged), indent=1, sort_keys=True))
    else:
        for line in _render(judged):
            say(escape_text(line))
    return _FAILED if any(found.fails for found in judged.gates) else 0


def _read_rules(parsed: argparse.Namespace) -> Rules:
    allowed = parsed.fail_on_unscored
    return Rules(
        thresholds=tuple(parse_threshold("lleval gate --gate", text) for text in parsed.gate),
        comparisons=tuple(parse_comparison("lleval gate --compare-fail", text) for text in parsed.compare_fail),
        baseline=find_results(parsed.baseline, "lleval gate --baseline") if parsed.baseline is not None else None,
        allowed=parse_allowance("lleval gate --fail-on-unscored", allowed) if allowed is not None else None,
    )


def _render(judged: Rejudged) -> Iterator[str]:
    for line in render_gates(judged.gates):
        yield line.text
    counts = Counter(found.answer for found in judged.gates)
    yield ""
    yield f"gates    {len(judged.gates)}: {', '.join(f'{counts[answer]} {answer}' for answer in get_args(Answer))}"
    yield f"trustworthy: {describe_trust(judged.view.verdicts)}"
    yield from list_findings(judged.view.disclosures)
    if judged.view.baseline:
        yield f"baseline {judged.view.baseline}"
    yield f"run      {judged.view.directory}"


def _encode(judged: Rejudged) -> dict[str, Any]:
    view = judged.view
    return {
        "run": view.directory,
        "baseline": view.baseline,
        "passed": not any(found.fails for found in judged.gates),
        "gates": [asdict(found) for found in judged.gates],
        "trustworthy": view.trustworthy,
        "factors": [encode_verdict(verdict) for verdict in view.verdicts],
        "disclosures": [encode_disclosure(found) for found in view.disclosures],
        "acknowledged": dict(view.acknowledged),
    }
