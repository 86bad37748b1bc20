"""What became of the hosts of a run, in words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ..disclosure.sessions import label_sessions

__all__ = ["tell_hosts", "tell_run"]

#: seconds within which the same words about a host are one event
_TOGETHER = 30.0


def tell_run(sessions: Sequence[Mapping[str, Any]]) -> list[str]:
    """Tell what became of the hosts of a run.

    :param sessions: of its manifest
    """
    told = []
    for place, session in zip(label_sessions(sessions), sessions, strict=True):
        told += [text + place for text in tell_hosts(session.get("host_events", ()), session["started"])]
        if late := session.get("late"):
            told.append(f"{late:,} records{place} came late, from workers that had been given up, and were ignored")
    return told


def tell_hosts(events: Sequence[Mapping[str, Any]], began: float) -> Iterator[str]:
    """Tell what happened to hosts, in the order it happened, what happened to several workers of one at once.

    :param events: each with ``at``, ``host``, ``text`` and, where it is about one, ``worker``
    :param began: the moment the session began, as ``at`` counts
    """
    told: list[tuple[Mapping[str, Any], list[str]]] = []
    for event in events:
        workers = [str(event["worker"])] if event.get("worker") else []
        same = _find_same(told, event)
        if same is None:
            told.append((event, workers))
        else:
            same += workers
    for event, workers in told:
        who = f" ({', '.join(workers)})" if workers else ""
        yield f"host {event['host']} after {max(0.0, event['at'] - began):.0f} s: {event['text']}{who}"


def _find_same(told: Iterable[tuple[Mapping[str, Any], list[str]]], event: Mapping[str, Any]) -> list[str] | None:
    for known, workers in told:
        near = event["at"] - known["at"] < _TOGETHER
        if near and (known["host"], known["text"]) == (event["host"], event["text"]):
            return workers
    return None
