"""A run's verdict for GitHub Actions: a page for the step's summary, and commands that mark the job."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from ..analysis.summary import SuiteSummary
from ..core.gates import Answer, GateResult
from ..core.records import Disclosure
from ..disclosure.verdicts import FACTOR_TITLES
from .escaping import escape_text
from .markdown import escape_markdown, render_table
from .matrix_markdown import render_matrix_table
from .matrix_words import find_lone_matrix, say_matrix
from .view import RunView

__all__ = ["render_commands", "render_step_summary", "render_verdict"]

_MOST = 60_000
#: for the line that says how much was left out
_RESERVED = 200
_WORDS: Mapping[Answer, str] = {"fail": "failed", "undecided": "undecided", "unmeasured": "unmeasured"}
_TITLES = {"S": "seeds", "D": "dataset", "A": "answers", **{str(name): title for name, title in FACTOR_TITLES.items()}}


def render_verdict(view: RunView) -> str:
    """Return a run's verdict in words: what the gates say, and whether the numbers may be trusted."""
    doubts = ", ".join(f"{verdict.factor} {verdict.state}" for verdict in view.verdicts if verdict.state != "clean")
    trust = "the numbers are trustworthy" if view.trustworthy else f"not trustworthy ({doubts or 'nothing was seen'})"
    matrix = find_lone_matrix(view)
    if matrix is not None:
        return "; ".join([say_matrix(matrix), *([_describe_gates(view)] if view.gates else []), trust])
    scored = "" if any(summary.scored for summary in view.suites) else "nothing was scored; "
    part = f"{view.part.name}; " if view.part else ""
    return f"{part}{scored}{_describe_gates(view)}; {trust}"


def _describe_gates(view: RunView) -> str:
    counts = Counter(gate.answer for gate in view.gates)
    total = len(view.gates)
    if not total:
        return "no gate was asked for"
    if counts["pass"] == total:
        return f"all {total:,} gates pass" if total > 1 else "the gate passes"
    found = [f"{counts[answer]:,} {word}" for answer, word in _WORDS.items() if counts[answer]]
    return f"of {total:,} gate{'s' if total > 1 else ''} {', '.join(found)}"


def render_step_summary(view: RunView) -> str:
    """Return a run's page in Markdown, at most 60,000 characters long; every line of it ends with a line feed."""
    lines = [f"{line}\n" for line in _render_page(view)]
    length = 0
    for number, line in enumerate(lines):
        length += len(line)
        if length > _MOST - _RESERVED:
            left = len(lines) - number
            return "".join(lines[:number]) + f"\n{left:,} more lines are left out: they are in the job's log.\n"
    return "".join(lines)


def _render_page(view: RunView) -> Iterator[str]:
    yield f"## lleval: {escape_markdown(render_verdict(view))}"
    yield ""
    yield from _render_suites(view)
    if view.gates:
        yield from render_table(("gate", "suite", "model", "answer", "why"), map(_list_gate, view.gates))
        yield ""
    if view.matrix is not None:
        yield from render_matrix_table(view.matrix)
    for found in _find_grave(view):
        yield f"- **{escape_markdown(_name_finding(found))}** {escape_markdown(_describe(view, found))}"
    yield ""
    yield (
        f"Every sample and call is in the run directory {escape_markdown(view.directory)}: upload it as an artifact of "
        "the job, and read it with `lleval report RUN`."
    )
    yield ""


def _render_suites(view: RunView) -> Iterator[str]:
    if view.suites:
        flags = ", ".join(verdict.factor for verdict in view.verdicts if verdict.state == "flagged")
        head = ("suite", "model", "accuracy", "95 % interval", "n", "unscored", "flagged")
        yield from render_table(head, [[*_list_suite(summary), flags or "none"] for summary in view.suites])
        yield ""


def _list_suite(summary: SuiteSummary) -> list[str]:
    causes = ", ".join(f"{cause} {count:,}" for cause, count in sorted(summary.unscored.items()))
    unscored = f"{sum(summary.unscored.values()):,}" + (f" ({causes})" if causes else "")
    estimate = summary.metrics[0].estimate if summary.metrics else None
    if estimate is None:
        return [summary.suite, summary.model, "none", "none", "0", unscored]
    bounded = estimate.low is not None and estimate.high is not None
    interval = f"{estimate.low:.3f} to {estimate.high:.3f}" if bounded else f"none ({estimate.method})"
    return [summary.suite, summary.model, f"{estimate.value:.3f}", interval, f"{estimate.n:,}", unscored]


def _list_gate(gate: GateResult) -> list[str]:
    return [gate.gate, gate.suite, gate.model, gate.answer, gate.message]


def _find_grave(view: RunView) -> list[Disclosure]:
    return [found for found in view.disclosures if found.severity != "note"]


def _name_finding(found: Disclosure) -> str:
    title = _TITLES.get(found.factor, "")
    return f"{found.factor}{f' {title}' if title else ''}: {found.severity}"


def _describe(view: RunView, found: Disclosure) -> str:
    reason = view.acknowledged.get(found.factor)
    return found.message + (f" (acknowledged: {reason})" if reason else "")


def render_commands(view: RunView) -> Iterator[str]:
    """Yield workflow commands: an error for each gate that does not pass, a warning for each finding above a note."""
    # of a shard no gate is judged, which is no fault of it
    level = "notice" if view.part and view.part.is_shard else "error"
    for gate in view.gates:
        if gate.fails:
            place = f"{gate.suite} on {gate.model}: " if gate.model else f"{gate.suite}: "
            yield _command(level, f"lleval gate {gate.answer}: {gate.gate}", place + gate.message)
    for found in _find_grave(view):
        yield _command("warning", f"lleval {_name_finding(found)}", _describe(view, found))


def _command(level: str, title: str, message: str) -> str:
    return f"::{level} title={_escape_property(title)}::{_escape_data(message)}"


def _escape_data(text: str) -> str:
    """Escape as the toolkit's ``escapeData`` does, after what a terminal would obey."""
    plain = escape_text(text, keep="\r\n")
    return plain.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _escape_property(text: str) -> str:
    return _escape_data(text).replace(":", "%3A").replace(",", "%2C")
