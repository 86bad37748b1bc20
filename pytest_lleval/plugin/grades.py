"""The grades of one test."""

from __future__ import annotations

import pytest

from ..scoring.grading import Grade
from .caserun import find_run

__all__ = ["open_grade"]


def open_grade(item: pytest.Item) -> Grade:
    """Return what collects the grades of a test: of an eval case, where they are recorded, or of any other."""
    run = find_run(item)
    return run.grade if run else Grade(item.nodeid)
