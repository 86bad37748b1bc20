"""Rate limits and budget of the whole run, asked for by every process that makes calls.

One `Quota` lives where the evidence is kept. A call is first reserved at the most it is expected to take, then settled
at what it took. Processes ask through a `QuotaClient`, with messages that are tuples of strings, numbers and None:
``("need", ticket, model, input, output)`` and ``("spent", ticket, input, output, cached)`` go to the quota,
``("go", ticket, refusal)`` comes back.
"""

from __future__ import annotations

import asyncio
import itertools
import math
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, NamedTuple

from ..core.errors import BudgetError, ViolationError
from ..core.records import Usage
from ..core.settings import Settings
from .budgets import Budget, Experience, Need
from .pacing import LEAST_WAIT, Alarm, Pace
from .prices import Price

__all__ = ["Lease", "Message", "Need", "Quota", "QuotaClient", "is_charged"]

Message = tuple[Any, ...]
#: calls of one process that may wait: more than any can have in flight
_MOST_WAITING = 100_000
#: all clients of a process are one owner to the quota
_tickets = itertools.count(1)
#: hears the ticket, and why the call must not be made or None
Reply = Callable[[int, str | None], None]


class _Waiting(NamedTuple):
    ticket: int
    need: Need
    reply: Reply


class _Reservation(NamedTuple):
    need: Need
    most: Usage
    #: input and output tokens the pace was charged with
    expected: tuple[float, float]
    #: what each budget holds for it
    amounts: tuple[float, ...]


