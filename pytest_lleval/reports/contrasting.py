"""Two runs set against each other, as lines of text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ..analysis.changes import Change
from ..analysis.contrast import Contrast
from ..core.results import Results
from .fitting import fit_text

__all__ = ["encode_contrast", "render_contrasts", "render_costs", "render_groups"]

_TITLES = ("n", "base", "new", "change", "95 % interval", "p", "fell", "rose")


def render_contrasts(contrasts: Sequence[Contrast], metric: str) -> Iterator[str]:
    """Yield the table of suites, a line each, and why some could not be compared.

    :param contrasts: of all suites and models
    :param metric: what was compared
    """
    several = len({found.new.model for found in contrasts}) > 1
    measured = [found for found in contrasts if found.change is not None]
    rows = [(_name(found, several=several), found.change) for found in measured if found.change is not None]
    if rows:
        yield from _render_table(f"{metric} of", rows)
    for found in contrasts:
        if found.problem:
            yield f"{_name(found, several=True)}: not compared: {found.problem}"


def render_groups(contrast: Contrast) -> Iterator[str]:
    """Yield the table of the groups of a suite."""
    if contrast.groups:
        yield from _render_table(f"group of {contrast.new.suite}", [(found.group, found) for found in contrast.groups])


def render_costs(contrast: Contrast) -> Iterator[str]:
    """Yield what the answers of both cost: how long they took, how many tokens, how many could not be scored."""
    new, base, change = contrast.new, contrast.base, contrast.latency
    if base is None:
        return
    yield f"{new.suite}: base of {base.model}, new of {new.model}" if new.model != base.model else f"{new.suite}:"
    yield f"  samples      {len(base.samples):,} and {len(new.samples):,}, unscored {_tell_unscored(base, new)}"
    if change is not None:
        yield (
            f"  latency p50  {change.base:.4g} s and {change.new:.4g} s: {change.difference:+.1%} "
            f"[{change.low:+.1%}, {change.high:+.1%}] over {change.n:,} samples"
        )
    else:
        yield "  latency p50  not known of the same samples of both"
    counts = [_sum_tokens(part) for part in (base, new)]
    yield f"  tokens       in {counts[0][0]} and {counts[1][0]}, out {counts[0][1]} and {counts[1][1]}"


def _name(contrast: Contrast, *, several: bool) -> str:
    return f"{contrast.new.suite} on {contrast.new.model}" if several else contrast.new.suite


def _render_table(title: str, rows: Sequence[tuple[str, Change]]) -> Iterator[str]:
    width = max(len(title), *(min(48, len(name)) for name, _ in rows), 4)
    cells = [_TITLES, *(_show(change) for _, change in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(_TITLES))]
    for name, row in zip([title, *(name for name, _ in rows)], cells, strict=True):
        numbers = "  ".join(f"{cell:>{size}}" for cell, size in zip(row, widths, strict=True))
        yield f"{fit_text(name, width)}  {numbers}"


def _show(change: Change) -> tuple[str, ...]:
    if change.is_relative:
        values = [f"{value:.4g}" for value in (change.base, change.new)]
        moves = [f"{value:+.1%}" for value in (change.difference, change.low, change.high)]
    else:
        values = [f"{value:.3f}" for value in (change.base, change.new)]
        moves = [f"{value:+.4f}" for value in (change.difference, change.low, change.high)]
    p = "<0.001" if change.p < 0.001 else f"{change.p:.3f}"
    return (f"{change.n:,}", *values, moves[0], f"[{moves[1]}, {moves[2]}]", p, f"{change.fell:,}", f"{change.rose:,}")


def _tell_unscored(base: Results, new: Results) -> str:
    counts = [sum(part.unscored.values()) for part in (base, new)]
    causes = [", ".join(f"{cause} {count}" for cause, count in sorted(part.unscored.items())) for part in (base, new)]
    told = [f"{count:,}" + (f" ({why})" if why else "") for count, why in zip(counts, causes, strict=True)]
    return " and ".join(told)


def _sum_tokens(part: Results) -> tuple[str, str]:
    """Return the tokens of all epochs in and out, or that they are not known."""
    sums = []
    for name in ("input_tokens", "output_tokens"):
        known = [
            getattr(found, name) * found.epochs for found in part.samples.values() if getattr(found, name) is not None
        ]
        whole = len(known) == len(part.samples) and known
        sums.append(f"{sum(known):,.0f}" if whole else "not known")
    return sums[0], sums[1]


def encode_contrast(contrast: Contrast) -> dict[str, Any]:
    """Return the numbers of one suite as JSON values."""
    return {
        "suite": contrast.new.suite,
        "model": contrast.new.model,
        "base_model": contrast.base.model if contrast.base else None,
        "problem": contrast.problem or None,
        "change": _encode_change(contrast.change),
        "latency_p50": _encode_change(contrast.latency),
        "groups": [_encode_change(found) for found in contrast.groups],
        "unscored": {
            "base": dict(contrast.base.unscored) if contrast.base else None,
            "new": dict(contrast.new.unscored),
        },
    }


def _encode_change(change: Change | None) -> dict[str, Any] | None:
    if change is None:
        return None
    return {name: getattr(change, name) for name in Change.__slots__}
