"""The sessions of a run: one after the other in one that was resumed, beside each other in shards put together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

__all__ = ["label_sessions", "list_workers", "measure_wall"]


def label_sessions(sessions: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return what tells the workers of each session from those of the others, to stand behind their names.

    :param sessions: of a run, as its manifest has them
    """
    shards = [str(session.get("shard", "")) for session in sessions]
    if len(sessions) < 2:
        return [""] * len(sessions)
    if len(set(shards)) == 1:
        return [f" of session {number}" for number in range(1, len(sessions) + 1)]
    counts, seen = Counter(shards), Counter[str]()
    labels = []
    for number, shard in enumerate(shards, start=1):
        seen[shard] += 1
        if not shard:
            labels.append(f" of session {number}")
        else:
            labels.append(f" of shard {shard}" + (f", session {seen[shard]}" if counts[shard] > 1 else ""))
    return labels


def list_workers(sessions: Sequence[Mapping[str, Any]], part: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield what is known of each worker of each session, by a name of its own: ``gw0 on big of session 2``.

    :param sessions: of a run, as its manifest has them
    :param part: of a session, whose table of workers is meant; the session's own where it is empty
    """
    for label, session in zip(label_sessions(sessions), sessions, strict=True):
        machines = session.get("workers", {})
        table = session.get(part, {}).get("workers", {}) if part else machines
        for worker, seen in table.items():
            host = machines.get(worker, {}).get("host")
            yield f"{worker} on {host}{label}" if host else f"{worker}{label}", seen


def measure_wall(sessions: Sequence[Mapping[str, Any]]) -> float:
    """Return the seconds in which a session of a run was going on; what several did at the same time counts once.

    :param sessions: of a run, as its manifest has them
    """
    total, until = 0.0, float("-inf")
    for began, ended in sorted((session["started"], session["ended"]) for session in sessions):
        total += max(0.0, ended - max(began, until))
        until = max(until, ended)
    return total
