"""Fixtures for any test: seeds that depend on the test alone, and models that have proven themselves.

This module is imported by every pytest run that has the plugin installed: what the fixtures need is imported when a
test asks for one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from ..core.records import Sample
    from ..scoring.grading import Grade
    from .models import AttachedModel
    from .seeds import TestSeed

__all__ = ["backend", "grade", "lleval_seed", "model", "sample"]


@pytest.fixture
def lleval_seed(request: pytest.FixtureRequest) -> Iterator[TestSeed]:
    """Seed `random`, numpy, torch and Hypothesis for this test, from the run's seed and the test's name.

    Global generators are put back as they were afterwards. A test that seeds one of them itself is disclosed, and
    fails with ``--lleval-strict``.
    """
    from .seeds import open_seed

    with open_seed(request.node) as seed:
        yield seed


@pytest.fixture
def backend(request: pytest.FixtureRequest) -> Iterator[AttachedModel]:
    """Attach the model of ``--lleval-model``, or of ``@pytest.mark.lleval(model=…)``, and say who answers.

    ``@pytest.mark.lleval(backend="real")`` refuses mocks.
    """
    from .models import attach_model

    with attach_model(request.node) as attached:
        yield attached


@pytest.fixture
def model(backend: AttachedModel) -> AttachedModel:
    """Ask the attached model by calling it with a prompt; an async test awaits the answer."""
    return backend


@pytest.fixture
def sample(request: pytest.FixtureRequest) -> Sample:
    """The row of the dataset of ``@pytest.mark.lleval(dataset=…)`` that this case is about."""
    pytest.fail(
        f"{request.node.nodeid} asks for a sample and has no dataset; name one by @pytest.mark.lleval(dataset=…)",
        pytrace=False,
    )


@pytest.fixture
def grade(request: pytest.FixtureRequest) -> Grade:
    """Say what an answer is worth: ``grade(value, name=…)``, ``grade.exact(answer, target)`` and its like.

    Each call returns the grade, which can be asserted. In a test marked with ``@pytest.mark.lleval`` all grades are
    recorded; elsewhere they are only returned.
    """
    from .grades import open_grade

    return open_grade(request.node)
