"""Chances that some, or all, of k attempts at a sample succeed."""

from __future__ import annotations

import math

__all__ = ["pass_at_k", "pass_hat_k"]


def pass_at_k(n: int, c: int, k: int) -> float:
    """Estimate without bias the chance that at least one of k attempts succeeds: 1 - C(n - c, k) / C(n, k).

    Chen et al. 2021, arXiv:2107.03374, eq. 1, as a product, which does not overflow.

    :param n: attempts made at the sample
    :param c: how many of them succeeded
    :param k: attempts asked about, at most `n`
    :raises ValueError: when `c` or `k` is not possible
    """
    _check(n, c, k)
    if n - c < k:
        return 1.0
    return 1.0 - math.prod(1 - k / total for total in range(n - c + 1, n + 1))


def pass_hat_k(n: int, c: int, k: int) -> float:
    """Estimate without bias the chance that all of k attempts succeed: C(c, k) / C(n, k).

    Yao et al. 2024, arXiv:2406.12045, section 4.

    :param n: attempts made at the sample
    :param c: how many of them succeeded
    :param k: attempts asked about, at most `n`
    :raises ValueError: when `c` or `k` is not possible
    """
    _check(n, c, k)
    return math.prod((c - done) / (n - done) for done in range(k)) if c >= k else 0.0


def _check(n: int, c: int, k: int) -> None:
    if not 0 <= c <= n or n < 1:
        raise ValueError(f"{c} of {n} attempts cannot have succeeded")
    if not 1 <= k <= n:
        raise ValueError(f"nothing is known of k={k} attempts from n={n}: k must be 1 to n")
