"""What a test of grades gets."""

import pytest

from pytest_lleval.scoring.grading import Grade


@pytest.fixture
def grade():
    return Grade("tests/test_tickets.py::test_routes[row-1]")
