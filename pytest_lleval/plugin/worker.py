"""The part of a process that asks: provider, pipeline, and the look at what comes next."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import pytest

from ..core.records import Case, Record
from ..core.settings import Settings
from ..execution.asking import Asker
from ..execution.attaching import open_backends, share_connections
from ..execution.pipeline import Pipeline
from ..execution.planning import RunPlan
from .collection import CaseItem, UnscoredError
from .protocol import RECORDS_KEY

__all__ = ["Worker"]

#: begun cases per connection: one slow call must not stop the calls behind it
_DEPTH = 4


class Worker:
    """Asks this process's cases.

    :param connections: how to reach the model servers, by model name
    :param done: case and epoch of what the run has already
    :param workers: how many processes share the run
    """

    def __init__(
        self,
        config: pytest.Config,
        settings: Settings,
        plan: RunPlan,
        *,
        connections: Mapping[str, Mapping[str, str]],
        done: frozenset[tuple[str, int]],
        workers: int,
    ) -> None:
        name = getattr(config, "workerinput", {}).get("workerid", "main")
        number = int(name.removeprefix("gw")) if name.startswith("gw") else 0
        share = share_connections(settings, number % workers, workers)
        backends = open_backends(settings, connections, share)
        self._asker = Asker(plans=plan.plans, backends=backends, settings=settings, worker=name, done=done)

        async def finish() -> None:
            for backend in backends.values():
                await backend.provider.aclose()

        self._pipeline = Pipeline(self._asker.ask, window=_DEPTH * max(share.values()), finish=finish)
        self._queue = _find_queue(config)

    def run_case(self, item: CaseItem) -> None:
        """Take the turn of one case: begin what comes behind it, wait for its records, put them on its report.

        :raises UnscoredError: when an epoch could not be scored
        """
        records = self._take_records(item) if self._asker.missing_epochs(item.case) else ()
        item.stash[RECORDS_KEY] = records
        failed = [record for record in records if record.outcome == "unscored"]
        if failed:
            raise UnscoredError(_explain(failed, len(records)))

    def _take_records(self, item: CaseItem) -> tuple[Record, ...]:
        if self._pipeline.has_room():
            coming, still_mine = self._queue(item)
            self._pipeline.begin(self._keep_missing(coming), still_mine)
        return self._pipeline.take(item.case)

    def _keep_missing(self, items: Iterator[pytest.Item]) -> Iterator[Case]:
        for item in items:
            # one with markers may be skipped when its turn comes
            if isinstance(item, CaseItem) and not item.own_markers and self._asker.missing_epochs(item.case):
                yield item.case

    def close(self) -> list[Record]:
        """Stop asking; return what was answered and never taken."""
        self._pipeline.close()
        return self._pipeline.drain()


Queue = Callable[[CaseItem], tuple[Iterator[pytest.Item], Callable[[Case], bool] | None]]


def _find_queue(config: pytest.Config) -> Queue:
    """Return what tells the items that come next in this process."""
    if hasattr(config, "workerinput"):
        from ..distribution.queue import WorkerQueue  # only where xdist is at work

        return WorkerQueue(config).look_ahead
    return _look_ahead


def _look_ahead(item: CaseItem) -> tuple[Iterator[pytest.Item], None]:
    items = item.session.items
    position = item.session.stash.setdefault(_POSITIONS_KEY, {})
    if not position:
        position.update({id(entry): index for index, entry in enumerate(items)})
    return map(items.__getitem__, range(position.get(id(item), len(items)), len(items))), None


_POSITIONS_KEY: pytest.StashKey[dict[int, int]] = pytest.StashKey()


def _explain(failed: list[Record], epochs: int) -> str:
    first = failed[0]
    several = f" ({len(failed)} of {epochs} epochs)" if epochs > 1 else ""
    return f"unscored: {first.cause}{several}: {first.error}"
