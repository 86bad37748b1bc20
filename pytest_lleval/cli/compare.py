"""``lleval compare``: set a run against an earlier one, sample by sample. Asks no model."""

from __future__ import annotations

import argparse
import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ..analysis.changes import is_comparable
from ..analysis.contrast import Contrast, contrast_runs, find_flips
from ..core.encoding import encode_disclosure, encode_verdict
from ..core.errors import UnknownNameError, UsageError
from ..core.records import Disclosure, Record
from ..reports.answers import find_answers
from ..reports.contrasting import encode_contrast, render_contrasts, render_costs, render_groups
from ..reports.escaping import escape_text
from ..reports.flags import describe_trust, list_findings
from ..reports.flips import Flip, encode_flip, render_flip
from ..reports.sides import Side, find_differences, read_side
from .output import say
from .places import find_results

__all__ = ["add_compare_command", "parse_count"]

_FLAGGED = 1
_SHOWN = 10


class _Compared(NamedTuple):
    base: Side
    new: Side
    metric: str
    contrasts: Sequence[Contrast]
    differences: Sequence[Disclosure]
    #: those that are shown, of how many
    flips: Sequence[Flip]
    flipped: int


def add_compare_command(compare: argparse.ArgumentParser) -> None:
    """Add the arguments of ``lleval compare``."""
    compare.add_argument("base", metavar="A", help="what is compared with: a run (path or name) or a baseline file")
    compare.add_argument("new", metavar="B", help="the new run or baseline file")
    compare.add_argument("--metric", default="accuracy", metavar="NAME", help="default: accuracy, the first scorer's")
    compare.add_argument("--by-group", action="store_true", help="compare each group too, e.g. the subjects of mmlu")
    compare.add_argument(
        "--flipped",
        nargs="?",
        const="all",
        default=str(_SHOWN),
        metavar="N|all",
        help="how many samples to show whose score changed (default: 10; 0 for none)",
    )
    compare.add_argument("--json", action="store_true", help="print the numbers and findings as JSON")
    compare.set_defaults(run=_compare_runs)


def parse_count(place: str, text: str) -> int | None:
    """Parse how many to show: a number, or ``all`` for None.

    :raises UsageError: for anything else
    """
    if text == "all":
        return None
    if not text.isascii() or not text.isdecimal():
        raise UsageError(f"{place}: {text!r} is neither a number such as 10 nor 'all'")
    return int(text)


def _compare_runs(parsed: argparse.Namespace) -> int:
    count = parse_count("lleval compare --flipped", parsed.flipped)
    places = find_results(parsed.base, "lleval compare A"), find_results(parsed.new, "lleval compare B")
    base, new = (read_side(place) for place in places)
    _check_metric(parsed.metric, base, new)
    contrasts = contrast_runs(new.baseline.results, base.baseline, parsed.metric, by_group=parsed.by_group)
    if not any(found.change for found in contrasts):
        reasons = "; ".join(dict.fromkeys(f"{found.new.suite}: {found.problem}" for found in contrasts))
        raise UsageError(
            f"lleval compare: {places[0]} and {places[1]} have nothing to compare ({reasons or 'no result'})"
        )
    flips = _list_flips(contrasts, parsed.metric)
    shown = _fill_flips(flips[:count], base, new)
    differences = find_differences(new, base)
    compared = _Compared(base, new, parsed.metric, contrasts, differences, shown, len(flips))
    if parsed.json:
        say(json.dumps(_encode(compared), indent=1, sort_keys=True))
    else:
        for line in _render(compared):
            say(escape_text(line))
    return _FLAGGED if any(found.problem for found in contrasts) else 0


def _check_metric(metric: str, base: Side, new: Side) -> None:
    scorers = {scorer for side in (base, new) for part in side.baseline.results for scorer in part.scorers}
    if metric not in scorers and not is_comparable(metric):
        known = ("accuracy", "latency_mean", "latency_p50", "cost", *scorers)
        raise UnknownNameError("lleval compare --metric", "metric that is one of samples", metric, known)


def _list_flips(contrasts: Sequence[Contrast], metric: str) -> list[Flip]:
    return [
        Flip(contrast=contrast, sample=sample, was=was, now=now)
        for contrast in contrasts
        for sample, was, now in find_flips(contrast, metric)
    ]


def _fill_flips(flips: Sequence[Flip], base: Side, new: Side) -> list[Flip]:
    """Find what both answered, in those of the two that are runs."""
    before, after = _find_records(base, flips, is_new=False), _find_records(new, flips, is_new=True)
    return [
        flip._replace(before=before.get(flip.place(is_new=False)), after=after.get(flip.place(is_new=True)))
        for flip in flips
    ]


def _find_records(side: Side, flips: Sequence[Flip], *, is_new: bool) -> Mapping[tuple[str, str, str], Record]:
    wanted: dict[tuple[str, str], set[str]] = {}
    for suite, model, sample in (flip.place(is_new=is_new) for flip in flips):
        wanted.setdefault((suite, model), set()).add(sample)
    return find_answers(side.run, wanted) if side.run is not None else {}


def _render(compared: _Compared) -> Iterator[str]:
    for word, side in (("base", compared.base), ("new", compared.new)):
        models = ", ".join(dict.fromkeys(part.model for part in side.baseline.results))
        part = next((f"; {found.part}" for found in side.baseline.results if found.part), "")
        yield f"{word:<8} {side.baseline.place}: {models or 'nothing was scored'}{part}"
        yield f"{'':<8} trustworthy: {_tell_trust(side)}"
    yield ""
    yield from render_contrasts(compared.contrasts, compared.metric)
    for found in compared.contrasts:
        if found.groups:
            yield ""
            yield from render_groups(found)
    yield ""
    for found in compared.contrasts:
        yield from render_costs(found)
    yield "not the same in both" if compared.differences else "nothing else is known to differ"
    yield from (f"  {line}" for line in list_findings(compared.differences, notes=True))
    if compared.flips:
        yield ""
        yield f"samples whose score changed ({len(compared.flips):,} of {compared.flipped:,})"
        width = shutil.get_terminal_size().columns
        for flip in compared.flips:
            yield from render_flip(flip, width)


def _tell_trust(side: Side) -> str:
    if side.run is not None:
        return describe_trust(side.verdicts)
    factors = sorted({found.factor for found in side.findings})
    return f"no (findings of {', '.join(factors)})" if factors else "a file does not say"


def _encode(compared: _Compared) -> dict[str, Any]:
    return {
        "base": _encode_side(compared.base),
        "new": _encode_side(compared.new),
        "metric": compared.metric,
        "suites": [encode_contrast(found) for found in compared.contrasts],
        "differences": [encode_disclosure(found) for found in compared.differences],
        "flipped": compared.flipped,
        "flips": [encode_flip(flip) for flip in compared.flips],
    }


def _encode_side(side: Side) -> dict[str, Any]:
    return {
        "place": side.baseline.place,
        "models": list(dict.fromkeys(part.model for part in side.baseline.results)),
        "factors": [encode_verdict(verdict) for verdict in side.verdicts],
        "disclosures": [encode_disclosure(found) for found in side.findings],
    }
