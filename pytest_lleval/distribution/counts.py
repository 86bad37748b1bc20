"""How many items pytest shows; imported where xdist may not be."""

from __future__ import annotations

import pytest

__all__ = ["WITHHELD"]

#: how many items were collected that no worker will run
WITHHELD: pytest.StashKey[int] = pytest.StashKey()