class Quota:
    """Grants calls within the limits of a run; safe to use from many threads.

    Waiting calls are answered in turn over the owners, and in order for each of them.

    :param settings: the limits of the run
    :param prices: by model name; what has none costs nothing here
    :param clock: seconds, never going back
    :param make_alarm: makes what calls back after a delay
    """

    def __init__(
        self,
        settings: Settings,
        prices: Mapping[str, Price | None],
        *,
        clock: Callable[[], float] = time.monotonic,
        make_alarm: Callable[[Callable[[], None]], Alarm] = Alarm,
    ) -> None:
        self._prices = prices
        self._clock = clock
        self._requests = Pace(settings.rpm, clock()) if settings.rpm else None
        self._tokens = Pace(settings.tpm, clock()) if settings.tpm else None
        self._paces = [pace for pace in (self._requests, self._tokens) if pace is not None]
        self._budgets = self._make_budgets(settings)
        self._experience: dict[str, Experience] = {}
        self._queues: OrderedDict[str, deque[_Waiting]] = OrderedDict()
        self._open: dict[tuple[str, int], _Reservation] = {}
        self._dropped: set[str] = set()
        self._closed = False
        self._lock = threading.Lock()
        self._alarm = make_alarm(self._ring)
        #: when the alarm will ring
        self._rings_at = math.inf
        self._counts = {"granted": 0, "refused": 0, "unreported": 0, "input_tokens": 0, "output_tokens": 0}
        self._cost = 0.0

    def _make_budgets(self, settings: Settings) -> list[Budget]:
        budgets = []
        if settings.max_tokens_total is not None:
            limit = float(settings.max_tokens_total)
            option = "--lleval-max-tokens-total"
            budgets.append(Budget(option=option, limit=limit, form="{:,.0f} tokens", weigh=_count_tokens))
        if settings.max_cost is not None:
            limit = settings.max_cost
            budgets.append(Budget(option="--lleval-max-cost", limit=limit, form="{:.6g} USD", weigh=self._weigh_cost))
        return budgets

    def _weigh_cost(self, model: str, usage: Usage) -> float:
        price = self._prices.get(model)
        return price.weigh(usage) if price is not None else 0.0

    def receive(self, owner: str, message: Message, reply: Callable[[Message], None]) -> None:
        """Take a message of a `QuotaClient`.

        :param owner: the process it comes from
        :param message: of the form the module describes
        :param reply: sends a message back, from any thread
        """
        if message[0] == "need":
            ticket, need = _decode_need(message)
            self.request(owner, ticket, need, lambda ticket, refusal: reply(("go", ticket, refusal)))
        else:
            self.settle(owner, *_decode_spent(message))

    def request(self, owner: str, ticket: int, need: Need, reply: Reply) -> None:
        """Ask for a call, which is answered once: when it may be made, or that it must not be.

        :param owner: the process that asks
        :param ticket: names the call among the owner's
        :param need: what it is about to take
        :param reply: called in any thread, possibly before this returns; an owner whose `reply` fails is dropped
        :raises ViolationError: when more of the owner's calls wait than it can have
        """
        with self._lock:
            if self._closed or owner in self._dropped:
                return
            queue = self._queues.setdefault(owner, deque())
            if len(queue) >= _MOST_WAITING:
                raise ViolationError(f"more than {_MOST_WAITING:,} calls that wait for room")
            queue.append(_Waiting(ticket, need, reply))
            answers = self._advance()
        self._answer(answers)

    def is_waiting(self, owner: str) -> bool:
        """Tell whether a process has asked for a call and was not answered yet; in any thread."""
        return owner in self._queues

    def settle(self, owner: str, ticket: int, usage: Usage) -> None:
        """Hear what a call took.

        :param usage: as the server reported it; where it reported nothing, what was reserved counts
        """
        with self._lock:
            reservation = self._open.pop((owner, ticket), None)
            if reservation is None:
                return
            self._charge(reservation, usage)
            answers = self._advance()
        self._answer(answers)

    def charge(self, need: Need, usage: Usage) -> None:
        """Count a call of an earlier session of the run.

        :param need: what it was about to take
        :param usage: as the server reported it; where it reported nothing, what would be reserved counts
        """
        with self._lock:
            known = self._know(need.model)
            most = known.reserve(need)
            known.learn(need, usage)
            self._count(need.model, _fill(usage, most))

    def drop(self, owner: str) -> None:
        """Forget a process that has ended: nobody waits there, and what it had reserved counts as spent."""
        with self._lock:
            self._dropped.add(owner)
            self._queues.pop(owner, None)
            for key in [key for key in self._open if key[0] == owner]:
                self._charge(self._open.pop(key), Usage())
            answers = self._advance()
        self._answer(answers)

    def close(self) -> None:
        """Answer nobody any more; what is still reserved counts as spent. Safe to call twice."""
        with self._lock:
            self._closed = True
            self._queues.clear()
            while self._open:
                self._charge(self._open.popitem()[1], Usage())
        self._alarm.close()

    def snapshot(self) -> dict[str, Any]:
        """Return, in JSON values, what was granted, refused and spent; `unreported` calls count as reserved."""
        with self._lock:
            waiting = sum(map(len, self._queues.values()))
            return {**self._counts, "cost": round(self._cost, 6), "open": len(self._open), "waiting": waiting}

    def _ring(self) -> None:
        with self._lock:
            self._rings_at = math.inf
            answers = self._advance()
        self._answer(answers)

    def _answer(self, answers: list[tuple[str, _Waiting, str | None]]) -> None:
        """Reply without the lock: who is answered may ask again at once."""
        for owner, waiting, refusal in answers:
            try:
                waiting.reply(waiting.ticket, refusal)
            except Exception:  # noqa: BLE001  # who cannot be answered has ended; the others go on
                self.drop(owner)

    def _advance(self) -> list[tuple[str, _Waiting, str | None]]:
        """Take from the queues whoever can be answered now."""
        answers: list[tuple[str, _Waiting, str | None]] = []
        now = self._clock()
        while self._queues:
            owner, queue = next(iter(self._queues.items()))
            waiting = queue[0]
            most = self._know(waiting.need.model).reserve(waiting.need)
            amounts = tuple(budget.weigh(waiting.need.model, most) for budget in self._budgets)
            refusal = self._find_excess(amounts)
            if refusal is None and not self._has_room(amounts, now):
                break
            if refusal is None:
                self._grant(owner, waiting, most, amounts)
            self._counts["granted" if refusal is None else "refused"] += 1
            answers.append((owner, waiting, refusal))
            queue.popleft()
            if queue:
                self._queues.move_to_end(owner)
            else:
                del self._queues[owner]
        return answers

    def _find_excess(self, amounts: tuple[float, ...]) -> str | None:
        excesses = (budget.find_excess(amount) for budget, amount in zip(self._budgets, amounts, strict=True))
        return next((excess for excess in excesses if excess is not None), None)

    def _has_room(self, amounts: tuple[float, ...], now: float) -> bool:
        """Tell whether a call may be made now; sets the alarm where only time is missing."""
        if not all(budget.fits(amount) for budget, amount in zip(self._budgets, amounts, strict=True)):
            # what is open will be settled or dropped
            return False
        wait = max((pace.find_wait(now) for pace in self._paces), default=0.0)
        if wait <= 0:
            return True
        wait = max(wait, LEAST_WAIT)
        if now + wait < self._rings_at:
            self._rings_at = now + wait
            self._alarm.set(wait)
        return False

    def _grant(self, owner: str, waiting: _Waiting, most: Usage, amounts: tuple[float, ...]) -> None:
        expected = self._know(waiting.need.model).expect(waiting.need)
        if self._requests is not None:
            self._requests.take(1.0)
        if self._tokens is not None:
            self._tokens.take(sum(expected))
        for budget, amount in zip(self._budgets, amounts, strict=True):
            budget.open += amount
        self._open[owner, waiting.ticket] = _Reservation(waiting.need, most, expected, amounts)

    def _charge(self, reservation: _Reservation, usage: Usage) -> None:
        """Turn a reservation into what was spent."""
        need, most = reservation.need, reservation.most
        if usage.input_tokens is None or usage.output_tokens is None:
            self._counts["unreported"] += 1
        if self._tokens is not None:
            reported = (usage.input_tokens, usage.output_tokens)
            pairs = zip(reservation.expected, reported, strict=True)
            self._tokens.give_back(sum(expected - known for expected, known in pairs if known is not None))
        for budget, amount in zip(self._budgets, reservation.amounts, strict=True):
            budget.open = budget.open - amount if self._open else 0.0
        self._know(need.model).learn(need, usage)
        self._count(need.model, _fill(usage, most))

    def _count(self, model: str, usage: Usage) -> None:
        self._counts["input_tokens"] += usage.input_tokens or 0
        self._counts["output_tokens"] += usage.output_tokens or 0
        self._cost += self._weigh_cost(model, usage)
        for budget in self._budgets:
            budget.spent += budget.weigh(model, usage)

    def _know(self, model: str) -> Experience:
        known = self._experience.get(model)
        if known is None:
            known = self._experience[model] = Experience()
        return known


