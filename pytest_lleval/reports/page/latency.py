"""How long answers took: quantiles as a table, and the place of the drawing that a script makes of the rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from .markup import Markup, element, join, table
from .rows import Row

__all__ = ["render_latency"]

_QUANTILES = (0.5, 0.9, 0.95, 0.99)


def render_latency(rows: Iterable[Row]) -> Markup:
    """Return the section's content; empty where no model was asked."""
    times: dict[str, list[float]] = {}
    for row in rows:
        if row.seconds is not None and "cached" not in row.flags:
            times.setdefault(f"{row.suite} on {row.model}", []).append(row.seconds)
    if not times:
        return Markup()
    return join([_place_drawing(), _list_quantiles(times)])


def _place_drawing() -> Markup:
    choices = [
        element("button", title, type="button", data_form=form, aria_pressed="true" if form == "histogram" else "false")
        for form, title in (("histogram", "Histogram"), ("curve", "Cumulative"))
    ]
    only = element("label", element("input", type="checkbox", id="latency-listed"), " only the samples listed above")
    tools = element(
        "div", element("div", *choices, class_="choice", role="group", aria_label="Form"), only, class_="tools"
    )
    return element(
        "div",
        tools,
        element(
            "div", id="latency-chart", class_="chart", tabindex="0", role="img", aria_label="Seconds of each answer"
        ),
        element("p", "", id="latency-readout", class_="readout", aria_live="polite"),
        class_="script-only",
    )


def _list_quantiles(times: Mapping[str, list[float]]) -> Markup:
    head = ("seconds of an answer", "n#", "mean#", *(f"p{100 * share:.0f}#" for share in _QUANTILES), "longest#")
    return table("Quantiles of the time of an answer", head, (_list_times(*named) for named in times.items()))


def _list_times(name: str, times: list[float]) -> list[str]:
    ordered = sorted(times)
    found = [_find_quantile(ordered, share) for share in _QUANTILES]
    values = [sum(ordered) / len(ordered), *found, ordered[-1]]
    return [name, f"{len(ordered):,}", *(_tell(value) for value in values)]


def _find_quantile(ordered: list[float], share: float) -> float:
    place = share * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (place - below) * (ordered[above] - ordered[below])


def _tell(seconds: float) -> str:
    return f"{seconds:.3g}" if seconds < 100 else f"{seconds:,.0f}"
