"""Fixtures shared by all tests."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder of real benchmark data, or a skip."""
    value = os.environ.get("LLEVAL_DATA_DIR")
    if not value or not Path(value).is_dir():
        pytest.skip("needs the benchmark data: set LLEVAL_DATA_DIR")
    return Path(value)