def is_charged(status: int | None) -> bool:
    """Tell whether a call that failed may have cost something: a server that answers by an error does not charge.

    :param status: of the answer; None where there was none, or it was broken
    """
    return status is None or status < 400


def _fill(usage: Usage, most: Usage) -> Usage:
    """Return what a call took, by what it was expected to take at most where nothing was reported."""
    return Usage(
        input_tokens=most.input_tokens if usage.input_tokens is None else usage.input_tokens,
        output_tokens=most.output_tokens if usage.output_tokens is None else usage.output_tokens,
        cached_tokens=usage.cached_tokens,
    )


class QuotaClient:
    """Asks the run's quota for the calls of one process.

    :param send: sends a message to the quota, which may answer at once
    :param loop: the loop the calls are made on
    """

    def __init__(self, send: Callable[[Message], None], loop: asyncio.AbstractEventLoop) -> None:
        self._send = send
        self._loop = loop
        self._thread: int | None = None
        self._waiting: dict[int, asyncio.Future[None]] = {}

    async def reserve(self, need: Need) -> Lease:
        """Wait until a call may be made.

        :raises BudgetError: when it must not be
        """
        self._thread = threading.get_ident()
        ticket = next(_tickets)
        answer = self._waiting[ticket] = self._loop.create_future()
        self._send(("need", ticket, need.model, need.input_tokens, need.output_tokens))
        lease = Lease(self._send, ticket)
        try:
            await answer
        except asyncio.CancelledError:
            if answer.done() and not answer.cancelled() and answer.exception() is None:
                # it was granted in the very moment the call was cancelled
                lease.give_back()
            raise
        return lease

    def receive(self, message: Message) -> None:
        """Take a message of the quota, in any thread."""
        if threading.get_ident() == self._thread:
            self._hear(message)
        else:
            # nobody waits on a loop that is closed
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._hear, message)

    def _hear(self, message: Message) -> None:
        _, ticket, refusal = message
        answer = self._waiting.pop(ticket)
        if answer.done():
            # the call was cancelled meanwhile
            if refusal is None:
                Lease(self._send, ticket).give_back()
        elif refusal is None:
            answer.set_result(None)
        else:
            answer.set_exception(BudgetError(refusal))


class Lease:
    """The right to make one call; must be settled."""

    __slots__ = ("_send", "_ticket")

    def __init__(self, send: Callable[[Message], None], ticket: int) -> None:
        self._send = send
        self._ticket = ticket

    def settle(self, usage: Usage | None) -> None:
        """Say what the call took.

        :param usage: as the server reported it; None where it may have cost something nobody knows
        """
        usage = usage or Usage()
        self._send(("spent", self._ticket, usage.input_tokens, usage.output_tokens, usage.cached_tokens))

    def give_back(self) -> None:
        """Say that the call was not made, or cost nothing."""
        self.settle(Usage(input_tokens=0, output_tokens=0))


def _decode_need(message: Message) -> tuple[int, Need]:
    _, ticket, model, input_tokens, output_tokens = message
    return ticket, Need(model=model, input_tokens=input_tokens, output_tokens=output_tokens)


def _decode_spent(message: Message) -> tuple[int, Usage]:
    _, ticket, *tokens = message
    # nothing gives tokens back that were spent
    input_tokens, output_tokens, cached_tokens = (None if count is None else max(0, count) for count in tokens)
    return ticket, Usage(input_tokens=input_tokens, output_tokens=output_tokens, cached_tokens=cached_tokens)


def _count_tokens(_: str, usage: Usage) -> float:
    return float((usage.input_tokens or 0) + (usage.output_tokens or 0))
