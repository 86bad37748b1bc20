"""What tests of hosts share."""

from collections.abc import Iterator

import execnet
import pytest


@pytest.fixture
def group() -> Iterator[execnet.Group]:
    """Connections that end with the test."""
    found = execnet.Group(execmodel="thread")
    yield found
    found.terminate(1.0)
