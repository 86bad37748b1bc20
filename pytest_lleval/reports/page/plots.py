"""Small drawings that need no script: a value with its interval on a line from 0 to 1."""

from __future__ import annotations

from ...analysis.statistics import Estimate
from .markup import Markup, element

__all__ = ["draw_estimate"]


def draw_estimate(estimate: Estimate, label: str) -> Markup:
    """Return a bar up to the value, with its interval above it.

    :param label: what it shows, in words
    """
    low, high = estimate.low, estimate.high
    parts = [
        element("title", label),
        element("rect", x="0", y="6", width="100%", height="4", rx="2", class_="track"),
        element("rect", x="0", y="6", width=_share(estimate.value), height="4", rx="2", class_="bar"),
    ]
    if low is not None and high is not None:
        parts.append(
            element("rect", x=_share(low), y="3", width=_share(high - low), height="10", rx="2", class_="interval")
        )
    parts.append(element("circle", cx=_share(estimate.value), cy="8", r="3.5", class_="point"))
    return element("svg", *parts, class_="estimate", role="img", aria_label=label, height="16")


def _share(value: float) -> str:
    return f"{100 * min(1.0, max(0.0, value)):.2f}%"
