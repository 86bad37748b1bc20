"""Answers asked again by another worker: which ones, and what the two say of each other.

Which answers are audited depends on a key that the controller draws for each session and tells nobody before its end,
so a worker cannot know which of its answers will be looked at.
"""

from __future__ import annotations

import heapq
import json
import math
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Literal, NamedTuple

from ..core.encoding import decode_completion, dump_line
from ..core.errors import ViolationError
from ..core.records import Completion, Score
from ..core.schema import Table, is_number, is_text
from .acceptance import accept_line, accept_values

__all__ = [
    "AUDIT_JOURNAL",
    "Check",
    "Choice",
    "Claim",
    "Key",
    "Task",
    "claim_first",
    "decode_task",
    "encode_scores",
    "encode_task",
    "find_difference",
    "find_outvoted",
    "has_same_scores",
    "journal_claim",
    "read_claim",
]

#: the records of answers that were asked again, in the run directory
AUDIT_JOURNAL = "audit.jsonl"

#: case and epoch of an answer
Key = tuple[str, int]
#: what two workers can say differently: what was asked, what the answer is worth, and what the answer is
Check = Literal["request", "scores", "answer"]
#: scores are computed by the same code of the same text: what differs by more was not
_CLOSE = 1e-9


class Choice:
    """A random share of answers, the same whatever order they come in.

    :param share: in 0..1; at least one answer is chosen
    :param keys: all answers there will be
    :param secret: what decides; drawn where there is none
    """

    def __init__(self, share: float, keys: Iterable[Key], secret: bytes | None = None) -> None:
        self.secret = secret or secrets.token_bytes(16)
        known = list(keys)
        count = min(len(known), math.ceil(share * len(known)))
        self.chosen = frozenset(heapq.nsmallest(count, known, key=self.rank))

    def rank(self, key: Key) -> int:
        """Return where an answer comes in the random order."""
        words = f"{key[1]} {key[0]}".encode("utf-8", "surrogatepass")
        return int.from_bytes(blake2b(words, key=self.secret, digest_size=8).digest())


@dataclass(frozen=True, kw_only=True)
class Claim:
    """What one worker says of an answer."""

    worker: str
    #: its record, as JSON values
    raw: Mapping[str, Any]
    #: the scores it gives the audited answer, which is another than its own; None where it cannot say
    scores: tuple[tuple[str, float], ...] | None

    @property
    def text(self) -> str | None:
        """Its own answer."""
        completion = self.raw.get("completion")
        return completion["text"] if completion else None

    @property
    def own(self) -> tuple[tuple[str, float], ...] | None:
        """The scores of its own answer."""
        return _read_scores(self.raw["scores"]) if self.raw["outcome"] == "scored" else None


def claim_first(raw: Mapping[str, Any]) -> Claim:
    """Return what the worker says whose answer is audited."""
    return Claim(worker=raw["worker"], raw=raw, scores=_read_scores(raw["scores"]))


def encode_task(ticket: str, raw: Mapping[str, Any]) -> str:
    """Return what another worker is told: what to ask again, and the answer it is to score again.

    :param raw: the record that is audited
    """
    task = {"ticket": ticket, "case": raw["case"], "epoch": raw["epoch"], "completion": raw["completion"]}
    return dump_line(task)


class Task(NamedTuple):
    """What a worker is to ask again."""

    ticket: str
    case: str
    epoch: int
    #: what another one was answered
    answer: Completion


def decode_task(text: str) -> Task:
    """Read what `encode_task` wrote."""
    raw: dict[str, Any] = json.loads(text)
    return Task(raw["ticket"], raw["case"], raw["epoch"], decode_completion(raw["completion"]))


_SCORED = Table({"name": is_text, "value": is_number})


def read_claim(worker: str, line: str, rescored: str, key: Key) -> Claim:
    """Read what a worker says that has asked an answer again.

    :param line: its record
    :param rescored: the scores it gives the audited answer, as JSON; ``null`` where it cannot say
    :param key: what it was asked
    :raises ViolationError: when it is nothing of the kind
    """
    raw = accept_line(line)
    if raw["worker"] != worker or (raw["case"], raw["epoch"]) != key:
        raise ViolationError(
            f"an audit of {raw['case']!r:.200} in the name of {raw['worker']!r:.40}, not of {key[0]!r}"
        )
    scores = accept_values(rescored)
    if scores is not None and not (isinstance(scores, list) and all(map(_SCORED, scores))):
        raise ViolationError(f"scores that are none: {rescored[:80]!r}")
    return Claim(worker=worker, raw=raw, scores=None if scores is None else _read_scores(scores))


def journal_claim(claim: Claim, audited: str) -> str:
    """Return the line of `AUDIT_JOURNAL` of a claim: its record, whose answer it is about, and what that scores.

    :param audited: the worker whose answer was asked again
    """
    return dump_line({**claim.raw, "audited": audited, "rescored": claim.scores})


def encode_scores(scores: Sequence[Score] | None) -> str:
    """Return scores as `read_claim` reads them."""
    return json.dumps(None if scores is None else [{"name": score.name, "value": score.value} for score in scores])


def _read_scores(scores: Sequence[Mapping[str, Any]]) -> tuple[tuple[str, float], ...]:
    return tuple((score["name"], float(score["value"])) for score in scores)


def find_difference(first: Claim, second: Claim) -> Check | None:
    """Return what two workers say differently of an answer, the gravest; None where they agree, or one cannot say.

    :param first: of the worker that is audited
    :param second: of another one, which has asked the same again
    """
    if _differs("request", first, second):
        return "request"
    if _differs("scores", first, second):
        return "scores"
    return "answer" if _differs("answer", first, second) else None


def _differs(check: Check, one: Claim, other: Claim) -> bool:
    mine, theirs = _say(check, one), _say(check, other)
    return mine is not None and theirs is not None and not _is_same(mine, theirs)


def _say(check: Check, claim: Claim) -> Any:
    if check == "request":
        return claim.raw.get("request")
    return claim.scores if check == "scores" else claim.text


def _is_same(mine: Any, theirs: Any) -> bool:
    if isinstance(mine, tuple) and isinstance(theirs, tuple):
        return has_same_scores(mine, theirs)
    return bool(mine == theirs)


def has_same_scores(mine: tuple[tuple[str, float], ...], theirs: tuple[tuple[str, float], ...]) -> bool:
    """Tell whether scores are the same, but for the last digits of other processors."""
    return len(mine) == len(theirs) and all(
        one[0] == other[0] and math.isclose(one[1], other[1], abs_tol=_CLOSE)
        for one, other in zip(mine, theirs, strict=True)
    )


def find_outvoted(check: Check, claims: Sequence[Claim], *, by_score: bool = False) -> list[int]:
    """Return which of several claims two or more others contradict that agree with each other.

    :param check: what they are compared by
    :param claims: of the same answer
    :param by_score: whether answers count as the same that score the same
    """
    said = [claim.own if by_score and check == "answer" else _say(check, claim) for claim in claims]
    found = []
    for number, mine in enumerate(said):
        others = [theirs for place, theirs in enumerate(said) if place != number and theirs is not None]
        agreed = len(others) > 1 and all(_is_same(others[0], theirs) for theirs in others[1:])
        if mine is not None and agreed and not _is_same(mine, others[0]):
            found.append(number)
    return found
