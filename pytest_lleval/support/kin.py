"""Which processes of this machine belong to the same run as this one without being its relatives.

On a host each worker has a connection of its own, so none descends from another, nor from what serves their models.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

__all__ = ["follow_kin", "note_kin"]

_known: list[int] = []
_followers: list[Callable[[int], None]] = []


def note_kin(pids: Iterable[int]) -> None:
    """Hear of processes; from any thread."""
    for pid in pids:
        if pid not in _known:
            _known.append(pid)
            for follow in _followers:
                follow(pid)


def follow_kin(hear: Callable[[int], None]) -> None:
    """Tell of all that are known and of those that will be.

    :param hear: called with a process id
    """
    _followers.append(hear)
    for pid in _known[:]:
        hear(pid)
