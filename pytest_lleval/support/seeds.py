"""Seeds that depend on what is asked, never on who asks or when."""

from __future__ import annotations

import hashlib

from .digest import encode_canonical

__all__ = ["derive_seed"]

_SEED_BITS = 31


def derive_seed(root: int, *words: str | int) -> int:
    """Derive the seed of one sampling run from the run's root seed and the words that name it.

    :param root: the root seed of the run
    :param words: what is asked, e.g. suite, version, sample id, epoch
    :returns: an integer in ``[0, 2**31)``, which every provider's ``seed`` parameter accepts
    """
    raw = hashlib.sha256(encode_canonical([root, *words])).digest()
    return int.from_bytes(raw[:8], "big") >> (64 - _SEED_BITS)
