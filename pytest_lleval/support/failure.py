"""The root of the error tree; the tree itself is drawn in `core/errors.py`."""

from __future__ import annotations

__all__ = ["AssetError", "LlevalError"]


class LlevalError(Exception):
    """Every error this package raises on purpose."""


class AssetError(LlevalError):
    """A model or dataset file could not be had, or is not the file it should be."""
