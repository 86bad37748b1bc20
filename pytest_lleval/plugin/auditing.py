"""The audit of a session: has answers asked again by other workers, and finds out who lies."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from heapq import heappush, heappushpop
from itertools import count
from typing import Any, NamedTuple

from ..core.errors import ViolationError
from ..distribution.audits import AuditQueue, AuditTask, Place
from ..execution.audit import (
    Check,
    Choice,
    Claim,
    Key,
    claim_first,
    encode_task,
    find_difference,
    find_outvoted,
    has_same_scores,
    journal_claim,
    read_claim,
)
from .auditwords import describe_lie, describe_odds

__all__ = ["AuditTerms", "Auditor"]

#: answers of each worker that are kept for the moment it is suspected, of records up to a size
_RESERVE, _MOST_KEPT = 48, 1 << 16
#: of these, how many are asked again whenever it was contradicted
_FURTHER = 4
_MOST_NAMED = 20


@dataclass(frozen=True, kw_only=True)
class AuditTerms:
    """On what terms answers are audited."""

    #: of all answers that is asked again, in 0..1
    share: float
    #: how many workers there are
    workers: int
    #: models whose answers are the same to the same request, by their nature
    exact: frozenset[str]
    #: hears of a worker that lies; in any thread
    convict: Callable[[str, str], None]
    #: keeps a line of the audit's own journal
    keep: Callable[[str], None]
    #: wakes the main thread, which gives audits out
    wake: Callable[[], None]


@dataclass(kw_only=True, eq=False)
class _Audit:
    """One answer that is audited."""

    ticket: str
    key: Key
    task: str
    claims: list[Claim]
    places: list[Place]
    #: what two workers say differently, once they do
    check: Check | None = None


class _Kept(NamedTuple):
    """An answer in reserve; those of the least rank are kept."""

    rank: int
    #: tells two of one rank apart, which are not compared by what is in them
    number: int
    raw: Mapping[str, Any]
    place: Place


@dataclass(kw_only=True)
class _Numbers:
    """What has become of the audits."""

    found: Counter[str] = field(default_factory=Counter)
    #: by worker, how often it was audited, and contradicted by two others
    audited: Counter[str] = field(default_factory=Counter)
    contradicted: Counter[str] = field(default_factory=Counter)
    #: disagreements that nobody could decide
    undecided: list[dict[str, Any]] = field(default_factory=list)


class Auditor:
    """One a session; hears records and audits from the threads of the workers' lines.

    :param terms: of the session
    """

    def __init__(self, terms: AuditTerms) -> None:
        from ..analysis.outvoted import OutvotedWatch  # with numpy, which only a session that audits needs so soon

        self._terms = terms
        self._guard = threading.Lock()
        self._tickets, self._kept = map(str, count(1)), count()
        self._audits: dict[str, _Audit] = {}
        self._choice = Choice(0.0, ())
        self._reserve: dict[str, list[_Kept]] = {}
        self._watch = OutvotedWatch(terms.workers)
        self._numbers = _Numbers()
        self._excluded: set[str] = set()
        self.queue = AuditQueue()

    def choose(self, keys: Iterable[Key]) -> None:
        """Choose among all answers there will be, before the first of them is asked for."""
        self._choice = Choice(self._terms.share, keys)

    def take(self, raw: Mapping[str, Any], worker: str, machine: str) -> None:
        """Hear of a record that was journaled.

        :param raw: the record as JSON values
        :param worker: whose it is
        :param machine: the worker's; empty for this one
        """
        place = Place(worker, machine)
        if raw["outcome"] != "scored" or "completion" not in raw or raw.get("earlier"):
            return
        key = raw["case"], raw["epoch"]
        with self._guard:
            if place.worker in self._excluded:
                return
            if key in self._choice.chosen:
                self.queue.add([self._begin(raw, place)])
            else:
                self._keep(_Kept(-self._choice.rank(key), next(self._kept), raw, place))
                return
        self._terms.wake()

    def _begin(self, raw: Mapping[str, Any], place: Place) -> AuditTask:
        ticket = next(self._tickets)
        audit = _Audit(
            ticket=ticket,
            key=(raw["case"], raw["epoch"]),
            task=encode_task(ticket, raw),
            claims=[claim_first(raw)],
            places=[place],
        )
        self._audits[ticket] = audit
        self._numbers.audited[place.worker] += 1
        return AuditTask(ticket=ticket, text=audit.task, known=tuple(audit.places))

    def _keep(self, kept: _Kept) -> None:
        """Keep the answers of a worker that come first in the random order after those that are audited anyway."""
        if len(kept.raw["completion"]["text"]) > _MOST_KEPT:
            return
        reserve = self._reserve.setdefault(kept.place.worker, [])
        if len(reserve) < _RESERVE:
            heappush(reserve, kept)
        elif kept.rank > reserve[0].rank:
            heappushpop(reserve, kept)

    def hear(self, place: Place, ticket: str, line: str, rescored: str) -> None:
        """Hear what a worker says that has asked an answer again.

        :raises ViolationError: when it was not asked that, or says what no honest worker says
        """
        if self.queue.find(place.worker, ticket) is None:
            raise ViolationError(f"an audit {ticket!r:.40}, which it was not given")
        lies: list[tuple[str, str]] = []
        with self._guard:
            audit = self._audits.get(ticket)
            if audit is not None:
                claim = read_claim(place.worker, line, rescored, audit.key)
                audit.claims.append(claim)
                audit.places.append(place)
                self._numbers.found["asked"] += 1
                self._terms.keep(journal_claim(claim, audit.places[0].worker))
                lies = list(self._judge(audit))
        for worker, reason in lies:
            self._terms.convict(worker, reason)
        # what follows of it is in the queue by now: until then the session is not to end
        self.queue.finish(place.worker, ticket)
        self._terms.wake()

    def _judge(self, audit: _Audit) -> Iterable[tuple[str, str]]:
        """Decide what an audit comes to, or have another worker asked; yield who lies, and why that is known."""
        if len(audit.claims) == 2:
            outcome = self._compare(audit)
            if outcome is not None:
                self._close(audit, outcome)
            else:
                self.queue.add([AuditTask(ticket=audit.ticket, text=audit.task, known=tuple(audit.places))])
            return
        yield from self._decide(audit)

    def _compare(self, audit: _Audit) -> str | None:
        """Return what two claims come to; None where a third one must decide."""
        first, second = audit.claims
        machine = audit.places[0].machine
        self._numbers.found["same_machine"] += bool(machine) and machine == audit.places[1].machine
        audit.check = find_difference(first, second)
        if audit.check is None:
            return "agreed" if second.text is not None else "unanswered"
        if audit.check != "answer":
            return None
        if first.raw["completion"]["cached"] and not audit.places[0].machine:
            # the cache of this machine is out of date, and no worker to blame
            return "stale"
        if not self._is_exact(audit) and first.own and second.own and has_same_scores(first.own, second.own):
            return "same_score"
        return None if self._is_exact(audit) or second.own else "unanswered"

    def _is_exact(self, audit: _Audit) -> bool:
        return audit.claims[0].raw["model"] in self._terms.exact

    def _decide(self, audit: _Audit) -> Iterable[tuple[str, str]]:
        """Hear the third claim."""
        check, exact = audit.check, self._is_exact(audit)
        if check is None:
            return
        by_score = check == "answer" and not exact
        found = find_outvoted(check, audit.claims, by_score=by_score)
        if len(found) != 1 or found[0] > 1:
            self._close(audit, "unlike")
            return
        self._close(audit, "contradicted" if by_score else "lied")
        alone, backed = audit.places[found[0]], audit.places[1 - found[0]]
        self._numbers.contradicted[alone.worker] += 1
        if not by_score:
            yield alone.worker, describe_lie(alone, check, audit.claims, found[0])
        elif self._watch.update(alone.worker, backed.worker):
            yield alone.worker, describe_odds(alone, self._watch.count(alone.worker))
        else:
            self._suspect(alone.worker)

    def _suspect(self, worker: str) -> None:
        """Audit more answers of a worker that was contradicted."""
        reserve = self._reserve.get(worker, [])
        reserve.sort(reverse=True)
        further, self._reserve[worker] = reserve[:_FURTHER], sorted(reserve[_FURTHER:])
        self.queue.add([self._begin(kept.raw, kept.place) for kept in further])

    def _close(self, audit: _Audit, outcome: str) -> None:
        self._numbers.found[outcome] += 1
        del self._audits[audit.ticket]

    def give_up(self, tasks: Iterable[AuditTask]) -> None:
        """Hear of audits that nobody can do."""
        with self._guard:
            for task in tasks:
                audit = self._audits.get(task.ticket)
                if audit is not None:
                    self._leave(audit)

    def _leave(self, audit: _Audit) -> None:
        if audit.check is None:
            self._close(audit, "unaudited")
        elif audit.check == "answer" and not self._is_exact(audit):
            self._close(audit, "unlike")
        else:
            self._close(audit, "undecided")
            names = [place.worker for place in audit.places]
            told = {"case": audit.key[0], "epoch": audit.key[1], "workers": names, "about": audit.check}
            self._numbers.undecided.append(told)

    def void(self, workers: Sequence[str]) -> None:
        """Hear of workers that are not believed any more: their answers need no audit, and they are no witnesses."""
        with self._guard:
            self._excluded.update(workers)
            for worker in workers:
                self._reserve.pop(worker, None)
            for audit in list(self._audits.values()):
                if audit.places[0].worker in self._excluded:
                    self.queue.drop([audit.ticket])
                    self._close(audit, "void")
                elif len(audit.places) > 1 and audit.places[1].worker in self._excluded:
                    self._ask_afresh(audit)

    def _ask_afresh(self, audit: _Audit) -> None:
        """Have an answer compared with another worker's: the first that was is none any more."""
        del audit.claims[1:], audit.places[1:]
        audit.check = None
        if not self.queue.is_held(audit.ticket):
            self.queue.drop([audit.ticket])
            self.queue.add([AuditTask(ticket=audit.ticket, text=audit.task, known=tuple(audit.places))])

    def count_undecided(self) -> int:
        """Return how many disagreements nobody could decide."""
        return len(self._numbers.undecided)

    def describe(self) -> dict[str, Any]:
        """Return what the audit has come to, as JSON values."""
        with self._guard:
            numbers = self._numbers
            return {
                "key": self._choice.secret.hex(),
                "chosen": len(self._choice.chosen),
                **dict(numbers.found),
                "undecided_cases": numbers.undecided[:_MOST_NAMED],
                "workers": {
                    name: {"audited": audited, "contradicted": numbers.contradicted[name]}
                    for name, audited in sorted(numbers.audited.items())
                },
            }
