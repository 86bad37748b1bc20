"""The table of `lleval hosts check`: this machine and each host in a line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..distribution.fleetcheck import describe_here, list_other_packages
from ..distribution.inventory import ROOT, list_assets, list_packages
from ..distribution.probing import Probe
from ..reports.escaping import escape_text

__all__ = ["make_table"]

_HEAD = (
    *("host", "reached", "round trip", "clock", "python", "pytest-lleval", "packages", "cores", "memory"),
    *("GPUs", "models and data"),
)
_NOTHING = "-"
_DIGITS = 12
_MOST = 60


def make_table(probes: Mapping[str, Probe]) -> list[str]:
    """Return the lines of the table.

    :param probes: by the host's name
    """
    facts = {**describe_here(), "packages": list_packages(), "assets": list_assets()}
    rows = [_HEAD, ("this machine", "", "", "", *_describe(facts, f"{len(list_packages())}"))]
    for name, probe in probes.items():
        reached = "yes" if probe.facts or probe.round_trip else "no"
        met = [_format_time(probe.round_trip), _format_clock(probe)] if probe.round_trip else []
        others = len(list_other_packages(probe)) if "code" in probe.facts else None
        told = _describe(probe.facts, _NOTHING if others is None else f"{others} differ" if others else "same")
        rows.append((name, reached, *(met or [_NOTHING] * 2), *told))
    return list(_align(rows))


def _describe(facts: Mapping[str, Any], packages: str) -> list[str]:
    versions = facts.get("packages", {})
    code = str(facts.get("code") or "")[:_DIGITS]
    memory = facts.get("memory_bytes")
    return [
        _show(facts.get("python")),
        _show(f"{versions.get(ROOT, '')} {code}".strip()),
        packages,
        _show(facts.get("cpus_usable")),
        f"{memory / 1e9:.0f} GB" if isinstance(memory, int | float) else _NOTHING,
        _show(_count(str(gpu.get("name")) for gpu in facts.get("gpus") or [])),
        _show(", ".join(name for name, there in (facts.get("assets") or {}).items() if there)),
    ]


def _count(names: Iterable[str]) -> str:
    listed = list(names)
    return ", ".join(f"{listed.count(name)} x {name}" for name in dict.fromkeys(listed))


def _format_time(seconds: float) -> str:
    return f"{seconds:.2f} s" if abs(seconds) >= 1 else f"{1000 * seconds:.1f} ms"


def _format_clock(probe: Probe) -> str:
    """Return how far a clock is ahead; a path that is slower in one direction may move that by half a round trip."""
    offset = _format_time(probe.clock_offset)
    sign = "" if offset.startswith("-") else "+"
    return f"{sign}{offset} ± {_format_time(probe.round_trip / 2)}".replace("-0.0 ms", "+0.0 ms")


def _show(value: object) -> str:
    text = escape_text(str(value)) if value not in (None, "") else _NOTHING
    return text if len(text) <= _MOST else text[: _MOST - 1] + "…"


def _align(rows: Sequence[Sequence[str]]) -> Iterable[str]:
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
