"""The part of a process that asks: providers, limits, cache, pipeline, and the look at what comes next."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial

import pytest

from ..core.encoding import decode_identity
from ..core.records import BackendIdentity, Case, Completion
from ..disclosure.fingerprint import capture_fingerprint
from ..disclosure.samples import Expected, flag_answer
from ..disclosure.sampling import EnvironmentSampler
from ..execution.asking import Again, Asker
from ..execution.attaching import open_callers, share_connections
from ..execution.cache import ResponseCache, open_cache
from ..execution.calling import Outlet
from ..execution.context import Attached, RunContext
from ..execution.ledger import Entry, make_entry
from ..execution.looks import COUNTED, Looks
from ..execution.pipeline import Pipeline
from ..execution.planning import RunPlan
from ..providers.counting import APPROXIMATION
from ..support.kin import follow_kin
from ..support.seeding import RESEEDED, unwatch
from .collection import CaseItem, UnscoredError, explain_unscored
from .protocol import ENTRIES_KEY
from .queueing import find_queue

__all__ = ["Worker"]

#: begun cases per connection: one slow call must not stop the calls behind it
_DEPTH = 4


class Worker:
    """Asks this process's cases.

    :param config: of the session
    :param plan: of the run
    :param context: what is known of the run
    :param attached: what is known of its models
    :param outlet: gets each record as soon as it is there, and everything else the run must know
    """

    def __init__(
        self, config: pytest.Config, plan: RunPlan, context: RunContext, attached: Attached, outlet: Outlet
    ) -> None:
        share = context.share or share_connections(context.settings, outlet.number, context.workers)
        self._cache: ResponseCache | None = open_cache(context.settings.cache)
        self._callers = open_callers(context, attached, share, self._cache, outlet)
        self._asker = Asker(
            plans=plan.plans,
            callers=self._callers,
            settings=context.settings,
            worker=outlet.worker,
            done=context.done,
            sink=outlet.record,
            looks=_choose_looks(plan, context, attached),
        )
        self._pipeline = Pipeline(self._ask, window=_DEPTH * max(share.values()), finish=self._finish)
        outlet.bind(self._pipeline.loop, sum(share.values()))
        self._queue = find_queue(config)
        self._outlet = outlet
        self._reseeded = Counter(RESEEDED)
        outlet.note_machine({"fingerprint": capture_fingerprint()})
        self._sampler = EnvironmentSampler(self._note_sample, root_pid=context.root or None)
        self._sampler.start()
        follow_kin(self._sampler.adopt)

    def _note_sample(self, sample: dict[str, object]) -> None:
        self._outlet.note_machine({"sample": sample})

    async def _ask(self, case: Case, wanted: Callable[[], bool]) -> tuple[Entry, ...]:
        # what waits for its turn is kept small: the records themselves are in the journal
        return tuple(map(make_entry, await self._asker.ask(case, wanted)))

    async def _finish(self) -> None:
        for caller in self._callers.values():
            await caller.backend.provider.aclose()

    def ask_directly(self, cases: Sequence[Case]) -> None:
        """Ask cases at once; their records go to the outlet alone."""
        self._pipeline.ask_all(cases)

    def ask_again(self, case: Case, epoch: int, answer: Completion, tell: Callable[[Again], None]) -> None:
        """Ask again what another worker has asked.

        :param answer: what the other one was answered
        :param tell: gets what comes of it, which nobody else does
        """

        async def ask() -> None:
            tell(await self._asker.ask_again(case, epoch, answer))

        self._pipeline.begin_aside(ask)

    def run_case(self, item: CaseItem) -> None:
        """Take the turn of one case: begin what comes behind it, wait for its records.

        :raises UnscoredError: when an epoch could not be scored
        """
        entries = self._take_entries(item) if self._asker.missing_epochs(item.case) else ()
        item.stash[ENTRIES_KEY] = entries
        failed = [entry for entry in entries if not entry.scored]
        if failed:
            raise UnscoredError(explain_unscored(failed, len(entries)))

    def _take_entries(self, item: CaseItem) -> tuple[Entry, ...]:
        def refill() -> None:
            coming, still_mine = self._queue(item)
            self._pipeline.begin(self._keep_missing(coming), still_mine)

        # of a suite that is decided nothing is in flight that would have to be kept in flight
        over = (item.case.suite, item.case.model) in self._asker.decided and self._pipeline.holds(item.case)
        if self._pipeline.has_room() and not over:
            refill()
        return self._pipeline.take(item.case, refill)

    def _keep_missing(self, items: Iterator[pytest.Item]) -> Iterator[Case]:
        for item in items:
            # one with markers may be skipped when its turn comes
            if isinstance(item, CaseItem) and not item.own_markers and self._asker.missing_epochs(item.case):
                yield item.case

    def note_decided(self, suite: str, model: str) -> None:
        """Send nothing more of a suite to a model; from any thread."""
        self._asker.decided.add((suite, model))

    def abandon(self) -> None:
        """Send nothing any more, at once and from any thread."""
        self._pipeline.abandon()

    def close(self) -> str:
        """Stop asking; return what went wrong with the response cache, if anything did."""
        self._pipeline.close()
        self._sampler.stop()
        # tests tell of theirs themselves
        found = {place: count for place, count in (RESEEDED - self._reseeded).items() if place.startswith("suite ")}
        self._outlet.note_machine({"cpu": time.process_time(), "reseeded": found})
        unwatch()
        if self._cache is None:
            return ""
        self._cache.close()
        return self._cache.problem


def _choose_looks(plan: RunPlan, context: RunContext, attached: Attached) -> Looks:
    identities = [decode_identity(raw) for raw in attached.identities]
    exact = {identity.spec for identity in identities if _has_tokenizer(identity)}
    counted = plan.spread(COUNTED) if exact else frozenset[str]()
    return Looks(
        checked=plan.spread(context.settings.check_seed) if context.settings.check_seed else frozenset(),
        counted=frozenset(case.id for case in plan.cases if case.id in counted and case.model in exact),
        flag={identity.spec: partial(flag_answer, expected=Expected.of(identity)) for identity in identities},
    )


def _has_tokenizer(identity: BackendIdentity) -> bool:
    tokenizer = identity.evidence.get("tokenizer")
    return isinstance(tokenizer, str) and tokenizer != APPROXIMATION and identity.kind == "real"
