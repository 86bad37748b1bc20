"""What a run is compared with, for the page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ...analysis.contrast import Contrast, contrast_runs, find_flips
from ...core.errors import LlevalError
from ..view import RunView, load_baseline
from .rows import Flips

__all__ = ["collect_flips", "contrast_view"]


def contrast_view(view: RunView) -> Sequence[Contrast]:
    """Return how each suite and model differs from the baseline; nothing where there is none, or it is gone."""
    if view.baseline is None or not view.results:
        return ()
    try:
        return contrast_runs(view.results, load_baseline(Path(view.baseline)))
    except LlevalError:
        # the view has said so already
        return ()


def collect_flips(contrasts: Sequence[Contrast]) -> Flips:
    """Return the samples whose score changed."""
    return {
        (found.new.suite, found.new.model, sample): (was, now)
        for found in contrasts
        for sample, was, now in find_flips(found)
    }
