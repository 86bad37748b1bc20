"""What is said of a worker that lies."""

from __future__ import annotations

from collections.abc import Sequence

from ..distribution.audits import Place
from ..execution.audit import Check, Claim

__all__ = ["describe_lie", "describe_odds", "name_place"]

_MOST = 60


def name_place(place: Place) -> str:
    """Return what a worker is called."""
    return f"worker {place.worker}" + (f" on host {place.machine}" if place.machine else "")


def describe_lie(place: Place, check: Check, claims: Sequence[Claim], alone: int) -> str:
    """Say what a worker says that two others contradict.

    :param check: what they are compared by
    :param claims: of the worker whose answer it is, and of two others
    :param alone: which of them is contradicted
    """
    case = claims[0].raw["case"]
    mine, theirs = claims[alone], claims[1 if alone == 0 else 0]
    if check == "request":
        told = "says it has asked another question than two other workers are asked"
    elif check == "scores":
        told = f"scores an answer {_list_scores(mine)}, which two other workers score {_list_scores(theirs)}"
    else:
        told = f"says the answer is {_cut(mine.text)}, and two other workers are told {_cut(theirs.text)}"
    return f"{name_place(place)} {told} ({case})"


def describe_odds(place: Place, counted: tuple[int, int]) -> str:
    """Say how often a worker is contradicted.

    :param counted: how often it was alone with its answer, and in how many disagreements that a third worker decided
    """
    alone, total = counted
    return (
        f"{name_place(place)} was alone with its answer in {alone:,} of {total:,} disagreements that a third worker "
        "decided, where an honest one is in about half"
    )


def _list_scores(claim: Claim) -> str:
    return ", ".join(f"{name} {value:.6g}" for name, value in claim.scores or ())


def _cut(text: str | None) -> str:
    return repr(text if text is None or len(text) <= _MOST else f"{text[:_MOST]}…")
